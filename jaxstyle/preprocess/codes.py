"""8-bit colours as whole numbers, `65536 R + 256 G + B`, and the nearest of a palette.

A photograph of 12 million pixels has a few hundred thousand colours: what is done for each colour is done 30 times less
often than for each pixel.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

Space = Literal["lab", "rgb"]
Codes = Integer[np.ndarray, "..."]

BLOCK = 2**18
"""Colours at a time, so that a picture of noise needs no gigabytes."""


def encode(rgb: Float[np.ndarray, "... 3"]) -> Codes:
    """RGB in [0, 1] as codes of the nearest 8-bit colours: floor(255 x + 1/2), as files are written."""
    red, green, blue = (_level(rgb[..., c]) for c in range(3))
    return red << 16 | green << 8 | blue


def _level(channel: Float[np.ndarray, "..."]) -> Codes:
    return np.floor(channel * np.float32(255) + np.float32(0.5)).astype(np.uint32)


def levels_of(codes: Codes) -> np.ndarray:
    """Codes as (..., 3) uint8."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def decode(codes: Codes) -> np.ndarray:
    """Codes as (..., 3) float32 in [0, 1], the very values that reading a file gives."""
    return levels_of(codes) / np.float32(255)


def to_space(rgb: Float[np.ndarray, "n 3"], space: Space) -> Float[np.ndarray, "n 3"]:
    """CIE L*a*b* (white D65, L in 0..100), or RGB as it is: where Euclidean distances are taken."""
    if space == "rgb":
        return rgb
    from skimage.color import rgb2lab

    return rgb2lab(rgb)


def from_space(points: Float[np.ndarray, "n 3"], space: Space) -> Float[np.ndarray, "n 3"]:
    """RGB clipped to [0, 1]."""
    if space == "rgb":
        return np.clip(points, 0, 1)
    from skimage.color import lab2rgb

    return np.clip(lab2rgb(points), 0, 1)


def nearest_labels(codes: Codes, palette: Codes, space: Space, colors: Codes | None = None) -> np.ndarray:
    """For each code the index of the nearest palette colour, uint8; `colors` are the distinct codes if they are known.

    Each distinct colour is looked up once, in blocks, and pixels find theirs in a table of all 2^24 codes.
    """
    from sklearn.metrics import pairwise_distances_argmin

    colors = np.unique(codes) if colors is None else colors
    centers = to_space(decode(palette), space)
    table = np.zeros(1 << 24, np.uint8)
    for start in range(0, len(colors), BLOCK):
        block = colors[start : start + BLOCK]
        table[block] = pairwise_distances_argmin(to_space(decode(block), space), centers)
    return table[codes]
