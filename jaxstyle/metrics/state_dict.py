"""Any state dict of PyTorch's, read as data: no pickle is run, and no number is read that was not asked for."""

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.weights.load import recognise
from jaxstyle.weights.pickled import Storage, Tensor, read_pickle
from jaxstyle.weights.sandbox import open_regular
from jaxstyle.weights.torch_file import MAGIC, PROTOCOL, ReadStorage
from jaxstyle.weights.zipped import MAX_MEMBERS

MAX_STORAGE = 500_000_000
"""Bytes of one stored block: VGG19's first fully connected layer takes 411 MB."""

Shapes = Mapping[str, tuple[int, ...]]
Choose = Callable[[Shapes], Iterable[str]]


def read_state_dict(path: str | os.PathLike[str], choose: Choose) -> dict[str, np.ndarray]:
    """Tensors of a .pth file that nobody need trust, as contiguous float32 in PyTorch's own order of axes.

    The pickle is read by `jaxstyle.weights.pickled`, which runs nothing. Every storage is checked for its size before
    it is read.

    Args:
        path: of a file that `torch.save` wrote of a state dict, in the zip or the older layout.
        choose: is given {name: shape} of all tensors before any number is read; returns the names to read, or raises
            WeightsError where they are not those of the network it expects.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: it is no state dict, damaged or hostile, not what `choose` expects, or not finite.
    """
    location = Path(path).expanduser()
    with open_regular(location) as file:
        try:
            return _read(file, choose)
        except WeightsError as error:
            raise type(error)(f"{location}: {error}") from error
        except Exception as error:  # what a damaged file makes zipfile and pickletools raise is of many kinds
            what = f"{type(error).__name__}: {str(error)[:200]}"
            raise WeightsError(f"{location}: damaged, or no state dict ({what}); download it again") from error


def _read(file: BinaryIO, choose: Choose) -> dict[str, np.ndarray]:
    kind = recognise(file)
    file.seek(0)
    if kind not in ("zip", "pickle"):
        raise WeightsError(f"is a {kind} file, expected a state dict that torch.save wrote (.pth)")
    state, storage = _open_zip(zipfile.ZipFile(file)) if kind == "zip" else _open_legacy(file)
    if not isinstance(state, dict):
        raise WeightsError("expected a state dict (names and tensors); save model.state_dict(), not the model")
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    names = choose({name: tensor.shape for name, tensor in tensors.items()})
    return {name: _numbers(name, tensors[name], storage) for name in names}


def _open_zip(archive: zipfile.ZipFile) -> tuple[Any, ReadStorage]:
    """torch.save's layout since 1.6: FOLDER/data.pkl and FOLDER/data/KEY, none of them compressed."""
    members = archive.infolist()
    pickles = [info.filename for info in members if re.fullmatch(r"[^/]+/data\.pkl", info.filename)]
    if len(pickles) != 1 or len(members) > MAX_MEMBERS:
        raise WeightsError(f"a zip archive of {len(members)} members, {len(pickles)} of them FOLDER/data.pkl, not one")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in members):
        raise WeightsError("a state dict with compressed or encrypted members, which torch.save does not write")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise WeightsError("its numbers are not little-endian; save it again on a common machine")
    with archive.open(pickles[0]) as file:
        state = read_pickle(file)

    def storage(wanted: Storage) -> np.ndarray:
        info = archive.getinfo(f"{folder}data/{wanted.key}")
        _check_size(wanted, info.file_size)
        return np.frombuffer(archive.read(info), wanted.dtype)

    return state, storage


def _open_legacy(file: BinaryIO) -> tuple[Any, ReadStorage]:
    """torch's older layout: five pickles, then each storage as an int64 count and its numbers."""
    if read_pickle(file) != MAGIC or read_pickle(file) != PROTOCOL:
        raise WeightsError(f"a pickle, but not one that torch.save wrote (protocol {PROTOCOL})")
    system = read_pickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise WeightsError("its numbers are not little-endian; save it again on a common machine")
    state, keys = read_pickle(file), read_pickle(file)
    values = state.values() if isinstance(state, dict) else ()
    storages = {value.storage.key: value.storage for value in values if isinstance(value, Tensor)}
    if not isinstance(keys, list) or not set(keys) <= set(storages):
        raise WeightsError("its list of storages is malformed")
    positions, position = {}, file.tell()
    for key in keys:
        positions[key] = position + 8
        position += 8 + storages[key].total * np.dtype(storages[key].dtype).itemsize

    def storage(wanted: Storage) -> np.ndarray:
        size = wanted.total * np.dtype(wanted.dtype).itemsize
        _check_size(wanted, size)
        file.seek(positions[wanted.key] - 8)
        if int.from_bytes(file.read(8), "little") != wanted.total:
            raise WeightsError(f"storage {wanted.key[:80]!r} is not as long as its tensor says: the file is damaged")
        return np.frombuffer(file.read(size), wanted.dtype)

    return state, storage


def _check_size(storage: Storage, size: int) -> None:
    expected = storage.total * np.dtype(storage.dtype).itemsize
    if size != expected or size > MAX_STORAGE:
        name = f"storage {storage.key[:80]!r}"
        raise WeightsError(f"{name} has {size} bytes, expected {expected} and at most {MAX_STORAGE}")


def _numbers(name: str, tensor: Tensor, read: ReadStorage) -> np.ndarray:
    """One tensor, which `pickled` has found to lie inside its storage."""
    storage = tensor.storage
    if not storage.dtype.startswith("<f"):
        raise WeightsError(f"{name} holds integers, expected floats")
    numbers = read(storage)
    if len(numbers) != storage.total:
        raise WeightsError(f"{name} is cut short: the file is damaged")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(numbers[storage.start + tensor.offset :], tensor.shape, strides)
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(view, np.float32)
    if not np.isfinite(found).all():
        raise WeightsError(f"{name} is not finite")
    return found
