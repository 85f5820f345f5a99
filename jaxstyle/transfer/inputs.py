"""Turns pictures as users give them into what an objective needs: sizes, colours, masks, the first image."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxstyle.errors import SettingError, is_number
from jaxstyle.image import Picture, fit, load_mask, read_picture, resize, resize_picture
from jaxstyle.image.color import luminance, match_color, match_luminance
from jaxstyle.objective.memo import Once, call
from jaxstyle.objective.recipe import Color
from jaxstyle.optimize.pyramid import highest_frequencies, style_shape
from jaxstyle.transfer.result import describe
from jaxstyle.transfer.settings import DEFAULT_SIZE

Regions = dict[str, Array]


@dataclass(frozen=True)
class Inputs:
    """The pictures and masks of an objective, at the sizes for the result's own size, with colours matched.

    Attributes:
        content: (h, w, 3), RGB in [0, 1], at the result's size.
        styles: pictures of the same kind, each of its own size.
        content_masks: {region: (h, w) in [0, 1]} of the content.
        style_masks: the same for each style, at its size; None for a style without.
    """

    content: np.ndarray
    styles: list[np.ndarray]
    content_masks: Regions | None = None
    style_masks: list[Regions | None] | None = None

    def at(self, shape: tuple[int, int], once: Once = call) -> "Inputs":
        """The inputs for a result of (height, width) `shape`, each resized once, from its own size."""
        own = self.content.shape[:2]
        if shape == own:
            return self
        scale = max(shape) / max(own)
        shapes = [style_shape(style.shape, scale) for style in self.styles]
        styles = [once(resize, style, at) for style, at in zip(self.styles, shapes, strict=True)]
        masks = None
        if self.style_masks is not None:
            masks = [_resized(each, at) for each, at in zip(self.style_masks, shapes, strict=True)]
        return Inputs(once(resize, self.content, shape), styles, _resized(self.content_masks, shape), masks)


def _resized(masks: Regions | None, shape: tuple[int, int]) -> Regions | None:
    if masks is None:
        return None
    return {name: jnp.asarray(resize(np.asarray(mask), shape)) for name, mask in masks.items()}


def sized(picture: Picture, size: int | None, source: Any) -> Picture:
    """Resize a picture, transparency included, to the size that its result will have.

    Args:
        picture: the picture as it was read.
        size: long edge in pixels. None reduces a picture from a file to `DEFAULT_SIZE` if it is larger; arrays and PIL
            images keep their size.
        source: what it was read from.

    Raises:
        SettingError: the size is not usable.
    """
    shape = picture.rgb.shape[:2]
    if size is None:
        is_file = isinstance(source, str | os.PathLike) or hasattr(source, "read")
        size = min(DEFAULT_SIZE, max(shape)) if is_file else max(shape)
    return resize_picture(picture, fit(shape, size))


def recolored(content: np.ndarray, styles: Sequence[np.ndarray], color: Color) -> tuple[np.ndarray, list[np.ndarray]]:
    """The content and the styles with their colours changed as `color` says, as the losses see them."""
    if color == "style" or color == "affine":
        return content, list(styles)
    if color == "luminance":
        grey = np.repeat(luminance(content)[..., None], 3, -1)
        return grey, [match_luminance(style, content) for style in styles]
    return content, [match_color(style, content, method=color) for style in styles]


def read_masks(masks: Mapping[str, Any] | None, shape: tuple[int, ...], name: str) -> dict[str, Array] | None:
    """Read masks, {region: grey picture}, as (h, w) in [0, 1] at the size of the picture that they belong to."""
    if masks is None:
        return None
    if not isinstance(masks, Mapping):
        raise SettingError(f"{name}: got {type(masks).__name__}, expected {{region: grey picture}}")
    return {
        region: jnp.asarray(load_mask(mask, name=f"{name}[{region!r}]", shape=shape)) for region, mask in masks.items()
    }


def read_style_masks(given: Any, styles: list[np.ndarray]) -> list[dict[str, Array] | None] | None:
    """Read the masks of the styles: one dict of masks, or a list with one for each style. Raises SettingError."""
    if given is None:
        return None
    masks = [given] if isinstance(given, Mapping) else list(given)
    if len(masks) != len(styles):
        raise SettingError(
            f"style_masks: got masks for {len(masks)} styles, expected {len(styles)}, None for those without"
        )
    return [
        read_masks(one, style.shape, f"style_masks[{i}]")
        for i, (one, style) in enumerate(zip(masks, styles, strict=True))
    ]


def style_edge(picture: Picture, style_scale: float) -> int:
    """Long edge of the styles in pixels, for a result like `picture`. Raises SettingError for a wrong `style_scale`."""
    if not is_number(style_scale, 0, 100) or not style_scale:
        raise SettingError(
            f"style_scale: got {style_scale!r}, expected a number above 0, at most 100 (1 is the result's size)"
        )
    return max(1, round(max(picture.rgb.shape[:2]) * style_scale))


def initial(
    init: Any, content: np.ndarray, style: Sequence[np.ndarray], seed: int
) -> tuple[np.ndarray | Array, dict[str, Any]]:
    """Make the first image, and the settings to record of it.

    Args:
        init: "content", "style", "noise" (normal, mean 0.5, deviation 0.1, clipped), "detail" (the content's highest
            frequencies on the style's mean colour), or a picture of the user's.
        content: the content, (h, w, 3); the image gets its size.
        style: the first style, or nothing if there is none.
        seed: random seed of the noise.

    Returns:
        The image, RGB in [0, 1], and {"init_picture": its description} for a picture of the user's, else {}.
    """
    if not isinstance(init, str):
        picture = read_picture(init, name="init")
        return resize_picture(picture, content.shape[:2]).rgb, {"init_picture": describe(init, picture)}
    if init == "noise":
        return jnp.clip(0.5 + 0.1 * jax.random.normal(jax.random.key(seed), content.shape), 0, 1), {}
    if init == "detail":
        return highest_frequencies(jnp.asarray(content)) + style[0].mean((0, 1), keepdims=True), {}
    return (content if init == "content" else resize(style[0], content.shape[:2])), {}


def masks_given(content_masks: Any, style_masks: Any) -> list[str]:
    """The names of all regions, for a result's settings, where the masks themselves are not recorded."""
    style = [style_masks] if isinstance(style_masks, Mapping) else style_masks or []
    return sorted({region for masks in (content_masks, *style) for region in masks or {}})
