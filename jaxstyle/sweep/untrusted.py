"""Files of a sweep's folder, which anyone may have written: nothing outside of it, nothing too large, no waiting.

Arrays are read only where the file has room for what it declares.
"""

import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from jaxstyle.errors import ImageFileError
from jaxstyle.files import read_inside

MAX_JSON = 2**26
"""Bytes of the largest record that is read."""
MAX_TABLE = 2**29
"""Bytes of the largest sweep.json: a million cells have as many."""
MAX_DEPTH = 32
"""Levels of lists and objects in each other; deeper ones would exhaust Python's stack somewhere on the way."""
_READ_HEADER: dict[tuple[int, int], Callable[[Any], Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def find_inside(folder: Path, name: Any) -> Path:
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


def read_json(folder: Path, name: str, *, most: int = MAX_JSON, exact: bool = False) -> dict[str, Any]:
    """The JSON object that the file `name` in `folder` holds, no link followed.

    Args:
        folder: of the sweep.
        name: of the file, below it.
        most: bytes it may have.
        exact: keep whole numbers of any size; otherwise those that JavaScript would round are floats. NaN and infinity
            become None either way.

    Raises:
        OSError: it cannot be read, or is longer.
        ValueError: it is not JSON, nested too deeply, or not an object.
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


def read_npy(file: io.BufferedIOBase, size: int) -> np.ndarray:
    """The array of an .npy file of `size` bytes.

    Raises:
        ValueError: it is none, has objects, or declares more than it holds.
    """
    version = npy.read_magic(file)
    if version not in _READ_HEADER:
        raise ValueError(f"has the .npy version {version}")
    shape, fortran, dtype = _READ_HEADER[version](file)
    count = math.prod(shape)
    if dtype.hasobject or min(shape, default=1) < 0 or count * dtype.itemsize > size:
        raise ValueError(f"declares an array {shape} of {str(dtype)[:20]} in a file of {size} bytes")
    data = file.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise ValueError(f"declares an array {shape}, of which it holds {len(data)} bytes")
    return np.frombuffer(data, dtype, count).reshape(shape, order="F" if fortran else "C").copy()


def open_npz(file: io.BufferedIOBase) -> zipfile.ZipFile:
    """An .npz as `np.savez` writes it. Raises ValueError for a compressed one, which might inflate without end."""
    archive = zipfile.ZipFile(file)
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in archive.infolist()):
        raise ValueError("has compressed members, which a checkpoint never has")
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of such an archive. Raises ValueError as `read_npy` does."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        return read_npy(io.BytesIO(file.read()), info.file_size)


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
