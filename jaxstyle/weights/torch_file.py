"""PyTorch state dicts of VGG19: torchvision's, jcjohnson's and Gatys' names, in torch's zip and older layout.

Pickles are read as data (`jaxstyle.weights.pickled`); only the convolutions' numbers are read, and only once every
shape has been found to be a VGG19's.
"""

import re
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.weights.layout import CONVOLUTIONS, Parsed, check_shapes
from jaxstyle.weights.pickled import Storage, Tensor, read_pickle

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_STORAGE = 200_000_000
"""Bytes of one stored block: twice what all convolutions take in float32."""

_INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_TORCHVISION = {f"features.{i}": conv for i, conv in zip(_INDICES, CONVOLUTIONS, strict=True)}
_PARTS = {"weight": "kernel", "bias": "bias"}
_CLASSIFIER = re.compile(r"classifier\.|fc\d")

ReadStorage = Callable[[Storage], np.ndarray]


def read_zip(archive: zipfile.ZipFile) -> Parsed:
    """A state dict in the layout that torch.save has written since 1.6: FOLDER/data.pkl, FOLDER/data/KEY."""
    pickles = [info for info in archive.infolist() if re.fullmatch(r"[^/]+/data\.pkl", info.filename)]
    if len(pickles) != 1:
        raise WeightsError(f"a zip archive with {len(pickles)} entries FOLDER/data.pkl, expected one")
    folder = pickles[0].filename.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise WeightsError("its numbers are not little-endian; save it again on a common machine")
    with archive.open(pickles[0]) as file:
        state = read_pickle(file)

    def storage(wanted: Storage) -> np.ndarray:
        info = archive.getinfo(f"{folder}data/{wanted.key}")
        _check_storage(wanted, info.file_size)
        return np.frombuffer(archive.read(info), wanted.dtype)

    return _convert(state, storage)


def read_legacy(file: BinaryIO) -> Parsed:
    """A state dict in torch's older layout: five pickles, then each storage as an int64 count and its numbers."""
    if read_pickle(file) != MAGIC or read_pickle(file) != PROTOCOL:
        raise WeightsError(f"a pickle, but not one that torch.save wrote (protocol {PROTOCOL})")
    system = read_pickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise WeightsError("its numbers are not little-endian; save it again on a common machine")
    state, keys = read_pickle(file), read_pickle(file)
    positions = _positions(file, state, keys)

    def storage(wanted: Storage) -> np.ndarray:
        if wanted.key not in positions:
            raise WeightsError(f"storage {wanted.key[:80]!r} is not in the file")
        position, count = positions[wanted.key]
        _check_storage(wanted, count * np.dtype(wanted.dtype).itemsize)
        file.seek(position)
        data = file.read(count * np.dtype(wanted.dtype).itemsize)
        return np.frombuffer(data, wanted.dtype)

    return _convert(state, storage)


def _positions(file: BinaryIO, state: Any, keys: Any) -> dict[str, tuple[int, int]]:
    """Where each storage's numbers begin, and how many there are; no number is read."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise WeightsError("its list of storages is malformed")
    tensors = [value for value in _state_dict(state).values() if isinstance(value, Tensor)]
    sizes = {tensor.storage.key: np.dtype(tensor.storage.dtype).itemsize for tensor in tensors}
    positions, position, end = {}, file.tell(), file.seek(0, 2)
    for key in keys:
        file.seek(position)
        count = int.from_bytes(file.read(8), "little")
        positions[key] = (position + 8, count)
        position += 8 + count * sizes.get(key, 0)
        if key not in sizes or position > end:
            raise WeightsError(f"its storage {key[:80]!r} is unknown or cut short: the file is damaged")
    return positions


def _check_storage(storage: Storage, size: int) -> None:
    expected = storage.total * np.dtype(storage.dtype).itemsize
    if size != expected or size > MAX_STORAGE:
        raise WeightsError(
            f"storage {storage.key[:80]!r} has {size} bytes, expected {expected} and at most {MAX_STORAGE}"
        )


def _state_dict(state: Any) -> dict[str, Any]:
    if not isinstance(state, dict) or not state:
        raise WeightsError("expected a state dict (names and tensors); save model.state_dict(), not the model")
    return state


def _convert(state: Any, read_storage: ReadStorage) -> Parsed:
    """Canonical arrays from a state dict."""
    tensors, unknown = {}, []
    torchvision = any(key.startswith("features.") for key in _state_dict(state))
    for key, value in state.items():
        name = _canonical(key, torchvision=torchvision)
        if name and isinstance(value, Tensor):
            tensors[name] = value
        elif not _CLASSIFIER.match(key):
            unknown.append(key[:80])
    shapes = {name: _hwio(tensor.shape) for name, tensor in tensors.items()}
    check_shapes(shapes, unknown=unknown, complete=True)
    storages: dict[str, np.ndarray] = {}
    arrays = {name: _read(tensor, storages, read_storage) for name, tensor in tensors.items()}
    return Parsed(arrays, "torchvision" if torchvision else "gatys")


def _canonical(key: str, *, torchvision: bool) -> str | None:
    """ "features.0.weight" or "conv1_1.weight" -> "conv1_1/kernel"."""
    layer, _, part = key.rpartition(".")
    conv = _TORCHVISION.get(layer) if torchvision else layer
    return f"{conv}/{_PARTS[part]}" if conv in CONVOLUTIONS and part in _PARTS else None


def _hwio(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[2], shape[3], shape[1], shape[0]) if len(shape) == 4 else shape


def _read(tensor: Tensor, storages: dict[str, np.ndarray], read_storage: ReadStorage) -> np.ndarray:
    """One tensor as (h, w, in, out) or (out,), float32."""
    storage = tensor.storage
    if not storage.dtype.startswith("<f"):
        raise WeightsError("a convolution's tensor holds integers, expected floats")
    # The same block under another type would have another count of numbers, so the type is part of its name.
    name = f"{storage.dtype} {storage.key}"
    if name not in storages:
        storages[name] = read_storage(storage)
        if len(storages[name]) != storage.total:
            raise WeightsError(f"storage {storage.key[:80]!r} is cut short: the file is damaged")
    flat = storages[name][storage.start + tensor.offset :]
    strides = [stride * flat.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(view.transpose(2, 3, 1, 0) if view.ndim == 4 else view, np.float32)
