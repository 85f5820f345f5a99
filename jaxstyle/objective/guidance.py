"""Spatial guidance: which part of the picture takes which part of the style, as a wrapper around any loss.

Gatys, Ecker, Bethge, Hertzmann & Shechtman 2017, "Controlling Perceptual Factors in Neural Style Transfer", section 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.losses import Loss, layers_of
from jaxstyle.losses.bands import Band
from jaxstyle.networks.model import Geometry
from jaxstyle.objective.recipe import Propagation

Masks = Mapping[str, Float[Array | np.ndarray, "_h _w"]]
Place = tuple[Geometry, tuple[int, ...]]
"""A layer's geometry, and the shape of its activation."""
EMPTY = 1e-6  # a region whose mask has a mean below this is empty


@dataclass(frozen=True)
class Guided:
    """Sum of a loss over regions r, `sum_r loss(T_r F, target_r)`, with guidance channels T_r of `mean(T_r^2) = 1`.

    For the Gram matrix these are Gatys et al. 2017's guided Gram matrices. It is exact for every loss whose target is
    a mean over positions. Losses that compare sampled positions sample inside the region, as STROTSS does. For the
    other losses positions outside a region count as zeros.
    """

    loss: Any

    def __call__(self, features: Any, target: tuple[tuple[Any, ...], tuple[Any, ...]], *key: Array) -> Float[Array, ""]:
        """Sum of the loss over regions; `target` is (the regions' guidance channels, the regions' targets)."""
        pairs = zip(*target, strict=True)
        if self.bare.sampled:
            found = (self.loss(features, one, *key, guide=first(guide)) for guide, one in pairs)
        else:
            found = (self.loss(apply(guide, features), one, *key) for guide, one in pairs)
        return sum(found, jnp.zeros(()))

    @property
    def bare(self) -> Loss:
        """The loss itself, which may be wrapped for several styles."""
        return getattr(self.loss, "loss", self.loss)

    def sums(self, features: Array, target: tuple[tuple[Array, ...], tuple[Any, ...]], band: Band) -> tuple[Any, ...]:
        """Each region's sums over a band's positions."""
        pairs = zip(*target, strict=True)
        return tuple(self.loss.sums(apply(band.cut(guide), features), one, band) for guide, one in pairs)

    def from_sums(self, sums: tuple[Any, ...], target: tuple[tuple[Any, ...], tuple[Any, ...]]) -> Float[Array, ""]:
        """Sum of the loss over regions, from each region's sums."""
        pairs = zip(sums, target[1], strict=True)
        return sum((self.loss.from_sums(found, one) for found, one in pairs), jnp.zeros(()))


def first(guide: Any) -> Array:
    """Guidance channel of a region at a loss's first layer."""
    return guide[0] if isinstance(guide, tuple) else guide


def apply(guide: Any, features: Any) -> Any:
    """Multiply features by a region's guidance channel, `T F`, for one layer or a tuple of them."""
    if isinstance(guide, tuple):
        return tuple(map(apply, guide, features))
    return features * guide[..., None].astype(features.dtype)


def select_guides(loss: Loss, guides: Mapping[str, Array]) -> Any:
    """Guidance channel of a region at the loss's layer, or a tuple of them for a loss with `layers`."""
    found = tuple(guides[layer] for layer in layers_of(loss))
    return found[0] if hasattr(loss, "layer") else found


def guidance_channels(
    masks: Masks, layers: Mapping[str, Place], propagation: Propagation, name: str
) -> dict[str, dict[str, Array]]:
    """Make guidance channels {region: {layer: T (h, w)}} with mean(T^2) = 1, for layers of these geometries and shapes.

    Raises:
        SettingError: a region is empty, or nothing of it is left at a layer. The message calls the masks `name`.
    """
    channels: dict[str, dict[str, Array]] = {}
    for region, mask in masks.items():
        if float(jnp.mean(mask)) < EMPTY:
            raise SettingError(f"{name}: region {region!r} is empty, expected some pixels above 0")
        at_layers = propagate(jnp.asarray(mask), layers, propagation)
        for layer, at_layer in at_layers.items():
            if float(jnp.mean(at_layer)) < EMPTY:
                hint = "use propagation='simple', or larger regions"
                raise SettingError(f"{name}: nothing of region {region!r} is left at {layer}: {hint}")
        channels[region] = {layer: at / jnp.sqrt(jnp.mean(at**2)) for layer, at in at_layers.items()}
    return channels


