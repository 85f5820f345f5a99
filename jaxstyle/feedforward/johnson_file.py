"""Reads the files of Johnson-type networks: .npz files of the public layout, and jaxstyle's own format."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.feedforward.store import read_network, require_shapes
from jaxstyle.weights.archive import open_archive
from jaxstyle.weights.layout import Parsed
from jaxstyle.weights.npz import read_arrays
from jaxstyle.weights.sandbox import open_regular, parse

BLOCKS = tuple(f"res{i}" for i in range(1, 6))
LAYERS = (
    *("conv1", "conv2", "conv3"),
    *(f"{block}_conv{i}" for block in BLOCKS for i in (1, 2)),
    *("convt1", "convt2", "conv_out"),
)
MAX_WIDTH = 1024
WHAT = "a Johnson-type network"
Arrays = dict[str, np.ndarray]


def expected_shapes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """{name: shape} of all arrays of a network whose widths are those of the conv1 to conv3 kernels in `shapes`.

    Where a kernel is missing or unusable, conv1 has 32 channels, and conv2 and conv3 twice those of the layer before.
    """
    widths = [32]
    for layer in ("conv1", "conv2", "conv3"):
        shape = shapes.get(f"{layer}/kernel", ())
        known = len(shape) == 4 and 0 < shape[3] <= MAX_WIDTH
        widths.append(shape[3] if known else widths[-1] * (1 if layer == "conv1" else 2))
    _, a, b, c = widths
    kernels = {"conv1": (9, 9, 3, a), "conv2": (3, 3, a, b), "conv3": (3, 3, b, c)}
    kernels |= {layer: (3, 3, c, c) for layer in LAYERS if layer.startswith("res")}
    kernels |= {"convt1": (3, 3, b, c), "convt2": (3, 3, a, b), "conv_out": (9, 9, a, 3)}
    expected: dict[str, tuple[int, ...]] = {}
    for layer, kernel in kernels.items():
        channels = kernel[2:3] if layer.startswith("convt") else kernel[3:]
        expected |= {f"{layer}/kernel": kernel, f"{layer}/in_scale": channels, f"{layer}/in_shift": channels}
    return expected


def check_johnson(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise WeightsError unless the names and shapes are exactly those of a Johnson-type network."""
    require_shapes(shapes, expected_shapes(shapes), WHAT)


def read_johnson(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, str]]:
    """Read (arrays, metadata) from either kind of file.

    An .npz file is parsed in a restricted child process, and has no metadata.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: the file is damaged, hostile or not a Johnson-type network.
    """
    location = Path(path).expanduser()
    with open_regular(location) as file:
        head = file.read(4096)
        if foreign := _foreign(location, head):
            raise WeightsError(f"{location}: is {foreign}")
        if head.startswith(b"PK\x03\x04"):
            try:
                return dict(parse(file, "johnson", check_johnson).arrays), {}
            except WeightsError as error:
                raise type(error)(f"{location}: {error}") from error
    _, arrays, metadata = read_network(location, "johnson")
    return arrays, metadata


def _foreign(path: Path, head: bytes) -> str | None:
    """The text of an error message for a PyTorch or TensorFlow file, with what to do instead; None for other files."""
    own = "train one with `jaxstyle train johnson`, or take one whose arrays are saved as .npz"
    if head.startswith(b"\x80\x02\x8a\nl\xfc\x9cF") or (head.startswith(b"PK") and b"/data.pkl" in head):
        return (
            f"a network of PyTorch's (.pth, .model), such as those of its examples, whose layers are other ones; {own}"
        )
    if {".ckpt", ".meta", ".index"} & {suffix.lower() for suffix in path.suffixes}:
        return f"a TensorFlow checkpoint, whose variables have to be saved as .npz first, or {own}"
    return None


def read_npz(file: BinaryIO) -> Parsed:
    """Read an open .npz file; called in the restricted child process.

    Raises:
        WeightsError: it is not a Johnson-type network, or has a value that is not finite.
        Exception: other errors if the file is damaged.
    """
    with open_archive(file) as archive:
        arrays = read_arrays(archive, check_johnson)
    if unsound := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"{unsound[0]} is not finite")
    return Parsed(arrays, "johnson")
