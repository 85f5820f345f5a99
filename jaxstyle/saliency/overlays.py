"""A saliency map drawn over its picture as a heat map."""

from typing import Any

import numpy as np

from jaxstyle.errors import SettingError, is_number
from jaxstyle.image import load_image, resize


def overlay(image: Any, saliency: Any, *, strength: float = 0.5) -> np.ndarray:
    """Draw a map over its picture in colours from blue (0) over green to red (1): (h, w, 3) float32 in [0, 1].

    `(1 - strength) image + strength heat(saliency)`, with the colours that Grad-CAM's authors use ("jet").

    Args:
        image: whatever `jaxstyle.load_image` takes.
        saliency: map (h, w) in [0, 1], as `saliency_map` gives; it is resized to the picture's size.
        strength: share of the heat map in the result, in [0, 1].

    Raises:
        ImageError: `image` is no picture.
        SettingError: `saliency` is no map in [0, 1], or `strength` lies outside.
    """
    if not is_number(strength, 0, 1):
        raise SettingError(f"strength: got {strength!r}, expected a number from 0 to 1")
    picture, levels = load_image(image), np.asarray(saliency, np.float32)
    if levels.ndim != 2 or not levels.size or not ((levels >= 0) & (levels <= 1)).all():
        raise SettingError(f"saliency: got an array of shape {levels.shape}, expected (h, w) with values in [0, 1]")
    heat = heat_colors(resize(levels, picture.shape[:2]))
    return ((1 - strength) * picture + strength * heat).astype(np.float32)


def heat_colors(levels: np.ndarray) -> np.ndarray:
    """Colour values of 0 to 1 as a heat map, (h, w) to (h, w, 3): dark blue, blue, cyan, yellow, red, dark red.

    >>> heat_colors(np.array([[0.0, 0.5, 1.0]])).tolist()
    [[[0.0, 0.0, 0.5], [0.5, 1.0, 0.5], [0.5, 0.0, 0.0]]]
    """
    return np.clip(1.5 - np.abs(4 * levels[..., None] - np.array([3.0, 2.0, 1.0])), 0, 1)