def propagate(
    mask: Float[Array, "h w"], layers: Mapping[str, Place], propagation: Propagation
) -> dict[str, Float[Array, "_h _w"]]:
    """Propagate a mask to each of the layers: {layer: mask at the layer's size}.

    "simple" averages the pixels that a position stands for. "inside" keeps the positions that see only pixels of the
    region (the minimum over all pixels that a position sees), "all" those that see any of them (the maximum).

    Raises:
        SettingError: an unknown propagation.
    """
    if propagation not in get_args(Propagation):
        raise SettingError(f"propagation: got {propagation!r}; {suggest(propagation, get_args(Propagation))}")
    seen = _SEEN[propagation]
    return {layer: _sized(seen(mask, geometry), shape[:2]) for layer, (geometry, shape) in layers.items()}


def check_masks(masks: Mapping[str, Any], shape: tuple[int, ...], name: str) -> dict[str, Array]:
    """Convert masks to float32 arrays of `shape`. Raises SettingError that names a region whose mask does not fit."""
    checked = {}
    for region, mask in masks.items():
        array = np.asarray(mask, np.float32)
        if array.shape != tuple(shape[:2]):
            expected = f"expected {tuple(shape[:2])}, its picture's (height, width)"
            raise SettingError(f"{name}: mask {region!r} has shape {array.shape}, {expected}")
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise SettingError(f"{name}: mask {region!r} has values outside [0, 1]")
        checked[region] = jnp.asarray(array)
    return checked


def check_regions(content: Mapping[str, Any], styles: Sequence[Mapping[str, Any] | None]) -> None:
    """Raise SettingError unless every region of the content has a style, and every style's region is in the content."""
    given = {region for masks in styles for region in (content if masks is None else masks)}
    for region in content:
        if region not in given:
            raise SettingError(f"style_masks: no style has the region {region!r} of content_masks")
    for region in given - content.keys():
        raise SettingError(f"content_masks: region {region!r} of style_masks is missing; {suggest(region, content)}")


def _mean(mask: Float[Array, "h w"], geometry: Geometry) -> Float[Array, "_h _w"]:
    """Mean of the mask over the pixels that each position stands for."""
    stride = geometry.stride
    rows, columns = (size // stride for size in mask.shape)
    return mask[: rows * stride, : columns * stride].reshape(rows, stride, columns, stride).mean((1, 3))


def _extreme(mask: Float[Array, "h w"], geometry: Geometry, pick: Any) -> Float[Array, "_h _w"]:
    """Minimum or maximum of the mask over the pixels that each position sees; none outside the picture count."""
    start = jnp.asarray(jnp.inf if pick is lax.min else -jnp.inf, mask.dtype)
    stride, halo, _ = geometry
    for axis, size in enumerate(mask.shape):
        rest = size % stride  # left-over pixels, which the last position sees as far as its halo reaches
        mask = lax.slice_in_dim(mask, 0, size - max(0, rest - halo), axis=axis)
        window, strides, padding = [1, 1], [1, 1], [(0, 0), (0, 0)]
        window[axis], strides[axis], padding[axis] = stride + 2 * halo, stride, (halo, max(0, halo - rest))
        mask = lax.reduce_window(mask, start, pick, tuple(window), tuple(strides), padding)
    return mask


_SEEN: dict[str, Callable[[Array, Geometry], Array]] = {
    "simple": _mean,
    "inside": partial(_extreme, pick=lax.min),
    "all": partial(_extreme, pick=lax.max),
}


def _sized(mask: Array, shape: tuple[int, ...]) -> Array:
    """Pad or crop a mask to a layer's shape, where the network keeps more at the edges (`ceil_mode`), or less."""
    pad = [(0, max(0, want - have)) for want, have in zip(shape, mask.shape, strict=True)]
    return jnp.pad(mask, pad, mode="edge")[: shape[0], : shape[1]] if 0 not in mask.shape else jnp.zeros(shape)
