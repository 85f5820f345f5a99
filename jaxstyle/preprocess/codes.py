"""8-bit colours as codes, the whole numbers `65536 R + 256 G + B`, and the nearest colours of a palette.

A photograph of 12 million pixels has a few hundred thousand colours, so work for each colour is done about 30 times
less often than work for each pixel.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

Space = Literal["lab", "rgb"]
Codes = Integer[np.ndarray, "..."]

BLOCK = 2**18
"""The number of colours that are looked up at a time, so that a picture of noise does not need gigabytes."""


def encode(rgb: Float[np.ndarray, "... 3"]) -> Codes:
    """The codes of the nearest 8-bit colours to RGB in [0, 1]: floor(255 x + 1/2), as in files that are saved."""
    red, green, blue = (_level(rgb[..., c]) for c in range(3))
    return red << 16 | green << 8 | blue


def _level(channel: Float[np.ndarray, "..."]) -> Codes:
    return np.floor(channel * np.float32(255) + np.float32(0.5)).astype(np.uint32)


def levels_of(codes: Codes) -> np.ndarray:
    """The colours of codes as (..., 3) uint8."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def decode(codes: Codes) -> np.ndarray:
    """The colours of codes as (..., 3) float32 in [0, 1], exactly as reading an 8-bit file gives them."""
    return levels_of(codes) / np.float32(255)


def to_space(rgb: Float[np.ndarray, "n 3"], space: Space) -> Float[np.ndarray, "n 3"]:
    """Convert RGB in [0, 1] to the space of Euclidean distances: CIE L*a*b* (white D65, L in 0..100), or RGB itself."""
    if space == "rgb":
        return rgb
    from skimage.color import rgb2lab

    return rgb2lab(rgb)


def from_space(points: Float[np.ndarray, "n 3"], space: Space) -> Float[np.ndarray, "n 3"]:
    """The inverse of `to_space`: RGB, clipped to [0, 1]."""
    if space == "rgb":
        return np.clip(points, 0, 1)
    from skimage.color import lab2rgb

    return np.clip(lab2rgb(points), 0, 1)


def nearest_labels(codes: Codes, palette: Codes, space: Space, colors: Codes | None = None) -> np.ndarray:
    """The index of the nearest palette colour for each code, uint8. `colors` are the distinct codes, if known.

    Each distinct colour is looked up once, in blocks. Pixels find their index in a table of all 2^24 codes.
    """
    from sklearn.metrics import pairwise_distances_argmin

    colors = np.unique(codes) if colors is None else colors
    centers = to_space(decode(palette), space)
    table = np.zeros(1 << 24, np.uint8)
    for start in range(0, len(colors), BLOCK):
        block = colors[start : start + BLOCK]
        table[block] = pairwise_distances_argmin(to_space(decode(block), space), centers)
    return table[codes]
