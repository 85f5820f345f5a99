"""Masks from pictures, by the same rules in every command and function that takes a mask.

| what comes in                          | what it means                                                            |
|----------------------------------------|--------------------------------------------------------------------------|
| grey, black and white                  | white is inside, black is outside, grey is partly inside                 |
| an array of bool                       | True is inside                                                           |
| transparent parts                      | opaque is inside, transparent is outside; its colour does not matter:    |
|                                        | cut-outs, white or black on transparent                                  |
| transparent parts beside dark and      | an error: it is not clear whether black or transparent is outside        |
| light grey                             |                                                                          |
| colours, without transparency          | an error: one mask for each region is needed                             |
| another aspect ratio than its picture  | an error that says so, and whether it seems to be turned                 |
| another size of the same aspect ratio  | resized                                                                  |
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxstyle.errors import ImageError
from jaxstyle.image.picture import Picture
from jaxstyle.image.read import read_picture
from jaxstyle.image.size import resize

COLORED = 0.1
"""A pixel whose channels differ by more than this is coloured. Smaller differences may be rounding in a JPEG."""
FEW = 0.005
"""The largest share of coloured pixels in a mask that still counts as grey."""


def load_mask(source: Any, *, name: str = "mask", shape: tuple[int, ...] | None = None) -> Float[np.ndarray, "h w"]:
    """Read a mask as (h, w) float32 from 0 (outside) to 1 (inside), by the rules of jaxstyle.image.mask.

    Args:
        source: any source that `read_picture` takes, or an array of bool.
        name: the name of the mask in error messages.
        shape: (height, width, ...) of the picture that the mask belongs to. The mask is resized to that size; None
            keeps its own size.

    Raises:
        ImageError: the source is not a picture, not clearly a mask, or has not the aspect ratio of its picture.
    """
    is_bool = str(getattr(source, "dtype", "")) == "bool"
    picture = read_picture(np.asarray(source, np.float32) if is_bool else source, name=name)
    mask = _inside(picture, name)
    if shape is None:
        return mask
    _check_aspect(mask.shape, shape[:2], name)
    return resize(mask, (shape[0], shape[1]))


def _inside(picture: Picture, name: str) -> Float[np.ndarray, "h w"]:
    rgb, alpha = picture
    if alpha is not None and alpha.min() < 1:
        seen = rgb[alpha > 0.5]
        grey = _colored(seen) <= FEW
        if grey and seen.size and seen.min() < 0.25 and seen.max() > 0.75:
            raise ImageError(
                f"{name}: is transparent in parts and both black and white in others, so what is outside? "
                "Save it in grey without transparency, or in one colour on transparent"
            )
        return alpha
    if _colored(rgb) > FEW:
        raise ImageError(f"{name}: is in colours, expected grey: white inside, black outside; make one for each region")
    return rgb.mean(-1)


def _colored(rgb: Float[np.ndarray, "*n 3"]) -> float:
    """The share of the pixels that are not grey."""
    return float((np.ptp(rgb, -1) > COLORED).mean()) if rgb.size else 0.0


def _check_aspect(found: tuple[int, ...], expected: tuple[int, ...], name: str) -> None:
    """Raise ImageError unless both sizes have the same aspect ratio, up to rounding to whole pixels."""
    if _similar(found, expected):
        return
    turned = "; it seems to be turned by 90 degrees" if _similar(found[::-1], expected) else ""
    raise ImageError(
        f"{name}: got {found[1]} x {found[0]} pixels, expected the aspect ratio of its picture of "
        f"{expected[1]} x {expected[0]}{turned}"
    )


def _similar(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two sizes have the same aspect ratio, within an error of one pixel and one per cent."""
    small, large = sorted((a, b))
    return abs(small[0] * large[1] - small[1] * large[0]) <= max(large) * (1 + 0.01 * min(small))
