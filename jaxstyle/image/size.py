"""Resizing on the CPU, with Pillow's antialiased Lanczos filter in float32."""

import numpy as np
from PIL import Image

from jaxstyle.errors import ImageError, SettingError, is_whole
from jaxstyle.image.decode import MAX_EDGE, MAX_PIXELS
from jaxstyle.image.picture import Picture

INVISIBLE = 1 / 510
"""The largest alpha that is 0 in 8 bits. The colour of such a pixel is invisible and unknown, so it becomes white."""


def fit(shape: tuple[int, ...], long_edge: int) -> tuple[int, int]:
    """(height, width) of a picture of `shape` scaled so that its long edge is `long_edge`; no edge is below 1 pixel.

    >>> fit((600, 900), 300)
    (200, 300)

    Raises:
        SettingError: if `long_edge` is not a whole number from 1 to MAX_EDGE, or makes more than MAX_PIXELS pixels.
    """
    if not is_whole(long_edge, 1, MAX_EDGE):
        raise SettingError(f"size: got {long_edge!r}, expected a whole number of pixels from 1 to {MAX_EDGE}")
    height, width, long_edge = int(shape[0]), int(shape[1]), int(long_edge)
    longest = max(height, width)
    fitted = _scaled(height, long_edge, longest), _scaled(width, long_edge, longest)
    if fitted[0] * fitted[1] > MAX_PIXELS:
        raise SettingError(f"size: got {long_edge}, which makes {fitted[1]} x {fitted[0]}, over {MAX_PIXELS} pixels")
    return fitted


def resize(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (h, w) or (h, w, c) floats in [0, 1] to exactly `size` = (height, width).

    The filter is Lanczos (a = 3), widened by the scale when shrinking, on the sRGB-encoded values as every tool of
    the field does it. The overshoot at edges is clipped to [0, 1]. At its own size a picture keeps its values.

    Raises:
        ImageError: if `rgb` does not have 2 or 3 axes, or has no pixels.
        SettingError: if `size` is not two positive integers.
    """
    array = np.asarray(rgb, dtype=np.float32)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ImageError(f"resize: got shape {array.shape}, expected (h, w) or (h, w, c) with at least one pixel")
    if len(size) != 2 or min(size) < 1 or any(int(edge) != edge for edge in size):
        raise SettingError(f"resize: got size {size!r}, expected (height, width) of at least 1 pixel")
    return np.clip(_filtered(array, size), 0, 1)


def resize_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """Resize a picture and its alpha to `size` = (height, width), as `resize` does.

    Colours are weighted by alpha, so that colours hidden under transparent pixels leave no fringe at an edge.
    """
    if picture.alpha is None or picture.alpha.shape == tuple(size):
        return Picture(resize(picture.rgb, size), picture.alpha)
    alpha = _filtered(picture.alpha, size)[..., None]
    weighted = _filtered(picture.rgb * picture.alpha[..., None], size)
    rgb = np.divide(weighted, alpha, out=np.ones_like(weighted), where=alpha > INVISIBLE)
    return Picture(np.clip(rgb, 0, 1), np.clip(alpha[..., 0], 0, 1))


def _filtered(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An array (h, w) or (h, w, c) resized by the Lanczos filter; values may overshoot [0, 1]."""
    if array.ndim == 3:
        return np.stack([_filtered(array[..., c], size) for c in range(array.shape[2])], axis=2)
    height, width = (int(edge) for edge in size)
    image = Image.fromarray(np.ascontiguousarray(array))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def _scaled(edge: int, long_edge: int, longest: int) -> int:
    """The length of `edge` after a scaling that takes `longest` to `long_edge`: rounded half up, at least 1 pixel."""
    return max(1, (2 * edge * long_edge + longest) // (2 * longest))
