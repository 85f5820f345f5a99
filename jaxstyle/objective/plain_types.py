"""Checks that a value read from JSON or TOML has the type that a setting is declared with."""

import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from jaxstyle.errors import is_number

PLAIN = (str, int, float, bool, types.NoneType)


def fits(value: Any, kind: Any) -> bool:
    """Whether a value has the declared type: a plain type, `Literal`, union or tuple. Other types accept any value."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in parts)
    if origin is Sequence:
        return isinstance(value, tuple) and all(fits(each, parts[0]) for each in value)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if parts[1:] == (...,):
            return all(fits(each, parts[0]) for each in value)
        return len(value) == len(parts) and all(map(fits, value, parts))
    if kind is float:
        return is_number(value, -1e300)
    if kind in PLAIN:
        return type(value) is kind
    return True


def name_of(kind: Any) -> str:
    """Name of a type in error messages."""
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
