"""Spatial guidance: which part of the picture takes which part of the style, as a wrapper round any loss.

Gatys, Ecker, Bethge, Hertzmann & Shechtman 2017, "Controlling Perceptual Factors in Neural Style Transfer", section 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.losses import Loss, layers_of
from jaxstyle.losses.bands import Band
from jaxstyle.objective.recipe import Propagation
from jaxstyle.weights.layout import CONVOLUTIONS

Masks = Mapping[str, Float[Array | np.ndarray, "_h _w"]]
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
    masks: Masks, shapes: Mapping[str, tuple[int, ...]], propagation: Propagation, name: str
) -> dict[str, dict[str, Array]]:
    """{region: {layer: channel (h, w) with mean(T^2) = 1}} for activations of the given shapes.

    Raises:
        SettingError: a region that is empty, or vanishes on its way to a layer.
    """
    channels: dict[str, dict[str, Array]] = {}
    for region, mask in masks.items():
        if float(jnp.mean(mask)) < EMPTY:
            raise SettingError(f"{name}: region {region!r} is empty, expected some pixels above 0")
        at_layers = propagate(jnp.asarray(mask), shapes, propagation)
        for layer, at_layer in at_layers.items():
            if float(jnp.mean(at_layer)) < EMPTY:
                hint = "use propagation='simple', or larger regions"
                raise SettingError(f"{name}: nothing of region {region!r} is left at {layer}: {hint}")
        channels[region] = {layer: at / jnp.sqrt(jnp.mean(at**2)) for layer, at in at_layers.items()}
    return channels


def propagate(
    mask: Float[Array, "h w"], shapes: Mapping[str, tuple[int, ...]], propagation: Propagation
) -> dict[str, Float[Array, "_h _w"]]:
    """The mask at each layer of VGG19 that `shapes` names.

    "simple" averages as pooling does; "inside" keeps the positions whose receptive field lies in the region, "all"
    those whose receptive field touches it (each 3x3 convolution and each pooling takes the minimum, or maximum).
    """
    if propagation not in get_args(Propagation):
        raise SettingError(f"propagation: got {propagation!r}; {suggest(propagation, get_args(Propagation))}")
    found = {"input": mask}
    for conv in CONVOLUTIONS:
        if conv.endswith("_1") and conv != "conv1_1":
            mask = found[f"pool{int(conv[4]) - 1}"] = _pool(mask, propagation)
        mask = found[f"relu{conv[4:]}"] = mask if propagation == "simple" else _spread(mask, propagation)
        found[f"relu{conv[4:]}_aux"] = mask
    return {layer: _sized(found[layer], shape[:2]) for layer, shape in shapes.items()}


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


def _pool(mask: Array, propagation: Propagation) -> Array:
    h, w = mask.shape[0] // 2 * 2, mask.shape[1] // 2 * 2
    blocks = mask[:h, :w].reshape(h // 2, 2, w // 2, 2)
    match propagation:
        case "inside":
            return blocks.min((1, 3))
        case "all":
            return blocks.max((1, 3))
    return blocks.mean((1, 3))


def _spread(mask: Array, propagation: Propagation) -> Array:
    """The minimum ("inside") or maximum ("all") of each 3x3 neighbourhood; the picture's edge is no boundary."""
    start, pick = (jnp.inf, lax.min) if propagation == "inside" else (-jnp.inf, lax.max)
    return lax.reduce_window(mask, jnp.asarray(start, mask.dtype), pick, (3, 3), (1, 1), "SAME")


def _sized(mask: Array, shape: tuple[int, ...]) -> Array:
    """Networks that pool with `ceil_mode` keep one more row or column: repeat the last."""
    pad = [(0, max(0, want - have)) for want, have in zip(shape, mask.shape, strict=True)]
    return jnp.pad(mask, pad, mode="edge")[: shape[0], : shape[1]] if 0 not in mask.shape else jnp.zeros(shape)
