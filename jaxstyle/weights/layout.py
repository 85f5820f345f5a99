"""The canonical form of a VGG19's or VGG16's weights: names, shapes, preprocessing, provenance.

Only NumPy is needed, so that files can be listed and checked without starting JAX.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from jaxstyle.errors import SettingError, WeightsError

Padding = Literal["zero", "reflect", "replicate"]
Pooling = Literal["max", "average", "l2", "scaled_average", "scaled_l2"]

BLOCKS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}
CONVOLUTIONS = tuple(f"conv{block}_{i}" for block, n in BLOCKS.items() for i in range(1, n + 1))
VGG16_CONVOLUTIONS = tuple(name for name in CONVOLUTIONS if not name.endswith("_4"))
AUXILIARY = tuple(f"conv{block}_1_aux" for block in BLOCKS)
WIDTHS = {name: {"1": 64, "2": 128, "3": 256}.get(name[4], 512) for name in CONVOLUTIONS}
"""Simonyan & Zisserman's channel counts. Files may have fewer channels, never more."""


@dataclass(frozen=True)
class Preprocessing:
    """The affine map of one RGB pixel in [0, 1] to the network's input: `pixel @ matrix + offset`.

    `matrix[i][j]` is the factor from RGB channel i to the network's channel j.
    """

    matrix: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...]

    @classmethod
    def standard(
        cls, order: Literal["RGB", "BGR"], scale: float, mean: tuple, std: tuple = (1, 1, 1)
    ) -> "Preprocessing":
        """The map `(pixel * scale - mean) / std` to channels in the order `order`; mean and std are in that order."""
        gain = np.eye(3)[:, :: 1 if order == "RGB" else -1] * (scale / np.asarray(std, np.float64))
        return cls.affine(gain, -np.asarray(mean, np.float64) / np.asarray(std, np.float64))

    @classmethod
    def affine(cls, matrix: np.ndarray, offset: np.ndarray) -> "Preprocessing":
        """The map with a (3, 3) matrix and a (3,) offset, such as the 1x1 convolution in some files."""
        rows = tuple(tuple(float(value) for value in row) for row in np.asarray(matrix))
        return cls(rows, tuple(float(value) for value in np.asarray(offset)))

    def __post_init__(self) -> None:
        shape = (len(self.matrix), *{len(row) for row in self.matrix}, len(self.offset))
        if shape != (3, 3, 3) or not np.isfinite([*sum(self.matrix, ()), *self.offset]).all():
            raise WeightsError(f"preprocessing: expected a finite 3x3 matrix and 3 offsets, got {self!r}")


