"""The convolutions of AlexNet and VGG16 under torchvision's names, and the activations of them that LPIPS uses."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, WeightsError
from jaxstyle.metrics.layers import convolve, max_pool
from jaxstyle.weights.state_dict import Shapes


class Conv(NamedTuple):
    """A convolution with bias and ReLU: `features.NUMBER` in torchvision. LPIPS uses its activation if `tapped`."""

    number: int
    channels_in: int
    channels_out: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    tapped: bool = False

    @property
    def weight(self) -> tuple[int, ...]:
        """The shape of its weight in PyTorch."""
        return (self.channels_out, self.channels_in, self.size, self.size)


class MaxPool(NamedTuple):
    """Max pooling over `size` x `size` windows with stride 2."""

    size: int


def _vgg16() -> tuple[Conv | MaxPool, ...]:
    steps: list[Conv | MaxPool] = []
    channels, index = 3, 0
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for i in range(count):
            steps.append(Conv(index, channels, width, tapped=i == count - 1))
            channels, index = width, index + 2
        steps.append(MaxPool(2))
        index += 1
    return tuple(steps[:-1])


_ALEXNET = (
    Conv(0, 3, 64, size=11, stride=4, padding=2, tapped=True),
    MaxPool(3),
    Conv(3, 64, 192, size=5, padding=2, tapped=True),
    MaxPool(3),
    Conv(6, 192, 384, tapped=True),
    Conv(8, 384, 256, tapped=True),
    Conv(10, 256, 256, tapped=True),
)
TRUNKS: dict[str, tuple[Conv | MaxPool, ...]] = {"alexnet": _ALEXNET, "vgg16": _vgg16()}


def trunk_shapes(trunk: str) -> dict[str, tuple[int, ...]]:
    """{name in the state dict: shape} of a trunk's kernels and biases."""
    shapes: dict[str, tuple[int, ...]] = {}
    for step in TRUNKS[trunk]:
        if isinstance(step, Conv):
            shapes[f"features.{step.number}.weight"] = step.weight
            shapes[f"features.{step.number}.bias"] = step.weight[:1]
    return shapes


def tapped_channels(trunk: str) -> tuple[int, ...]:
    """The number of channels of each activation that LPIPS uses."""
    return tuple(step.channels_out for step in TRUNKS[trunk] if isinstance(step, Conv) and step.tapped)


def recognise_trunk(shapes: Shapes) -> str:
    """The trunk with a state dict's shapes: "alexnet" or "vgg16". Raises WeightsError with what differs if neither."""
    trunk = "alexnet" if shapes.get("features.0.weight", ())[2:] == (11, 11) else "vgg16"
    check_shapes(shapes, trunk_shapes(trunk), f"torchvision's {trunk} (its features)")
    return trunk


def check_shapes(shapes: Shapes, expected: Shapes, what: str) -> None:
    """Raise WeightsError with the first differences unless every expected tensor is there in its shape."""
    different = {name: shape for name, shape in expected.items() if shapes.get(name) != shape}
    wrong = [f"{name} is {shapes.get(name, 'missing')}, expected {shape}" for name, shape in different.items()]
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise WeightsError(f"not {what}: " + "; ".join(wrong[:5]) + more)


def activations(trunk: str, arrays: Mapping[str, Array], x: Float[Array, "h w 3"]) -> list[Float[Array, "_h _w _c"]]:
    """The activations that LPIPS uses, after their ReLUs, of one picture that is already normalised for LPIPS.

    Raises:
        ImageError: the picture is too small: a side below 16 pixels for VGG16, 31 for AlexNet.
    """
    found, shape = [], x.shape
    for step in TRUNKS[trunk]:
        padding = step.padding if isinstance(step, Conv) else 0
        if min(x.shape[:2]) + 2 * padding < step.size:
            raise ImageError(f"image: got {shape[1]}x{shape[0]} pixels, too small for {trunk}; resize it")
        if isinstance(step, MaxPool):
            x = max_pool(x, step.size, 2)
            continue
        kernel, bias = (arrays[f"features.{step.number}.{part}"] for part in ("weight", "bias"))
        x = jax.nn.relu(convolve(x, kernel, stride=step.stride, padding=(padding, padding)) + bias[None, None])
        if step.tapped:
            found.append(x)
    return found
