"""Saves the point that a run has reached, to go on with it in another process. Anyone may have written such a file.

An array is read only if the file is large enough for the size that it declares.
"""

import io
import math
import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib import format as npy

from jaxstyle import optimize
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.files import open_inside, write_atomically
from jaxstyle.optimize.state import Info
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.run import Run

_READ_HEADER: dict[tuple[int, int], Callable[[Any], Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, MemoryError)
"""The errors that reading a damaged file may raise."""


def write_state(path: Path, reached: Reached) -> Path:
    """Write the point that a run has reached, atomically, as an uncompressed .npz; return the path.

    Raises:
        ImageFileError: the file cannot be written.
    """
    arrays: Any = as_arrays(reached)
    try:
        with write_atomically(path) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


def read_state(path: Path, run: Run) -> Reached:
    """Read what `write_state` wrote. Raises ImageFileError if it is damaged or of another run."""
    try:
        with os.fdopen(open_inside(path.parent, path.name), "rb") as file, open_npz(file) as archive:
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            return from_arrays(run, {name: read_member(archive, name) for name in names})
    except DAMAGE as error:
        raise ImageFileError(f"{path}: does not hold the state of this run ({error})") from error


def at(resume: Reached | Path, run: Run) -> Reached:
    """The point at which a run goes on, as given, or read from a file.

    Raises:
        SettingError: the given point is of another run. ImageFileError: the file is damaged or of another run.
    """
    if not isinstance(resume, Reached):
        return read_state(Path(resume), run)
    try:
        return from_arrays(run, as_arrays(resume))
    except DAMAGE as error:
        raise SettingError(
            f"resume: is not of this run ({error}); give the arguments that the stopped run had"
        ) from error


def as_arrays(at: Reached) -> dict[str, np.ndarray]:
    """Convert the state of a run that has done at least one step to named arrays for a file."""
    leaves = jax.tree.leaves(at.state)
    arrays = {f"state/{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    empty: Any = np.zeros(0, np.float32)
    for level, infos in enumerate(at.infos):
        for name in infos[0].values if infos else ():
            columns = [info.values[name] for info in infos]
            arrays[f"info/{level}/{name}"] = np.concatenate(columns or [empty])
        arrays[f"info/{level}/total"] = np.concatenate([info.total for info in infos] or [empty])
    return arrays | {"level": np.asarray(at.level)}


def from_arrays(run: Run, arrays: dict[str, np.ndarray]) -> Reached:
    """Convert the arrays of `as_arrays` back. Raises ValueError or KeyError if the arrays do not fit the run."""
    level = int(arrays["level"])
    if not 0 <= level < len(run.levels):
        raise ValueError(f"level {level} of {len(run.levels)}")
    image = jax.ShapeDtypeStruct((*run.levels[level].shape, 3), jnp.asarray(run.begin).dtype)
    recipe = run.recipe
    first = partial(
        optimize.init, optimizer=recipe.optimizer, parametrization=recipe.parametrization, keep=recipe.matches
    )
    like = jax.eval_shape(first, image)
    leaves, structure = jax.tree.flatten(like)
    found = [arrays[f"state/{i}"] for i in range(len(leaves))]
    for leaf, array in zip(leaves, found, strict=True):
        if leaf.shape != array.shape or leaf.dtype != array.dtype:
            raise ValueError(f"{array.dtype} {array.shape} in place of {leaf.dtype} {leaf.shape}")
    infos = []
    for k in range(level + 1):
        names = run.recipe_at(k).weights() if len(arrays[f"info/{k}/total"]) else ()
        columns: dict[str, Any] = {name: arrays[f"info/{k}/{name}"] for name in ("total", *names)}
        shapes = {(column.shape, column.dtype.kind) for column in columns.values()}
        if len(shapes) != 1 or not all(len(shape) == 1 and kind == "f" for shape, kind in shapes):
            raise ValueError(f"reports of {sorted(map(str, shapes))} at level {k}, expected one number for each step")
        infos.append((Info(columns.pop("total"), columns),))
    return Reached(level, jax.tree.unflatten(structure, found), tuple(infos))


def read_npy(file: io.BufferedIOBase, size: int) -> np.ndarray:
    """Read the array of an .npy file of `size` bytes.

    Raises:
        ValueError: the content is not an array, contains Python objects, or is shorter than declared.
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
    """Open an .npz file as `np.savez` writes it. Raises ValueError if it is compressed, as it might expand hugely."""
    archive = zipfile.ZipFile(file)
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in archive.infolist()):
        raise ValueError("has compressed members, which a checkpoint never has")
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read one array of an archive of `open_npz`. Raises ValueError as `read_npy` does, KeyError if it is missing."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        return read_npy(io.BytesIO(file.read()), info.file_size)
