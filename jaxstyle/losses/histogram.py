"""Histograms: each feature takes the style's values as often as the style does."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses.base import Loss


@dataclass(frozen=True)
class HistogramLoss(Loss):
    """Mean squared difference of the features and of themselves remapped to the style's histograms.

    `mean((F - HistMatch(F, S))^2)`, each channel on its own, the remapped features a constant: Risser, Wilmot & Barnes
    2017 ("Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram Losses"), there a sum.
    It is used beside a Gram loss, at relu1_1 and relu4_1.

    Where we deviate: instead of histograms with 256 equal bins of value, the target is `bins` quantiles of each
    channel from its least to its largest value, and the pixel of rank r gets the quantile at r / (M - 1), interpolated:
    histogram matching without bins at the generated picture, for any two sizes. Equal values are ranked in raster
    order. So the loss is the squared Wasserstein-2 distance of each channel's values, the sliced one along the axes.
    It is in the units of the features squared. At its own target it is not quite 0 unless M = bins: what is left is the
    error of the interpolated quantiles.

    Styles blend by averaging quantiles, which is the barycentre of their histograms.

    Cost: one sort of each channel, O(c M log M), on a CPU ten times a Gram matrix at relu1_1; bins c numbers of target.
    Memory: about four times the features.

    Attributes:
        layer: the activation that is looked at.
        bins: how many quantiles of each channel are remembered, at least 2.
    """

    layer: str
    bins: int = 256
    kind: ClassVar[str] = "histogram"
    blendable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise SettingError(f"bins: got {self.bins!r}, expected a whole number, at least 2")

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "c bins"]:
        """The quantiles of each channel."""
        return jax.vmap(lambda values: quantiles(values, self.bins))(_channels(features))

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "c bins"]) -> Float[Array, ""]:
        """`mean((features - matched)^2)`."""
        channels = _channels(features)
        return jnp.mean((channels - jax.vmap(match)(channels, target)) ** 2)


def quantiles(values: Float[Array, " n"], count: int) -> Float[Array, " count"]:
    """`count` quantiles, evenly spaced from the least to the largest value; all n of them sorted if count is n."""
    return interpolate(jnp.sort(values), count)


def match(values: Float[Array, " n"], wanted: Float[Array, " m"]) -> Float[Array, " n"]:
    """The values' places taken, in order of size, by n of the m `wanted` quantiles.

    Piecewise constant in the values, whose ranks alone matter: no gradient flows to them.
    """
    order = jnp.argsort(values)
    placed = jnp.zeros(values.shape, wanted.dtype).at[order]
    return placed.set(interpolate(wanted, len(values)), unique_indices=True, mode="promise_in_bounds")


def interpolate(values: Float[Array, " n"], count: int) -> Float[Array, " count"]:
    """A list resampled linearly to another length, its ends kept (the middle for a single one)."""
    size = len(values)
    if size == count:
        return values
    if size == 1:
        return jnp.broadcast_to(values, (count,))
    start = 0 if count > 1 else (size - 1) / 2
    position = jnp.linspace(start, size - 1, count, dtype=values.dtype)
    below = jnp.minimum(position.astype(jnp.int32), size - 2)
    share = position - below
    return values[below] * (1 - share) + values[below + 1] * share


def _channels(features: Array) -> Array:
    """(c, M) in float32 or better: a sort runs along contiguous memory."""
    flat = features.reshape(-1, features.shape[-1]).T
    return flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
