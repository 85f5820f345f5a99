"""Paint the regions of a picture in one colour each, or draw the lines between them."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from jaxstyle.errors import SettingError
from jaxstyle.image import load_image
from jaxstyle.preprocess.segmentation import Segmentation, mean_colors
from jaxstyle.preprocess.settings import check_choice

Statistic = Literal["mean", "median"]


def abstract(image: Any, segmentation: Segmentation, *, statistic: Statistic = "mean") -> Float[np.ndarray, "h w 3"]:
    """Paint every region of a picture in one colour, the mean or the median of each channel.

    The mean keeps a region's brightness; the median ignores a few pixels of a neighbour inside the region. Pixels
    that belong to no region stay as they are.

    Raises:
        ImageError: the picture cannot be read.
        SettingError: an unknown statistic, or the picture is not of the segmentation's size.
    """
    check_choice("statistic", statistic, get_args(Statistic))
    rgb, labels = _read(image, segmentation), segmentation.labels
    colors = (mean_colors if statistic == "mean" else median_colors)(rgb, labels)
    painted = np.concatenate([np.zeros((1, 3), np.float32), colors])[labels]
    return np.where(labels[..., None] > 0, painted, rgb)


def median_colors(rgb: Float[np.ndarray, "h w 3"], labels: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """The median colour of each region, per channel, from region 1 on. Of an even count, the mean of the middle two."""
    flat = labels.ravel()
    counts = np.bincount(flat)[1:]
    starts = flat.size - counts[::-1].cumsum()[::-1]
    below, above = starts + (counts - 1) // 2, starts + counts // 2
    sorted_channels = (rgb[..., c].ravel()[np.lexsort((rgb[..., c].ravel(), flat))] for c in range(3))
    return np.stack([(channel[below] + channel[above]) / 2 for channel in sorted_channels], axis=-1)


def draw_boundaries(
    image: Any, segmentation: Segmentation, *, color: Sequence[float] = (1.0, 1.0, 0.0)
) -> Float[np.ndarray, "h w 3"]:
    """The picture with the lines between its regions in `color`, RGB in [0, 1].

    Raises:
        ImageError: the picture cannot be read.
        SettingError: `color` is not RGB in [0, 1], or the picture is not of the segmentation's size.
    """
    line = np.asarray(color, np.float32)
    if line.shape != (3,) or not (line.min() >= 0 and line.max() <= 1):
        raise SettingError(f"color: got {color!r}, expected red, green and blue in [0, 1]")
    return np.where(segmentation.boundaries[..., None], line, _read(image, segmentation))


def _read(image: Any, segmentation: Segmentation) -> Float[np.ndarray, "h w 3"]:
    rgb, shape = load_image(image), segmentation.labels.shape
    if rgb.shape[:2] != shape:
        raise SettingError(
            f"image: got {rgb.shape[:2]}, expected {shape}, the (height, width) that was cut into regions"
        )
    return rgb
