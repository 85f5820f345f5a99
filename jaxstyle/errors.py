"""The errors that jaxstyle raises. All derive from `JaxstyleError`, and most also from a fitting builtin exception.

A message says what was wrong (the argument and what was got), what was expected, and what to do.
`exit_code` is the exit status of the command line after such an error.
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


class JaxstyleError(Exception):
    """The root of every error that jaxstyle raises on purpose."""

    exit_code = 1


class SettingError(JaxstyleError, ValueError):
    """A setting (argument, recipe, option) is not usable."""

    exit_code = 2


class InstallationError(JaxstyleError, RuntimeError):
    """The installed JAX computes wrong numbers."""


class ImageError(JaxstyleError, ValueError):
    """A picture cannot be read, understood or written."""

    exit_code = 3


class ImageFileError(ImageError, OSError):
    """A picture's file is missing, unreadable or cannot be written."""


class WeightsError(JaxstyleError, ValueError):
    """A weights file is damaged, hostile or not the network that was expected."""

    exit_code = 4


class WeightsFileError(WeightsError, OSError):
    """A weights file is missing, cannot be downloaded or cannot be written."""


MOST_SEED = 2**32 - 1


def is_whole(value: Any, least: float, most: float = math.inf) -> bool:
    """Whether a value is a whole number from `least` to `most`; True and False do not count as numbers."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def is_number(value: Any, least: float, most: float = math.inf) -> bool:
    """Whether a value is a finite real number from `least` to `most`; True and False do not count as numbers."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    number: Any = value
    return bool(least <= number <= most and -math.inf < number < math.inf)


def check_seed(seed: Any) -> None:
    """Raise a SettingError unless the seed is a whole number from 0 to 2**32 - 1."""
    if not is_whole(seed, 0, MOST_SEED):
        raise SettingError(f"seed: got {seed!r}, expected a whole number from 0 to 2**32 - 1")


def suggest(got: object, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the most similar known name, or else all known names."""
    names = list(known)
    near = difflib.get_close_matches(str(got), names, 1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}"


def printable(text: str) -> str:
    """The text with unprintable characters, except line ends, written as hexadecimal escapes.

    Names and texts in strangers' files may hold anything; this keeps a terminal from obeying control characters.
    """
    return "".join(map(_escaped, text.replace("\r\n", "\n")))


def _escaped(sign: str) -> str:
    if sign.isprintable() or sign == "\n":
        return sign
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: a MemoryError, or one of the two errors by which XLA says so."""
    return isinstance(error, MemoryError) or any(name in str(error) for name in ("RESOURCE_EXHAUSTED", "YNNPACK"))
