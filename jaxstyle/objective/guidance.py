"""Spatial guidance: which part of the picture takes which part of the style, as a wrapper round any loss.

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
EMPTY = 1e-6  # of the mean mask: below, a region has no pixel


@dataclass(frozen=True)
class Guided:
    """`sum_r loss(T_r F, target_r)` over regions r, with guidance channels T_r scaled so that `mean(T_r^2) = 1`.

    For the Gram matrix these are Gatys et al. 2017's guided Gram matrices. It is exact for every loss whose target is
    a mean over positions; for losses that compare sampled positions, those outside a region count as zeros.
    """

    loss: Any

    def __call__(self, features: Any, target: tuple[tuple[Any, ...], tuple[Any, ...]]) -> Float[Array, ""]:
        """The sum over regions; `target` is (the regions' guidance channels, the regions' targets)."""
        pairs = zip(*target, strict=True)
        return sum((self.loss(apply(guide, features), one) for guide, one in pairs), jnp.zeros(()))

    def sums(self, features: Array, target: tuple[tuple[Array, ...], tuple[Any, ...]], band: Band) -> tuple[Any, ...]:
        """Each region's sums over a band's positions."""
        pairs = zip(*target, strict=True)
        return tuple(self.loss.sums(apply(band.cut(guide), features), one, band) for guide, one in pairs)

    def from_sums(self, sums: tuple[Any, ...], target: tuple[tuple[Any, ...], tuple[Any, ...]]) -> Float[Array, ""]:
        """The sum over regions."""
        pairs = zip(sums, target[1], strict=True)
        return sum((self.loss.from_sums(found, one) for found, one in pairs), jnp.zeros(()))


def apply(guide: Any, features: Any) -> Any:
    """`T F`: the features of a region, for one layer or a tuple of them."""
    if isinstance(guide, tuple):
        return tuple(map(apply, guide, features))
    return features * guide[..., None].astype(features.dtype)


def select_guides(loss: Loss, guides: Mapping[str, Array]) -> Any:
    """A region's guidance channels at the loss's layer, or a tuple of them."""
    found = tuple(guides[layer] for layer in layers_of(loss))
    return found[0] if hasattr(loss, "layer") else found


def guidance_channels(
    masks: Masks, layers: Mapping[str, Place], propagation: Propagation, name: str
) -> dict[str, dict[str, Array]]:
    """{region: {layer: channel (h, w) with mean(T^2) = 1}} for layers of the given geometry and shapes.

    Raises:
        SettingError: a region that is empty, or vanishes on its way to a layer.
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
    """The mask at each of the layers.

    "simple" averages the pixels that a position stands for; "inside" keeps the positions all of whose pixels lie in
    the region (the minimum over all that it sees), "all" those that see any of it (the maximum).
    """
    if propagation not in get_args(Propagation):
        raise SettingError(f"propagation: got {propagation!r}; {suggest(propagation, get_args(Propagation))}")
    seen = _SEEN[propagation]
    return {layer: _sized(seen(mask, geometry), shape[:2]) for layer, (geometry, shape) in layers.items()}


def check_masks(masks: Mapping[str, Any], shape: tuple[int, ...], name: str) -> dict[str, Array]:
    """The masks as float32 arrays of `shape`. Raises SettingError naming the region that does not fit."""
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
    """Every region of the content needs a style, and every region of a style a place in the content."""
    given = {region for masks in styles for region in (content if masks is None else masks)}
    for region in content:
        if region not in given:
            raise SettingError(f"style_masks: no style has the region {region!r} of content_masks")
    for region in given - content.keys():
        raise SettingError(f"content_masks: region {region!r} of style_masks is missing; {suggest(region, content)}")


def _mean(mask: Float[Array, "h w"], geometry: Geometry) -> Float[Array, "_h _w"]:
    """The mean of the pixels that each position stands for."""
    stride = geometry.stride
    rows, columns = (size // stride for size in mask.shape)
    return mask[: rows * stride, : columns * stride].reshape(rows, stride, columns, stride).mean((1, 3))


def _extreme(mask: Float[Array, "h w"], geometry: Geometry, pick: Any) -> Float[Array, "_h _w"]:
    """The minimum or maximum of the pixels that each position sees; the picture's edge is no boundary."""
    start = jnp.asarray(jnp.inf if pick is lax.min else -jnp.inf, mask.dtype)
    stride, halo, _ = geometry
    for axis, size in enumerate(mask.shape):
        rest = size % stride  # of which a position sees what its halo reaches
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
    """The mask in a layer's shape, where the network keeps more at the edges (`ceil_mode`), or less."""
    pad = [(0, max(0, want - have)) for want, have in zip(shape, mask.shape, strict=True)]
    return jnp.pad(mask, pad, mode="edge")[: shape[0], : shape[1]] if 0 not in mask.shape else jnp.zeros(shape)
