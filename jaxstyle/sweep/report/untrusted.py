"""Files of a folder that anyone may have written: nothing outside of it, nothing too large, nothing but plain JSON."""

import json
import math
from pathlib import Path
from typing import Any

from jaxstyle.errors import ImageFileError
from jaxstyle.image.read import read_path

MAX_JSON = 2**26
"""Bytes of the largest JSON file that is read: a list of 100,000 cells has half as many."""
MAX_DEPTH = 32
"""Levels of lists and objects in each other; deeper ones would exhaust Python's stack somewhere on the way."""


def inside(folder: Path, name: Any) -> Path:
    """The path of the file `name` within `folder`, links followed.

    Raises:
        ImageFileError: if `name` is no text, there is no such file, or it lies elsewhere.
    """
    where = repr(name)[:200]
    if not isinstance(name, str):
        raise ImageFileError(f"{where}: got {type(name).__name__}, expected a path in the sweep's folder")
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve()
        found = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # such as a zero byte in it, or links in a circle
        raise ImageFileError(f"{where}: is not a path of a file ({error})") from error
    if not path.is_relative_to(root):
        raise ImageFileError(f"{where}: leads out of the sweep's folder, so it was not read")
    if not found:
        raise ImageFileError(f"{where}: there is no such file in the sweep's folder")
    return path


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object that the file `name` in `folder` holds; NaN and infinity become None.

    Raises:
        ImageFileError: if it cannot be read.
        ValueError: if it is too large, nested too deeply, or not a JSON object.
    """
    path = inside(folder, name)
    if path.stat().st_size > MAX_JSON:
        raise ValueError(f"has more than {MAX_JSON} bytes")
    data = read_path(path, repr(name))
    try:
        value = json.loads(data, parse_float=_finite, parse_int=_finite_int, parse_constant=lambda name: None)
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
    """Integers that JavaScript would round are floats here, too."""
    return int(text) if len(text) < 16 else _finite(text)


def _check_depth(value: Any, left: int = MAX_DEPTH) -> None:
    if left == 0:
        raise ValueError(f"is nested more than {MAX_DEPTH} levels deep")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        _check_depth(child, left - 1)
