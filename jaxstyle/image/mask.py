"""Pictures as masks: one rule for every command and function that takes one.

| what comes in                          | what it means                                                            |
|----------------------------------------|--------------------------------------------------------------------------|
| grey, black and white                  | white is inside, black is outside, grey is partly inside                 |
| an array of bool                       | True is inside                                                           |
| transparent parts                      | opaque is inside, transparent is outside; its colour does not matter:    |
|                                        | cut-outs, white or black on transparent                                  |
| transparent parts beside dark and      | an error: is black outside, or transparent?                              |
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
"""Channels further apart than this are a colour, not the rounding of a JPEG."""
FEW = 0.005
"""The share of the pixels that may be coloured all the same."""


def load_mask(source: Any, *, name: str = "mask", shape: tuple[int, ...] | None = None) -> Float[np.ndarray, "h w"]:
    """A mask as numbers from 0, outside, to 1, inside, by the rules of jaxstyle.image.mask.

    Args:
        source: what `read_picture` takes, or an array of bool.
        name: what messages call it.
        shape: (height, width, ...) of the picture that it belongs to, whose size it gets; its own for None.

    Raises:
        ImageError: it is no picture, or none that can be taken for a mask of that picture.
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
    """Raise ImageError unless sizes differ by a scale alone, up to rounding to whole pixels."""
    if _similar(found, expected):
        return
    turned = "; it seems to be turned by 90 degrees" if _similar(found[::-1], expected) else ""
    raise ImageError(
        f"{name}: got {found[1]} x {found[0]} pixels, expected the aspect ratio of its picture of "
        f"{expected[1]} x {expected[0]}{turned}"
    )


def _similar(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether one edge follows from the other: within a pixel and a hundredth."""
    small, large = sorted((a, b))
    return abs(small[0] * large[1] - small[1] * large[0]) <= max(large) * (1 + 0.01 * min(small))
