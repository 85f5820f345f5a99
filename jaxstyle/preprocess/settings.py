"""Checks of settings, with the same wording for all errors."""

from collections.abc import Sequence
from typing import Any

from jaxstyle.errors import SettingError, is_number, is_whole, suggest


def check_count(name: str, value: Any, least: int, most: int) -> int:
    """`value` as an int. Raises SettingError unless it is a whole number from `least` to `most`."""
    if not is_whole(value, least, most):
        raise SettingError(f"{name}: got {value!r}, expected a whole number from {least} to {most}")
    return int(value)


def check_amount(name: str, value: Any, least: float, most: float) -> float:
    """`value` as a float. Raises SettingError unless it is a number from `least` to `most`."""
    if not is_number(value, least, most):
        raise SettingError(f"{name}: got {value!r}, expected a number from {least:g} to {most:g}, such as 10")
    return float(value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise SettingError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise SettingError(f"{name}: got {value!r}; {suggest(value, choices)}")
