"""Histogram loss: each channel should take the style's values as often as the style does."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.losses.base import Loss


@dataclass(frozen=True)
class HistogramLoss(Loss):
    """Mean squared difference between the features and the same features remapped to the style's histograms.

    `mean((F - HistMatch(F, S))^2)` for the features F of the generated picture and S of the style. Each channel is
    remapped on its own, and the remapped features are a constant without gradient. Risser, Wilmot & Barnes 2017
    ("Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram Losses") have a sum instead of
    the mean. They use it beside a Gram loss, at relu1_1 and relu4_1.

    Where we deviate: instead of histograms with 256 equal bins of value, the target is `bins` quantiles of each
    channel from its least to its largest value, and of the M pixels the one of rank r gets the quantile at r / (M - 1),
    interpolated. So the generated picture needs no bins, and the two pictures may have any sizes. Equal values are
    ranked in raster order. The loss is then the squared Wasserstein-2 distance of each channel's values: a sliced
    Wasserstein loss with the channels as directions. It is in the units of the features squared. At its own target it
    is not quite 0 unless M = bins: what is left is the error of the interpolated quantiles.

    Several styles are blended by averaging their quantiles, which is the barycentre of their histograms.

    Cost: one sort of each channel, O(c M log M), on a CPU ten times a Gram matrix at relu1_1. The target has bins c
    numbers. Memory: about four times the features.

    Attributes:
        layer: name of the layer whose activations are compared.
        bins: number of quantiles of each channel that the target keeps, at least 2.

    Raises:
        SettingError: `bins` is below 2.
    """

    layer: str
    bins: int = 256
    kind: ClassVar[str] = "histogram"
    blendable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not is_whole(self.bins, 2):
            raise SettingError(f"bins: got {self.bins!r}, expected a whole number, at least 2")

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "c bins"]:
        """The quantiles of each channel of the style's features."""
        return jax.vmap(lambda values: quantiles(values, self.bins))(_channels(features))

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "c bins"]) -> Float[Array, ""]:
        """Mean squared difference, `mean((features - matched)^2)`."""
        channels = _channels(features)
        return jnp.mean((channels - jax.vmap(match)(channels, target)) ** 2)


def quantiles(values: Float[Array, " n"], count: int) -> Float[Array, " count"]:
    """Compute `count` quantiles, evenly spaced from the least to the largest value; the sorted values if count is n."""
    return interpolate(jnp.sort(values), count)


def match(values: Float[Array, " n"], wanted: Float[Array, " m"]) -> Float[Array, " n"]:
    """Replace the values, in order of size, by the `wanted` quantiles, interpolated from m to n.

    The result is piecewise constant in the values, of which only the ranks matter: no gradient flows to them.
    """
    order = jnp.argsort(values)
    placed = jnp.zeros(values.shape, wanted.dtype).at[order]
    return placed.set(interpolate(wanted, len(values)), unique_indices=True, mode="promise_in_bounds")


def interpolate(values: Float[Array, " n"], count: int) -> Float[Array, " count"]:
    """Resample a list linearly to another length. Its ends are kept; a single value is taken from the middle."""
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
    """Features as (c, M) in float32 or wider, so that the sort of a channel runs along contiguous memory."""
    flat = features.reshape(-1, features.shape[-1]).T
    return flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
