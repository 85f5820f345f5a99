"""Colour quantisation: paint a picture in a few colours, its own or those of another picture."""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import ArrayLike

from jaxstyle.errors import SettingError
from jaxstyle.image import load_image
from jaxstyle.preprocess.codes import Codes, Space, decode, encode, nearest_labels
from jaxstyle.preprocess.dither import Dither, dithered_labels
from jaxstyle.preprocess.palette import Method, find_palette
from jaxstyle.preprocess.settings import check_choice, check_count

MOST_COLORS = 256
"""The most colours of a palette, as in an indexed file."""


@dataclass(frozen=True)
class Quantized:
    """A picture of few colours; `image == palette[labels]`, exactly.

    Attributes:
        image: RGB in [0, 1].
        palette: the k colours that occur, the most frequent first; multiples of 1/255, as 8-bit files hold them.
        labels: for each pixel the index of its colour in the palette.
    """

    image: Float[np.ndarray, "h w 3"]
    palette: Float[np.ndarray, "k 3"]
    labels: UInt8[np.ndarray, "h w"]

    @property
    def shares(self) -> Float[np.ndarray, " k"]:
        """The share of the pixels that have each colour of the palette; the sum is 1."""
        return np.bincount(self.labels.ravel(), minlength=len(self.palette)) / self.labels.size


def quantize_colors(
    image: Any,
    n_colors: int,
    *,
    space: Space = "lab",
    method: Method = "kmeans",
    dither: Dither | None = None,
    seed: int = 0,
) -> Quantized:
    """Paint a picture in at most `n_colors` of its own colours.

    Colours are first rounded to 8 bits per channel. A picture with at most `n_colors` distinct colours keeps them.
    Otherwise a palette is fitted to all colours with their frequencies, or to 2^15 random pixels if there are more
    colours than that. The palette is rounded to 8 bits, equal colours in it become one, and every pixel takes the
    nearest colour.

    Args:
        image: the picture, as `load_image` takes it.
        n_colors: the most colours, from 1 to 256.
        space: the space of Euclidean distances: "lab" is CIE L*a*b* (D65), near to how people see; "rgb" is
            sRGB-encoded RGB.
        method: "kmeans" (scikit-learn, the best of 3 starts), "minibatch" (quicker for hundreds of colours), or
            "median_cut" (Heckbert 1982: rare colours are lost first).
        dither: None, "floyd_steinberg" (error diffusion) or "ordered" (an 8x8 pattern, the same from frame to frame).
        seed: random seed of the pixels drawn and of k-means, from 0 to 2**32 - 1. Equal seeds give equal results.

    Raises:
        ImageError: the picture cannot be read.
        SettingError: a setting is unknown or out of range.
    """
    size, seed = check_count("n_colors", n_colors, 1, MOST_COLORS), check_count("seed", seed, 0, 2**32 - 1)
    check_choice("method", method, get_args(Method))
    _check(space, dither)
    codes = encode(load_image(image))
    colors, counts = np.unique(codes, return_counts=True)
    palette = find_palette(colors, counts, size, space, method, seed)
    return _paint(codes, colors, palette, space, dither)


def quantize_with(image: Any, palette: ArrayLike, *, space: Space = "lab", dither: Dither | None = None) -> Quantized:
    """Paint a picture in given colours, such as another picture's: `quantize_colors(other, 16).palette`.

    Args:
        image: the picture, as `load_image` takes it.
        palette: (k, 3) with k from 1 to 256: floats in [0, 1], which are rounded to 8 bits, or uint8. Colours that no
            pixel takes are not in the result's palette.
        space: see `quantize_colors`.
        dither: see `quantize_colors`.

    Raises:
        ImageError: the picture cannot be read, or the palette is not in [0, 1].
        SettingError: the palette has another shape, or a setting is unknown.
    """
    _check(space, dither)
    codes = encode(load_image(image))
    return _paint(codes, np.unique(codes), _palette_codes(palette), space, dither)


def _check(space: Any, dither: Any) -> None:
    check_choice("space", space, get_args(Space))
    if dither is not None:
        check_choice("dither", dither, get_args(Dither))


def _palette_codes(palette: ArrayLike) -> Codes:
    array = np.asarray(palette)
    if array.ndim != 2 or array.shape[1] != 3 or not 1 <= len(array) <= MOST_COLORS:
        raise SettingError(f"palette: got shape {array.shape}, expected (k, 3) with k from 1 to {MOST_COLORS}")
    return np.unique(encode(load_image(array[None], name="palette"))[0])


def _paint(codes: Codes, colors: Codes, palette: Codes, space: Space, dither: Dither | None) -> Quantized:
    """Paint a picture, given as codes, in the palette. Nothing is dithered if the palette has all of its colours."""
    if dither is None or np.isin(colors, palette).all():
        labels = nearest_labels(codes, palette, space, colors)
    else:
        labels = dithered_labels(codes, palette, dither)
    counts = np.bincount(labels.ravel(), minlength=len(palette))
    order = np.lexsort((palette, -counts))[: np.count_nonzero(counts)]
    ranks = np.zeros(len(palette), np.uint8)
    ranks[order] = np.arange(len(order))
    labels, found = ranks[labels], decode(palette[order])
    return Quantized(np.take(found, labels, axis=0), found, labels)
