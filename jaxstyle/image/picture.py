"""The Picture type and its construction from arrays: shapes and ranges are checked, never guessed."""

from typing import NamedTuple

import numpy as np

from jaxstyle.errors import ImageError

TOLERANCE = 1e-6
"""How far a float may lie outside [0, 1] and still count as rounding, not as a mistake. It is then clipped."""


class Picture(NamedTuple):
    """One picture, sRGB-encoded, with straight alpha if it has any."""

    rgb: np.ndarray
    """(h, w, 3) float32 in [0, 1]."""
    alpha: np.ndarray | None
    """(h, w) float32 in [0, 1], or None."""


def from_array(array: np.ndarray, name: str) -> Picture:
    """Copy a uint8, uint16 or float array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) to a Picture.

    Raises:
        ImageError: the shape, type or range does not fit; the message begins with `name`.
    """
    _check_shape(array.shape, name)
    values = _unit(array, name)
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 1:
        return Picture(np.repeat(values, 3, axis=2), None)
    return straight(values[..., :3], values[..., 3] if values.shape[2] == 4 else None)


def straight(rgb: np.ndarray, alpha: np.ndarray | None) -> Picture:
    """A Picture whose fully transparent pixels are white, whatever colour was hidden there. May write into `rgb`."""
    rgb = np.ascontiguousarray(rgb)
    if alpha is None:
        return Picture(rgb, None)
    np.maximum(rgb, (alpha == 0)[..., None], out=rgb)  # indexing 100 million pixels would need gigabytes
    return Picture(rgb, np.ascontiguousarray(alpha))


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    expected = "expected (height, width, 3), or (height, width) for grey, or (height, width, 4) with alpha"
    if 0 in shape:
        raise ImageError(f"{name}: got shape {shape}, which has no pixels; {expected}")
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)):
        return
    hint = ""
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        expected = "expected (height, width, 3)"
        hint = f", got ({shape[0]}, h, w): transpose it, image.transpose(1, 2, 0)"
    elif len(shape) == 4:
        hint = "; this looks like a batch: pass one picture, image[0]"
    raise ImageError(f"{name}: got shape {shape}; {expected}{hint}")


def _unit(array: np.ndarray, name: str) -> np.ndarray:
    """A copy of the array as float32 in [0, 1]."""
    if array.dtype == np.uint8 or array.dtype == np.uint16:
        return array / np.float32(np.iinfo(array.dtype).max)
    if array.dtype.name == "bfloat16":  # a type of JAX, which NumPy does not count as a float
        array = array.astype(np.float32)
    if array.dtype.kind != "f":
        raise ImageError(
            f"{name}: got an array of {array.dtype}; expected uint8 (0 to 255), uint16 (0 to 65535) or float (0 to 1)"
        )
    _check_range(array, name)
    return np.clip(array, 0, 1).astype(np.float32)


def _check_range(array: np.ndarray, name: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        bad = finite.size - np.count_nonzero(finite)
        raise ImageError(f"{name}: {bad} of {finite.size} values are NaN or infinite; expected floats in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ImageError(f"{name}: got floats from {low:g} to {high:g}, expected [0, 1]; {_range_hint(low, high)}")


def _range_hint(low: float, high: float) -> str:
    if low >= -TOLERANCE and 2 <= high <= 255:
        return "it looks like 0-255: divide by 255"
    if low >= -TOLERANCE and 255 < high <= 65535:
        return "it looks like 0-65535: divide by 65535"
    if -1 - TOLERANCE <= low <= -0.25 and high <= 1 + TOLERANCE:
        return "it looks like -1..1: use (image + 1) / 2"
    return "scale it, or clip it with np.clip(image, 0, 1)"
