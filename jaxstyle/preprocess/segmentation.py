"""Superpixels: a picture cut into regions of about equal size that follow its edges."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxstyle.errors import SettingError
from jaxstyle.image import MAX_PIXELS, load_image, load_mask
from jaxstyle.preprocess.settings import check_amount, check_count

COMPACTNESS = 1e-3, 1e6
"""The least compactness, at which only colours count, and the greatest, at which all regions are squares."""


@dataclass(frozen=True)
class Segmentation:
    """A picture's regions, numbered from 1. Pixels that belong to no region, such as those outside a mask, have 0.

    Attributes:
        labels: for each pixel the number of its region.
        colors: mean colours, RGB in [0, 1]; that of region i is at index i - 1.
    """

    labels: Int[np.ndarray, "h w"]
    colors: Float[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.colors)

    @property
    def sizes(self) -> Int[np.ndarray, " n"]:
        """The number of pixels of each region."""
        return np.bincount(self.labels.ravel(), minlength=len(self) + 1)[1:]

    @property
    def boundaries(self) -> Bool[np.ndarray, "h w"]:
        """Pixels whose right or lower neighbour is in another region: lines one pixel wide."""
        found = np.zeros(self.labels.shape, bool)
        found[:, :-1] |= self.labels[:, :-1] != self.labels[:, 1:]
        found[:-1] |= self.labels[:-1] != self.labels[1:]
        return found

    def masks(self, groups: Mapping[str, Iterable[int]] | None = None) -> dict[str, Float[np.ndarray, "h w"]]:
        """{name: mask of 1 inside and 0 outside}, for `content_masks` and `style_masks` of `stylize`.

        Args:
            groups: {name: numbers of the regions in the mask}. By default every region has a mask of its own, named
                "1", "2", .... In a transfer each mask costs a set of style targets, so use few: see `merge_regions`.

        Raises:
            SettingError: a number that no region has, or a name without any number.
        """
        if groups is None:
            groups = {str(number): (number,) for number in range(1, len(self) + 1)}
        return {name: self._mask(name, tuple(numbers)) for name, numbers in groups.items()}

    def _mask(self, name: str, numbers: tuple[int, ...]) -> Float[np.ndarray, "h w"]:
        for number in numbers or (None,):
            if not isinstance(number, Integral) or not 1 <= number <= len(self):
                raise SettingError(f"groups: got {number!r} in {name!r}, expected region numbers from 1 to {len(self)}")
        return np.isin(self.labels, numbers).astype(np.float32)


def superpixels(image: Any, n_segments: int, *, compactness: float = 10.0, mask: Any = None) -> Segmentation:
    """Cut a picture into about `n_segments` connected regions of similar colour.

    SLIC (Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-art Superpixel Methods"): k-means on
    `(L, a, b, x, y)`, ten rounds, in which each centre looks no further than its neighbours; small pieces go to a
    region beside them. The result is exactly that of `skimage.segmentation.slic(image, n_segments, compactness,
    mask=mask)` for the float32 picture.

    Args:
        image: the picture, as `load_image` takes it.
        n_segments: the number of regions wanted. The result has about as many, and never more than there are pixels.
        compactness: the weight of distance in space against distance in colour, from 1e-3 to 1e6: 1 follows colours,
            100 makes squares.
        mask: the part to cut up, as `load_mask` takes it; 0.5 and above is inside. SLIC may leave out a few pixels
            of it, and does so if there is only one; these have label 0 too.

    Raises:
        ImageError: the picture or the mask cannot be read.
        SettingError: a setting is out of range, or the mask is empty.
    """
    from skimage.segmentation import slic

    wanted = check_count("n_segments", n_segments, 1, MAX_PIXELS)
    compactness = check_amount("compactness", compactness, *COMPACTNESS)
    rgb = load_image(image)
    inside = None if mask is None else _read_mask(mask, rgb.shape[:2])
    most = rgb[..., 0].size if inside is None else int(inside.sum())
    labels = slic(rgb, min(wanted, most), compactness, mask=inside)
    return Segmentation(labels, mean_colors(rgb, labels))


def mean_colors(rgb: Float[np.ndarray, "h w 3"], labels: Int[np.ndarray, "h w"]) -> Float[np.ndarray, "n 3"]:
    """The mean colour of each region, from region 1 on."""
    flat = labels.ravel()
    counts = np.maximum(np.bincount(flat), 1)
    sums = [np.bincount(flat, rgb[..., c].ravel()) for c in range(3)]
    return (np.stack(sums, axis=-1) / counts[:, None])[1:].astype(np.float32)


def _read_mask(mask: Any, shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    inside = load_mask(mask, shape=shape) >= 0.5
    if not inside.any():
        raise SettingError("mask: is empty, expected some pixels inside: True, or a grey of 0.5 and above")
    return inside
