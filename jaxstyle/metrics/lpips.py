"""LPIPS: a perceptual distance of two aligned pictures, by a classification network's features with learned weights."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.metrics.layers import as_hwio
from jaxstyle.metrics.pictures import check_pair
from jaxstyle.metrics.trunk import activations, check_shapes, recognise_trunk, tapped_channels, trunk_shapes
from jaxstyle.weights.state_dict import Shapes, read_state_dict

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10
Path = str | os.PathLike[str]


@partial(jax.tree_util.register_dataclass, data_fields=["arrays", "linear"], meta_fields=["trunk"])
@dataclass(frozen=True)
class LPIPS:
    """The LPIPS distance, `lpips(image, reference)`: 0 for equal pictures, about 1 for unrelated ones.

    `sum_l mean_hw sum_c w_lc (f_lc - f'_lc)^2` where f and f' are the activations of both pictures, divided at each
    position by their length, and w >= 0 was fitted to what people find similar (Zhang, Isola, Efros, Shechtman & Wang
    2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", eq. 1; version 0.1, `lpips=True`).

    `load_lpips` makes an LPIPS. It is a pytree: pass it to `jax.jit` and `jax.vmap` as an argument:

        distances = jax.jit(jax.vmap(LPIPS.__call__, in_axes=(None, 0, 0)))(lpips, images, contents)

    Attributes:
        trunk: "alexnet" or "vgg16".
        arrays: the trunk's kernels (h, w, in, out) and biases, by their names in torchvision's state dict.
        linear: the weights w of each layer, (channels,).
    """

    trunk: str
    arrays: dict[str, Array]
    linear: tuple[Array, ...]

    def __call__(self, image: Float[Array, "h w 3"], reference: Float[Array, "h w 3"]) -> Float[Array, ""]:
        """The distance of two RGB pictures in [0, 1] of one size.

        Raises:
            ImageError: an argument is not a picture, the sizes differ, or a side is below 16 pixels (VGG16) or 31
                (AlexNet).
        """
        check_pair(image, reference)
        found, expected = (activations(self.trunk, self.arrays, _scaled(each)) for each in (image, reference))
        distance = jnp.zeros((), image.dtype)
        for x, y, weights in zip(found, expected, self.linear, strict=True):
            squares = (_unit(x) - _unit(y)) ** 2
            distance += jnp.mean(jnp.sum(squares * weights[None, None], axis=-1))
        return distance


def load_lpips(*, trunk: Path, linear: Path) -> LPIPS:
    """Load LPIPS from two .pth files. They are read as data: no pickle is run.

    Args:
        trunk: torchvision's `vgg16-397923af.pth` or `alexnet-owt-7be5be79.pth`; the shapes tell which.
        linear: LPIPS' weights for the same trunk: `lpips/weights/v0.1/vgg.pth` or `alex.pth` of
            richzhang/PerceptualSimilarity, with `lin0.model.1.weight` (1, c, 1, 1) to `lin4.model.1.weight`.

    Raises:
        WeightsFileError: a file is missing or unreadable.
        WeightsError: a file is damaged or hostile, neither of the two networks, or the two do not belong together.
    """
    state = read_state_dict(trunk, lambda shapes: trunk_shapes(recognise_trunk(shapes)))
    name = recognise_trunk({key: array.shape for key, array in state.items()})
    channels = tapped_channels(name)
    wanted = {f"lin{i}.model.1.weight": (1, width, 1, 1) for i, width in enumerate(channels)}

    def choose(shapes: Shapes) -> Iterable[str]:
        check_shapes(shapes, wanted, f"LPIPS' linear weights for the trunk {name}")
        return wanted

    lines = read_state_dict(linear, choose)
    arrays = {key: as_hwio(array) if array.ndim == 4 else jnp.asarray(array) for key, array in state.items()}
    return LPIPS(name, arrays, tuple(jnp.asarray(lines[key].ravel()) for key in wanted))


def _scaled(image: Float[Array, "h w 3"]) -> Float[Array, "h w 3"]:
    """The picture scaled from [0, 1] to [-1, 1], and then normalised with LPIPS' own shift and scale."""
    shift, scale = (jnp.asarray(each, image.dtype)[None, None] for each in (SHIFT, SCALE))
    return (2 * image - 1 - shift) / scale


def _unit(x: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    return x / (jnp.sqrt(jnp.sum(x**2, axis=-1, keepdims=True)) + EPSILON)
