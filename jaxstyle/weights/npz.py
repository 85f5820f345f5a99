"""Read NumPy archives of arrays under canonical names: "conv1_1/kernel" (h, w, in, out), "conv1_1/bias" and so on."""

import zipfile
from collections.abc import Callable, Mapping
from typing import IO

import numpy as np
from numpy.lib import format as npy

from jaxstyle.errors import WeightsError
from jaxstyle.weights.layout import Parsed, Preprocessing, check_shapes

_PREPROCESS = {"preprocess/kernel": (1, 1, 3, 3), "preprocess/bias": (3,)}
_READ_HEADER = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read(archive: zipfile.ZipFile) -> Parsed:
    """Read the VGG19 or VGG16 in an open archive. The last layers may be missing.

    A "preprocess" layer, a 1x1 convolution of RGB in [0, 1], becomes the preprocessing.
    """
    arrays = read_arrays(archive, _check)
    if "preprocess/kernel" not in arrays:
        return Parsed(arrays, "npz")
    kernel, bias = (arrays.pop(key) for key in _PREPROCESS)
    return Parsed(arrays, "npz", Preprocessing.affine(kernel[0, 0], bias))


def read_arrays(
    archive: zipfile.ZipFile, check: Callable[[Mapping[str, tuple[int, ...]]], None]
) -> dict[str, np.ndarray]:
    """Read all arrays as float32. `check` is called with {name: shape} and raises if they are not what it expects.

    Every header is read and checked before any array is read.
    """
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    shapes = {}
    for key, info in members.items():
        with archive.open(info) as file:
            shapes[key] = _read_header(file, key)[0]
    check(shapes)
    return {key: _read_array(archive, info, key) for key, info in members.items()}


def _check(shapes: Mapping[str, tuple[int, ...]]) -> None:
    affine = {key: shapes[key] for key in _PREPROCESS if key in shapes}
    if affine and affine != _PREPROCESS:
        raise WeightsError(f"its preprocess layer has the shapes {affine}, expected {_PREPROCESS}")
    check_shapes({key: shape for key, shape in shapes.items() if key not in affine}, complete=False)


def _read_header(file: IO[bytes], key: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, whether in Fortran order, type) of an array. Raises WeightsError unless the type is a float."""
    version = npy.read_magic(file)
    if version not in _READ_HEADER:
        raise WeightsError(f"{key[:80]!r} has the .npy version {version}, expected 1.0 or 2.0")
    shape, fortran, dtype = _READ_HEADER[version](file)
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise WeightsError(f"{key[:80]!r} is {str(dtype)[:40]}, expected float16, float32 or float64")
    return shape, fortran, dtype


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, key: str) -> np.ndarray:
    with archive.open(info) as file:
        shape, fortran, dtype = _read_header(file, key)
        data = file.read(int(np.prod(shape)) * dtype.itemsize)
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)
