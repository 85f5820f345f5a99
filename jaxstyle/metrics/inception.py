"""InceptionV3's pooled features, with which FID and ArtFID compare sets of pictures."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, WeightsError, suggest
from jaxstyle.metrics.inception_layout import NETWORK, Join, Pool, Step, Unit, channels_in, units
from jaxstyle.metrics.layers import as_hwio, average_pool3x3, convolve, max_pool
from jaxstyle.metrics.pictures import check_picture
from jaxstyle.metrics.trunk import check_shapes
from jaxstyle.weights.state_dict import Shapes, read_state_dict

Variant = Literal["fid", "art"]
VARIANTS = {
    "fid": "pytorch-fid's pt_inception-2015-12-05: 299x299 pixels in [-1, 1]; means without padding, a maximum last",
    "art": "ArtFID's art_inception: the picture as it is, in [0, 1]; means with the padding, as in torchvision",
}
SIDE, LEAST = 299, 75
BN_EPSILON = 1e-3
_PARTS = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")


@partial(jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["variant"])
@dataclass(frozen=True)
class Inception:
    """InceptionV3: `inception(image) -> (2048,)`, the means of the last activations over all positions (pool3).

    Szegedy et al. 2016 ("Rethinking the Inception Architecture"). `load_inception` makes one. The two `VARIANTS`
    differ in how they prepare the picture and in the 3x3 pools of stride 1, and each has its own weights. An Inception
    is a pytree: pass it to `jax.jit` and `jax.vmap` as an argument.

    Attributes:
        variant: "fid" or "art".
        arrays: "Mixed_5b.branch1x1/kernel" (h, w, in, out), "Mixed_5b.branch1x1/bias" (out,), ..., with the batch
            normalisation folded in.
    """

    variant: Variant
    arrays: dict[str, Array]

    def __call__(self, image: Float[Array, "h w 3"]) -> Float[Array, " c"]:
        """Features of one RGB picture in [0, 1].

        Raises:
            ImageError: `image` is not a picture, or with the variant "art" a side is below 75 pixels.
        """
        check_picture(image, "image", 1 if self.variant == "fid" else LEAST, "InceptionV3")
        if self.variant == "fid":
            image = 2 * jax.image.resize(image, (SIDE, SIDE, 3), "linear", antialias=False) - 1
        return jnp.mean(self._run(NETWORK, image, ""), axis=(0, 1))

    def _run(self, steps: tuple[Step, ...], x: Array, prefix: str) -> Array:
        for step in steps:
            if isinstance(step, Unit):
                kernel, bias = (self.arrays[f"{prefix}{step.name}/{part}"] for part in ("kernel", "bias"))
                x = jax.nn.relu(convolve(x, kernel, stride=step.stride, padding=step.padding) + bias[None, None])
            elif isinstance(step, Join):
                inner = f"{prefix}{step.name}." if step.name else prefix
                x = jnp.concatenate([self._run(branch, x, inner) for branch in step.branches], axis=-1)
            else:
                x = self._pool(step, x)
        return x

    def _pool(self, step: Pool, x: Array) -> Array:
        if step.kind == "shrink":
            return max_pool(x, 3, 2)
        if step.kind == "last" and self.variant == "fid":
            return max_pool(x, 3, 1, padding=1)
        return average_pool3x3(x, count_padding=self.variant == "art")


def load_inception(path: str | os.PathLike[str], *, variant: Variant | None = None) -> Inception:
    """Load an InceptionV3 from a state dict under torchvision's names. It is read as data: no pickle is run.

    Args:
        path: pytorch-fid's `pt_inception-2015-12-05-6726825d.pth`, ArtFID's `art_inception.pth`, or a network of the
            same layout with no more channels. Classifiers in it are ignored.
        variant: "fid" or "art". By default the file's classifiers tell: pytorch-fid's file has 1008 classes, ArtFID's
            two heads.

    Raises:
        SettingError: an unknown variant.
        WeightsFileError: the file is missing or unreadable.
        WeightsError: the file is damaged, hostile or no InceptionV3, or does not tell its variant.
    """
    if variant is not None and variant not in VARIANTS:
        raise SettingError(f"variant: got {variant!r}; {suggest(variant, VARIANTS)}")
    told: list[Variant] = []

    def choose(shapes: Shapes) -> list[str]:
        _check(shapes)
        told.append(variant or _variant(shapes))
        return [f"{name}.{part}" for name in units() for part in _PARTS]

    state = read_state_dict(path, choose)
    arrays: dict[str, Array] = {}
    for name in units():
        arrays |= {f"{name}/{part}": array for part, array in _folded(name, state).items()}
    return Inception(told[0], arrays)


def _variant(shapes: Shapes) -> Variant:
    if "fc1.weight" in shapes:
        return "art"
    if shapes.get("fc.weight", ())[:1] == (1008,):
        return "fid"
    raise WeightsError(
        "an InceptionV3, but neither pytorch-fid's (fc.weight of 1008 classes) nor ArtFID's (fc1.weight); FID is "
        "defined by those. Pass variant='fid' or 'art' to use it all the same"
    )


def _check(shapes: Shapes) -> None:
    """Raise WeightsError unless every convolution fits the one before it, with at most InceptionV3's channels."""
    widths = {}
    for name, unit in units().items():
        shape = shapes.get(f"{name}.conv.weight", ())
        widths[name] = min(shape[0], unit.channels) if len(shape) == 4 and shape[0] else unit.channels
    inputs = channels_in(widths)
    expected: dict[str, tuple[int, ...]] = {}
    for name, unit in units().items():
        kernel = (widths[name], inputs[name], *unit.size)
        expected |= {f"{name}.{part}": kernel if part == "conv.weight" else kernel[:1] for part in _PARTS}
    check_shapes(shapes, expected, "an InceptionV3 under torchvision's names")


def _folded(name: str, state: Mapping[str, np.ndarray]) -> dict[str, Array]:
    """A convolution with its batch normalisation, `(x - mean) / sqrt(var + 1e-3) * weight + bias`, as one kernel."""
    weight, gain, bias, mean, variance = (state[f"{name}.{part}"].astype(np.float64) for part in _PARTS)
    gain = gain / np.sqrt(np.maximum(variance, 0) + BN_EPSILON)
    kernel = (weight * gain[:, None, None, None]).astype(np.float32)
    return {"kernel": as_hwio(kernel), "bias": jnp.asarray(bias - mean * gain, jnp.float32)}