CAFFE = Preprocessing.standard("BGR", 255.0, (103.939, 116.779, 123.68))
TORCHVISION = Preprocessing.standard("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
UNIT = Preprocessing.standard("RGB", 1.0, (0.0, 0.0, 0.0))
PREPROCESSING = {"caffe": CAFFE, "torchvision": TORCHVISION, "none": UNIT}


@dataclass(frozen=True)
class Weights:
    """The weights of a VGG19 or VGG16, and what is needed to use them correctly.

    Attributes:
        arrays: "conv1_1/kernel" (3, 3, in, out), "conv1_1/bias" (out,), ..., float32. The last layers may be missing.
            There may be 1x1 layers "conv4_1_aux/kernel" (1, 1, in, out) that are applied to relu4_1.
        preprocessing: the map from RGB in [0, 1] to the network's input.
        padding: the padding at picture edges that the network was trained with.
        pooling: the kind of pooling between two blocks; always 2x2 with stride 2.
        ceil_mode: whether pooling keeps the last row and column of an odd size.
        name: name of the network, for people.
        sha256: hash of the file that it was read from, as hex; "" if there is none.
        licence: licence of the weights.

    Raises:
        SettingError: an unknown padding or pooling.
        WeightsError: the arrays are not those of a VGG19 or VGG16.
    """

    arrays: Mapping[str, np.ndarray]
    preprocessing: Preprocessing
    padding: Padding = "zero"
    pooling: Pooling = "max"
    ceil_mode: bool = False
    name: str = ""
    sha256: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        check_choice("padding", self.padding, get_args(Padding))
        check_choice("pooling", self.pooling, get_args(Pooling))
        check_arrays(self.arrays, self.name or "weights")

    @property
    def layers(self) -> tuple[str, ...]:
        """The 3x3 convolutions present, in order."""
        return tuple(name for name in CONVOLUTIONS if f"{name}/kernel" in self.arrays)

    @property
    def architecture(self) -> Literal["VGG16", "VGG19"]:
        """The network that the weights belong to."""
        return architecture_of(self.layers)


def architecture_of(layers: Iterable[str]) -> Literal["VGG16", "VGG19"]:
    """The network that has these convolutions. A VGG16 has no fourth one in a block; up to block 3 it is "VGG19"."""
    present = set(layers)
    deep = any(layer.startswith(("conv4", "conv5")) for layer in present)
    return "VGG16" if deep and not any(layer.endswith("_4") for layer in present) else "VGG19"


class Parsed(NamedTuple):
    """What a reader found in a public file: canonical arrays, the layout's name, the file's preprocessing if any."""

    arrays: dict[str, np.ndarray]
    layout: str
    preprocessing: Preprocessing | None = None


def check_choice(name: str, got: object, choices: tuple[str, ...]) -> None:
    """Raise SettingError unless `got` is one of `choices`."""
    if got not in choices:
        raise SettingError(f"{name}: got {got!r}, expected one of {', '.join(choices)}")


def check_arrays(arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Raise one WeightsError that lists missing and unknown layers, wrong shapes and types, and non-finite values."""
    shapes = {key: array.shape for key, array in arrays.items()}
    problems = _shape_problems(shapes)
    for key in shapes:
        if key not in problems and (problem := _value_problem(key, arrays[key])):
            problems[key] = problem
    _refuse(name, shapes, list(problems.values()))


def check_shapes(shapes: Mapping[str, tuple[int, ...]], *, unknown: Iterable[str] = (), complete: bool) -> None:
    """Raise one WeightsError unless a file declares the arrays of a VGG19 or VGG16, before any of them is read.

    Args:
        shapes: canonical name -> declared shape.
        unknown: the file's own names of everything else in it.
        complete: whether all convolutions must be there, 16 in a VGG19 or 13 in a VGG16.
    """
    problems = _shape_problems(shapes, complete=complete)
    _refuse("", shapes, [*problems.values(), *(f"unknown {key}" for key in unknown)])


def _refuse(name: str, shapes: Iterable[str], problems: list[str]) -> None:
    if problems:
        more = [f"and {len(problems) - 40} more"] if len(problems) > 40 else []
        expected = architecture_of(key.partition("/")[0] for key in shapes)
        raise WeightsError((f"{name}: " if name else "") + f"not a {expected}: " + "; ".join(problems[:40] + more))


def _shape_problems(shapes: Mapping[str, tuple[int, ...]], *, complete: bool = False) -> dict[str, str]:
    """{array: problem}. Every kernel must take the channels of the layer before it; every bias must fit its kernel."""
    expected = _expected_shapes(shapes, complete=complete)
    problems = {key: f"missing {key}" for key in expected if key not in shapes}
    problems |= {key: f"unknown {key[:80]}" for key in shapes if key not in expected}
    for key, shape in expected.items():
        if key in shapes and (shapes[key] != shape or 0 in shape):
            problems[key] = f"{key} has shape {shapes[key]}, expected {shape}"
    return problems


def _expected_shapes(shapes: Mapping[str, tuple[int, ...]], *, complete: bool) -> dict[str, tuple[int, ...]]:
    """The shapes of a network with as many channels as these kernels declare, but no more than VGG19 has."""
    present = [layer for layer in CONVOLUTIONS if any(key.startswith(f"{layer}/") for key in shapes)]
    chain = VGG16_CONVOLUTIONS if architecture_of(present) == "VGG16" else CONVOLUTIONS
    last = chain[-1] if complete else present[-1] if present else chain[0]
    kernels: dict[str, tuple[int, ...]] = {}
    channels = 3
    for layer in chain[: chain.index(last) + 1]:
        kernels[layer] = (3, 3, channels, _channels_out(shapes, layer, WIDTHS[layer]))
        channels = kernels[layer][3]
    for layer in (layer for layer in AUXILIARY if any(key.startswith(f"{layer}/") for key in shapes)):
        channels = kernels.get(layer.removesuffix("_aux"), (0,))[-1]
        kernels[layer] = (1, 1, channels, _channels_out(shapes, layer, 512))
    expected: dict[str, tuple[int, ...]] = {}
    for layer, shape in kernels.items():
        expected |= {f"{layer}/kernel": shape, f"{layer}/bias": shape[3:]}
    return expected


def _channels_out(shapes: Mapping[str, tuple[int, ...]], layer: str, most: int) -> int:
    shape = shapes.get(f"{layer}/kernel", ())
    return min(shape[3], most) if len(shape) == 4 else most


def _value_problem(key: str, array: np.ndarray) -> str | None:
    if array.dtype != np.float32:
        return f"{key} is {array.dtype}, expected float32"
    return None if np.isfinite(array).all() else f"{key} is not finite"
