"""Read decoders for AdaIN and WCT: a VGG19's convolutions up to relu1_1, ... or relu5_1, in reverse order.

A decoder's "conv3_1" undoes the encoder's: it takes relu3_1's channels and gives relu2_2's. Only NumPy is needed.
"""

from collections.abc import Iterable, Mapping
from typing import BinaryIO

from jaxstyle.errors import WeightsError
from jaxstyle.weights import npz
from jaxstyle.weights.archive import is_torch, open_archive
from jaxstyle.weights.layout import CONVOLUTIONS, WIDTHS, Parsed
from jaxstyle.weights.state_dict import StateDict, open_legacy, open_zip
from jaxstyle.weights.torch_file import as_hwio, hwio_shape

LEVELS = (1, 2, 3, 4, 5)
_PARTS = {"weight": "kernel", "bias": "bias"}


def layers_to(level: int) -> tuple[str, ...]:
    """The convolutions up to relu{level}_1, in the encoder's order."""
    return CONVOLUTIONS[: 1 + CONVOLUTIONS.index(f"conv{level}_1")]


def read_zip(file: BinaryIO) -> Parsed:
    """Read a decoder in an open .npz file (layout "npz") or .pth file (layout "torch")."""
    with open_archive(file) as archive:
        if is_torch(archive):
            return _convert(open_zip(archive))
        return Parsed(npz.read_arrays(archive, check_decoder), "npz")


def read_legacy(file: BinaryIO) -> Parsed:
    """Read a decoder in torch.save's older layout."""
    return _convert(open_legacy(file))


def check_decoder(shapes: Mapping[str, tuple[int, ...]], unknown: Iterable[str] = ()) -> None:
    """Raise one WeightsError unless a file declares a decoder's arrays, where each layer fits the one before it.

    Args:
        shapes: canonical name ("conv4_1/kernel") -> declared shape.
        unknown: the file's own names of everything else in it.
    """
    expected = _expected_shapes(shapes)
    problems = [f"missing {name}" for name in expected if name not in shapes]
    problems += [f"unknown {name[:80]}" for name in (*(name for name in shapes if name not in expected), *unknown)]
    wrong = [name for name, shape in expected.items() if name in shapes and (shapes[name] != shape or 0 in shape)]
    problems += [f"{name} has shape {shapes[name]}, expected {expected[name]}" for name in wrong]
    if problems:
        more = [f"and {len(problems) - 40} more"] if len(problems) > 40 else []
        raise WeightsError("not a decoder of VGG19's features: " + "; ".join(problems[:40] + more))


def _expected_shapes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes of a decoder with as many channels as these kernels declare, but no more than VGG19 has."""
    level = max((n for n in LEVELS if any(name.startswith(f"conv{n}_") for name in shapes)), default=4)
    names = layers_to(level)[::-1]
    first = shapes.get(f"{names[0]}/kernel", ())
    channels = min(first[2], WIDTHS[names[0]]) if len(first) == 4 else WIDTHS[names[0]]
    expected: dict[str, tuple[int, ...]] = {}
    for name in names:
        found = shapes.get(f"{name}/kernel", ())
        out = min(found[3], WIDTHS[name]) if len(found) == 4 else WIDTHS[name]
        out = 3 if name == "conv1_1" else out
        expected |= {f"{name}/kernel": (3, 3, channels, out), f"{name}/bias": (out,)}
        channels = out
    return expected


def sequential_layers(level: int) -> dict[str, str]:
    """{index: convolution} in a Sequential of pad, convolution, ReLU, ... with an upsampling layer before each block.

    Level 4 has the indices 1, 5, 8, 11, 14, 18, 21, 25, 28 (naoto0804/pytorch-AdaIN, irasin/Pytorch_WCT).
    """
    found, index = {}, 1
    for name in layers_to(level)[::-1]:
        found[str(index)] = name
        index += 4 if name.endswith("_1") else 3
    return found


def _convert(state: StateDict) -> Parsed:
    """The decoder in a state dict named by indices, by "seq.conv4_1" (sunshineatnoon/PytorchWCT) or by "conv4_1"."""
    layers = _layers(state)
    names = {f"{layer}.{torch}": f"{conv}/{part}" for layer, conv in layers.items() for torch, part in _PARTS.items()}
    found = {key: names[key] for key in state.tensors if key in names}
    shapes = {name: hwio_shape(state.shapes[key]) for key, name in found.items()}
    check_decoder(shapes, [key for key in state.names if key not in found])
    return Parsed({name: as_hwio(state.numbers(key)) for key, name in found.items()}, "torch")


def _layers(state: StateDict) -> dict[str, str]:
    indices = {key.split(".")[0] for key in state.names}
    for level in LEVELS:
        if indices == sequential_layers(level).keys():
            return sequential_layers(level)
    prefix = "seq." if any(key.startswith("seq.") for key in state.names) else ""
    return {f"{prefix}{name}": name for name in CONVOLUTIONS}
