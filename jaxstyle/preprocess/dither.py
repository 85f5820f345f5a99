"""Dithering: neighbouring pixels take different palette colours, so that from afar their mean is the picture's colour.

The two methods work on the sRGB-encoded values, whatever space the palette was found in.
"""

from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxstyle.preprocess.codes import Codes, decode, encode, levels_of, nearest_labels

Dither = Literal["floyd_steinberg", "ordered"]


def dithered_labels(codes: Codes, palette: Codes, dither: Dither) -> UInt8[np.ndarray, "h w"]:
    """Dither a picture, given as codes (h, w), to indices into the palette."""
    return (
        diffuse(codes, palette)
        if dither == "floyd_steinberg"
        else nearest_labels(order(codes, palette), palette, "rgb")
    )


def diffuse(codes: Codes, palette: Codes) -> UInt8[np.ndarray, "h w"]:
    """Dither by error diffusion (Floyd & Steinberg 1976, done by Pillow) to indices into the palette.

    The error of each pixel is passed on to the four neighbours that come after it.
    """
    filled = np.concatenate([palette, np.repeat(palette[:1], 256 - len(palette))])
    reference = Image.new("P", (1, 1))
    reference.putpalette(levels_of(filled).tobytes())
    image = Image.fromarray(levels_of(codes)).quantize(palette=reference, dither=Image.Dither.FLOYDSTEINBERG)
    labels = np.asarray(image)
    return np.where(labels < len(palette), labels, np.uint8(0))


def order(codes: Codes, palette: Codes) -> Codes:
    """Codes of the picture plus Bayer's 8x8 pattern, whose range is the palette's `spacing`."""
    height, width = codes.shape
    pattern = (bayer(3) + 0.5) / 64 - 0.5
    tiles = np.tile(pattern, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    return encode(np.clip(decode(codes) + (spacing(palette) * tiles).astype(np.float32), 0, 1))


def bayer(order: int) -> np.ndarray:
    """Bayer's matrix (2^order, 2^order) of 0 to 4^order - 1 (1973): `M_2n = [[4M, 4M + 2], [4M + 3, 4M + 1]]`.

    >>> bayer(1)
    array([[0, 2],
           [3, 1]])
    """
    matrix = np.zeros((1, 1), int)
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return matrix


def spacing(palette: Codes) -> float:
    """The mean distance of a palette colour to its nearest other one, divided by sqrt(3); 0 for a single colour."""
    if len(palette) < 2:
        return 0.0
    rgb = decode(palette).astype(np.float64)
    distances = np.linalg.norm(rgb[:, None] - rgb, axis=-1)
    np.fill_diagonal(distances, np.inf)
    return float(distances.min(1).mean() / 3**0.5)
