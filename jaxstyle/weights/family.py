"""Find out by a VGG19's first filters who trained it: names and layouts do not tell.

Caffe's VGG19 (Simonyan & Zisserman) is published under the names of Keras, torchvision, Gatys and MATLAB, with its
channels in RGB or BGR order. torchvision's own VGG19 was trained separately. The two need different input; with the
other's input their features look plausible, but are wrong.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxstyle.weights.layout import CAFFE, TORCHVISION, UNIT, Preprocessing

ALIKE = 0.99
"""The least cosine of filters that are equal except for rounding. With axes in another order it is below 0.8."""
CAFFE_RGB = Preprocessing.standard("RGB", 255.0, (123.68, 116.779, 103.939))
"""The preprocessing for Caffe's VGG19 in a file with its channels in RGB order, such as MatConvNet's."""
_FILTERS = {  # two filters of conv1_1, (rows, columns, BGR): those that change most when axes are turned or swapped
    9: (
        ((0.050, -0.149, -0.134), (-0.019, -0.236, -0.232), (0.060, -0.134, -0.121)),
        ((0.145, -0.049, -0.049), (0.097, -0.115, -0.127), (0.164, -0.026, -0.030)),
        ((0.198, 0.043, 0.054), (0.207, 0.036, 0.033), (0.212, 0.060, 0.068)),
    ),
    52: (
        ((0.036, -0.113, 0.097), (0.016, -0.108, 0.141), (0.078, -0.017, 0.205)),
        ((-0.090, -0.262, -0.014), (-0.161, -0.309, -0.017), (0.033, -0.071, 0.189)),
        ((-0.004, -0.174, 0.036), (-0.052, -0.200, 0.050), (0.050, -0.061, 0.160)),
    ),
}


class Order(NamedTuple):
    """The order in which a file has the weights of Caffe's VGG19."""

    channels: str  # "BGR" or "RGB"
    flipped: bool  # kernels turned by 180 degrees, as Theano has them

    @property
    def preprocessing(self) -> Preprocessing:
        """How the network's input is prepared."""
        return CAFFE if self.channels == "BGR" else CAFFE_RGB


def caffe_order(arrays: Mapping[str, np.ndarray]) -> Order | None:
    """The order in which "conv1_1/kernel" (3, 3, 3, 64) has the weights of Caffe's VGG19; None if it has others."""
    kernel = arrays.get("conv1_1/kernel", np.zeros(0))
    if kernel.shape != (3, 3, 3, 64):
        return None
    for channels in ("BGR", "RGB"):
        for flipped in (False, True):
            seen = kernel[:, :, :: 1 if channels == "BGR" else -1]
            seen = seen[::-1, ::-1] if flipped else seen
            if all(_cosine(seen[..., i], np.array(known)) > ALIKE for i, known in _FILTERS.items()):
                return Order(channels, flipped)
    return None


def describe(preprocessing: Preprocessing) -> str:
    """How a network's input is prepared, in words."""
    known = {
        CAFFE: "BGR, 0 to 255, less the mean (caffe)",
        CAFFE_RGB: "RGB, 0 to 255, less the mean (Caffe's numbers in the order of MatConvNet)",
        TORCHVISION: "RGB, 0 to 1, less the mean, over the deviation (torchvision)",
        UNIT: "RGB, 0 to 1 (none)",
    }
    return known.get(preprocessing, "RGB through a linear map that the file holds")


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-30))
