"""Reads files of a sweep's folder without trusting them, because a stranger may have written them.

No file outside the folder is read, no file above a size limit, and no pipe that would block.
"""

import json
import math
from pathlib import Path
from typing import Any

from jaxstyle.errors import ImageFileError
from jaxstyle.files import read_inside

MAX_JSON = 2**26
"""The size in bytes of the largest record that is read."""
MAX_TABLE = 2**29
"""The size in bytes of the largest sweep.json that is read, about that of a million cells."""
MAX_DEPTH = 32
"""The most levels of nested lists and objects in JSON. Deeper nesting could exhaust Python's stack."""


def find_inside(folder: Path, name: Any) -> Path:
    """The path of the file `name` inside `folder`, with links resolved.

    Raises:
        ImageFileError: `name` is not a text, there is no such file, or it lies outside the folder.
    """
    where = repr(name)[:200]
    if not isinstance(name, str):
        raise ImageFileError(f"{where}: got {type(name).__name__}, expected a path in the sweep's folder")
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve()
        found = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # such as a zero byte in the name, or links in a circle
        raise ImageFileError(f"{where}: is not a path of a file ({error})") from error
    if not path.is_relative_to(root):
        raise ImageFileError(f"{where}: leads out of the sweep's folder, so it was not read")
    if not found:
        raise ImageFileError(f"{where}: there is no such file in the sweep's folder")
    return path


def read_json(folder: Path, name: str, *, most: int = MAX_JSON, exact: bool = False) -> dict[str, Any]:
    """Read the JSON object in the file `name` of `folder`, without following links.

    NaN and infinity become None.

    Args:
        folder: the sweep's folder.
        name: the path of the file relative to the folder.
        most: the most bytes that the file may have.
        exact: keep whole numbers of any size. Otherwise those that JavaScript would round become floats.

    Raises:
        OSError: the file cannot be read, or is too large.
        ValueError: the content is not JSON, nested too deeply, or not an object.
    """
    data = read_inside(folder, name, most)
    options: dict[str, Any] = {} if exact else {"parse_int": _finite_int}
    try:
        value = json.loads(data, parse_float=_finite, parse_constant=lambda name: None, **options)
        _check_depth(value)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"is a JSON {type(value).__name__}, expected an object")
    return value


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _finite_int(text: str) -> int | float | None:
    """Parse an integer; one that JavaScript would round becomes a float, or None if it is infinite."""
    return int(text) if len(text) < 16 else _finite(text)


def _check_depth(value: Any, left: int = MAX_DEPTH) -> None:
    if left == 0:
        raise ValueError(f"is nested more than {MAX_DEPTH} levels deep")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        _check_depth(child, left - 1)
