"""Resizing on the CPU, with Pillow's antialiased Lanczos filter in float32."""

import numpy as np
from PIL import Image

from jaxstyle.errors import ImageError, SettingError, is_whole
from jaxstyle.image.decode import MAX_EDGE, MAX_PIXELS


def fit(shape: tuple[int, ...], long_edge: int) -> tuple[int, int]:
    """(height, width) of a picture of `shape` scaled so that its long edge is `long_edge`, at least 1 pixel each.

    >>> fit((600, 900), 300)
    (200, 300)

    Raises:
        SettingError: if `long_edge` is not a whole number above 0.
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

    Lanczos (a = 3), widened by the scale when shrinking, on the sRGB-encoded values as every tool of the field does
    it; the overshoot at edges is clipped to [0, 1]. The picture's own size gives its own values back.

    Raises:
        ImageError: if `rgb` is no such array.
        SettingError: if `size` is not two positive integers.
    """
    array = np.asarray(rgb, dtype=np.float32)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ImageError(f"resize: got shape {array.shape}, expected (h, w) or (h, w, c) with at least one pixel")
    if len(size) != 2 or min(size) < 1 or any(int(edge) != edge for edge in size):
        raise SettingError(f"resize: got size {size!r}, expected (height, width) of at least 1 pixel")
    height, width = (int(edge) for edge in size)
    channels = array[..., None] if array.ndim == 2 else array
    planes = [_plane(channels[..., c], height, width) for c in range(channels.shape[2])]
    resized = np.clip(np.stack(planes, axis=2), 0, 1)
    return resized[..., 0] if array.ndim == 2 else resized


def _plane(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def _scaled(edge: int, long_edge: int, longest: int) -> int:
    """Round half up, in integers."""
    return max(1, (2 * edge * long_edge + longest) // (2 * longest))
