"""Read state dicts that torch.save wrote, in its zip and its older layout, as data.

`jaxstyle.weights.pickled` reads the pickles and runs no code. A storage is read when one of its tensors is asked for.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.weights.archive import is_torch, open_archive
from jaxstyle.weights.pickled import BFLOAT16, Storage, Tensor, read_pickle
from jaxstyle.weights.tensors import widened

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_STORAGE = 500_000_000
"""The most bytes of one storage. VGG19's first fully connected layer takes 411 MB."""

WITHIN = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "params_ema", "params")
"""The names under which training programs put the state dict in their checkpoints."""

Shapes = Mapping[str, tuple[int, ...]]
Choose = Callable[[Shapes], Iterable[str]]


class StateDict:
    """An open state dict, whose tensors are read when they are asked for.

    Attributes:
        names: the names of all entries.
        tensors: {name: description} of the entries that are tensors.
    """

    def __init__(self, state: Any, read_storage: Callable[[Storage], np.ndarray]):
        state = _unwrapped(state)
        if not isinstance(state, dict) or not state:
            raise WeightsError("expected a state dict (names and tensors); save model.state_dict(), not the model")
        state = {name: value for name, value in state.items() if isinstance(name, str)}
        self.names = tuple(state)
        self.tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        self._read_storage = read_storage
        self._storages: dict[tuple[str, str], np.ndarray] = {}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """{name: shape} of the tensors, as the file declares them."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    def numbers(self, name: str) -> np.ndarray:
        """One tensor as contiguous float32 in PyTorch's order of axes. Raises WeightsError if it is not floats."""
        kind = self.tensors[name].storage.dtype
        if kind == BFLOAT16:
            return widened(np.ascontiguousarray(self._view(name)))
        if not kind.startswith("<f"):
            raise WeightsError(f"{name[:80]} holds integers, expected floats")
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(self._view(name), np.float32)

    def codes(self, name: str) -> np.ndarray:
        """One tensor as contiguous uint8 in PyTorch's order of axes. Raises WeightsError if it is not bytes."""
        if self.tensors[name].storage.dtype != "|u1":
            raise WeightsError(f"{name[:80]} does not hold bytes")
        return np.ascontiguousarray(self._view(name))

    def _view(self, name: str) -> np.ndarray:
        tensor = self.tensors[name]
        flat = self._storage(tensor.storage)[tensor.storage.start + tensor.offset :]
        strides = [stride * flat.itemsize for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(flat, tensor.shape, strides)  # `pickled` checked the bounds

    def _storage(self, storage: Storage) -> np.ndarray:
        # Under another type the same block would have another count of numbers, so the type is part of the key.
        name = storage.dtype, storage.key
        if name not in self._storages:
            self._storages[name] = self._read_storage(storage)
            if len(self._storages[name]) != storage.total:
                raise WeightsError(f"storage {storage.key[:80]!r} is cut short: the file is damaged")
        return self._storages[name]


def _unwrapped(state: Any) -> Any:
    """The state dict inside a training checkpoint, which also holds an epoch, optimiser state and so on."""
    if not isinstance(state, dict) or any(isinstance(value, Tensor) for value in state.values()):
        return state
    return next((state[name] for name in WITHIN if isinstance(state.get(name), dict)), state)


def open_zip(archive: zipfile.ZipFile) -> StateDict:
    """Open a state dict in the layout of torch.save since PyTorch 1.6: FOLDER/data.pkl, FOLDER/data/KEY."""
    pickles = [info for info in archive.infolist() if re.fullmatch(r"[^/]+/data\.pkl", info.filename)]
    if len(pickles) != 1:
        raise WeightsError(f"a zip archive with {len(pickles)} entries FOLDER/data.pkl, expected one")
    folder = pickles[0].filename.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise WeightsError("its numbers are not little-endian; save it again on a common machine")
    with archive.open(pickles[0]) as file:
        state = read_pickle(file)

    def read_storage(wanted: Storage) -> np.ndarray:
        info = archive.getinfo(f"{folder}data/{wanted.key}")
        _check_storage(wanted, info.file_size)
        return np.frombuffer(archive.read(info), stored(wanted))

    return StateDict(state, read_storage)


def open_legacy(file: BinaryIO) -> StateDict:
    """Open a state dict in torch's older layout: five pickles, then each storage as an int64 count and its numbers."""
    if read_pickle(file) != MAGIC or read_pickle(file) != PROTOCOL:
        raise WeightsError(f"a pickle, but not one that torch.save wrote (protocol {PROTOCOL})")
    system = read_pickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise WeightsError("its numbers are not little-endian; save it again on a common machine")
    state, keys = read_pickle(file), read_pickle(file)

    def read_storage(wanted: Storage) -> np.ndarray:
        if wanted.key not in positions:
            raise WeightsError(f"storage {wanted.key[:80]!r} is not in the file")
        position, count = positions[wanted.key]
        _check_storage(wanted, count * stored(wanted).itemsize)
        file.seek(position)
        return np.frombuffer(file.read(count * stored(wanted).itemsize), stored(wanted))

    found = StateDict(state, read_storage)
    positions = _positions(file, _all_storages(state), keys)
    return found


def stored(storage: Storage) -> np.dtype:
    """The NumPy type with which a storage's numbers are read; uint16 for bfloat16."""
    return np.dtype("<u2" if storage.dtype == BFLOAT16 else storage.dtype)


def _all_storages(value: Any) -> Iterator[Storage]:
    """The storages of all tensors in a value that a pickle holds; one may come more than once."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            yield one.storage
        elif isinstance(one, dict | list | tuple) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, dict) else one


def _positions(file: BinaryIO, storages: Iterable[Storage], keys: Any) -> dict[str, tuple[int, int]]:
    """{key of a storage: (where its numbers begin in the file, how many there are)}; the numbers are not read."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise WeightsError("its list of storages is malformed")
    sizes = {storage.key: stored(storage).itemsize for storage in storages}
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
    expected = storage.total * stored(storage).itemsize
    if size != expected or size > MAX_STORAGE:
        name = f"storage {storage.key[:80]!r}"
        raise WeightsError(f"{name} has {size} bytes, expected {expected} and at most {MAX_STORAGE}")


def read_state_dict(path: str | os.PathLike[str], choose: Choose) -> dict[str, np.ndarray]:
    """Read tensors of an untrusted .pth file as contiguous float32 in PyTorch's own order of axes.

    Args:
        path: path of a state dict that `torch.save` wrote, in the zip or the older layout.
        choose: called with {name: shape} of all tensors before any number is read; returns the names to read, or
            raises WeightsError if they are not those of the network that it expects.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: it is no state dict, damaged or hostile, not what `choose` expects, or not finite.
    """
    from jaxstyle.weights.sandbox import open_regular  # imported here: the child process does not need it

    location = Path(path).expanduser()
    with open_regular(location) as file:
        try:
            return _read(file, choose)
        except WeightsError as error:
            raise type(error)(f"{location}: {error}") from error
        except Exception as error:  # zipfile and pickletools raise many kinds of error on damaged files
            what = f"{type(error).__name__}: {str(error)[:200]}"
            raise WeightsError(f"{location}: damaged, or no state dict ({what}); download it again") from error


def _read(file: BinaryIO, choose: Choose) -> dict[str, np.ndarray]:
    from jaxstyle.weights.load import recognise

    kind = recognise(file)
    file.seek(0)
    if kind == "pickle":
        return _chosen(open_legacy(file), choose)
    if kind == "zip":
        with open_archive(file) as archive:
            if is_torch(archive):
                return _chosen(open_zip(archive), choose)
    raise WeightsError(f"is a {kind} file, expected a state dict that torch.save wrote (.pth)")


def _chosen(state: StateDict, choose: Choose) -> dict[str, np.ndarray]:
    found = {name: state.numbers(name) for name in choose(state.shapes)}
    if unsound := [name for name, array in found.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"{unsound[0][:80]} is not finite")
    return found
