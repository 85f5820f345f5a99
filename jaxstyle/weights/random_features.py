"""The network "random": a VGG19 of random filters, calibrated on synthetic pictures that resemble natural ones.

Random VGG features transfer colour and texture (He, Wang & Hopcroft 2016, "A Powerful Generative Model Using Random
Weights for the Deep Image Representation"), but far less well than trained ones. The network is a baseline for those.
Only NumPy is needed.
"""

import hashlib

import numpy as np

from jaxstyle.weights.layout import CONVOLUTIONS, Preprocessing, Weights

SEED = 0
CHANNELS = {"1": 32, "2": 64, "3": 96, "4": 128, "5": 128}
INPUT = Preprocessing.standard("RGB", 1.0, (0.45, 0.45, 0.45), (0.25, 0.25, 0.25))
# Each filter is multiplied by a binomial window: filters of white noise would take noise for texture.
WINDOW = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])[:, :, None, None] / 4.0

# Each layer's mean activation before the last scaling, over six photographs at 256 px: astronaut, coffee, chelsea and
# rocket of scikit-image, china and flower of scikit-learn.
PHOTOGRAPHS = (0.97, 1.1, 1.32, 1.15, 1.45, 1.59, 1.66, 1.59, 2.69, 2.91, 3.09, 3.08, 5.19, 6.7, 6.53, 8.74)


def random_weights() -> Weights:
    """Make the network: all layers of VGG19 with 32 to 128 channels, from a fixed seed, the same on every machine.

    Filters are Gaussian (He et al. 2015), smoothed beyond the first layer. Then, layer by layer, each channel is
    shifted and scaled so that on `dead_leaves` pictures its input to the ReLU has mean 0 and its output has mean 1.
    Last, each layer is scaled so that its mean activation on photographs is 1.
    """
    random = np.random.default_rng(SEED)
    pictures = np.stack([dead_leaves(random, 80) for _ in range(4)])
    x = pictures @ np.asarray(INPUT.matrix) + np.asarray(INPUT.offset)
    arrays: dict[str, np.ndarray] = {}
    for name, mean, mean_before in zip(CONVOLUTIONS, PHOTOGRAPHS, (1.0, *PHOTOGRAPHS), strict=False):
        if name.endswith("_1") and name != "conv1_1":
            x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean((2, 4))
        kernel = random.standard_normal((3, 3, x.shape[-1], CHANNELS[name[4]]))
        kernel *= 1.0 if name == "conv1_1" else WINDOW
        kernel, bias, x = _calibrate(kernel, x)
        arrays[f"{name}/kernel"] = (kernel * mean_before / mean).astype(np.float32)
        arrays[f"{name}/bias"] = (bias / mean).astype(np.float32)
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
    return Weights(arrays, INPUT, "reflect", "average", name="random", sha256=digest, licence="MIT")


def dead_leaves(random: np.random.Generator, size: int) -> np.ndarray:
    """A picture (size, size, 3) in [0, 1] of overlapping opaque discs, with radii distributed as r^-3.

    Such pictures have the statistics of photographs (Lee, Mumford & Huang 2001, "Occlusion models for natural images").
    """
    rows, columns = np.mgrid[:size, :size]
    light = random.normal(0.45, 0.15)
    picture = np.full((size, size, 3), light)
    for _ in range(6 * size):
        radius = min(1.5 / np.sqrt(random.uniform(1e-4, 1)), size / 3)
        row, column = random.uniform(0, size, 2)
        colour = random.normal(light, 0.22) + random.normal(0, 0.07, 3)
        picture[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = colour
    return picture.clip(0, 1)


def _calibrate(kernel: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(kernel, bias, the layer's activations) after calibration on the input `x`.

    Kernel and bias are rounded to 4 decimals, so that the order in which a machine sums does not matter.
    """
    y = _correlate(x, kernel)
    mean = y.mean((0, 1, 2))
    scale = np.maximum(y - mean, 0).mean((0, 1, 2))
    kernel, bias = (kernel / scale).round(4), (-mean / scale).round(4)
    return kernel, bias, np.maximum(_correlate(x, kernel) + bias, 0)


def _correlate(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """3x3 cross-correlation (n, h, w, i) -> (n, h, w, o) with reflection padding."""
    _, h, w, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    shifts = ((i, j) for i in range(3) for j in range(3))
    return sum(padded[:, i : i + h, j : j + w] @ kernel[i, j] for i, j in shifts)
