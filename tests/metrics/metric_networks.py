"""Networks of random numbers under torchvision's names, the same on every machine; pictures to try them on."""

import numpy as np

from jaxstyle.metrics.inception_layout import channels_in, units
from jaxstyle.metrics.trunk import tapped_channels, trunk_shapes

Arrays = dict[str, np.ndarray]


def pictures(count, height, width, seed=0):
    """Smooth pictures in [0, 1], (count, h, w, 3) float32."""
    rows, columns = np.mgrid[:height, :width]
    random = np.random.RandomState(seed)
    angles, phases = random.uniform(0, 0.5, (2, count, 1, 1, 3)), random.uniform(0, 6, (count, 1, 1, 3))
    waves = np.sin(rows[None, ..., None] * angles[0] + columns[None, ..., None] * angles[1] + phases)
    return np.float32(0.5 + 0.4 * waves + 0.05 * random.uniform(-1, 1, waves.shape))


def trunk_state(trunk: str, seed: int = 0) -> Arrays:
    """The convolutions of "alexnet" or "vgg16", and a classifier to be ignored."""
    random = np.random.RandomState(seed)
    state = {name: _normal(random, shape) for name, shape in trunk_shapes(trunk).items()}
    return state | {"classifier.6.bias": np.zeros(10, np.float32)}


def linear_state(trunk: str, seed: int = 1) -> Arrays:
    random = np.random.RandomState(seed)
    shapes = [(1, channels, 1, 1) for channels in tapped_channels(trunk)]
    return {f"lin{i}.model.1.weight": np.float32(random.uniform(size=shape)) for i, shape in enumerate(shapes)}


def inception_state(classifier: str = "fid", share: int = 16, seed: int = 2) -> Arrays:
    """An InceptionV3 with 1/`share` of the channels; `classifier` "fid", "art" or "imagenet"."""
    random = np.random.RandomState(seed)
    widths = {name: unit.channels // share for name, unit in units().items()}
    state = {}
    for name, channels in channels_in(widths).items():
        width = widths[name]
        state[f"{name}.conv.weight"] = _normal(random, (width, channels, *units()[name].size))
        state[f"{name}.bn.weight"] = np.float32(random.uniform(0.5, 1.5, width))
        state[f"{name}.bn.bias"] = _normal(random, (width,))
        state[f"{name}.bn.running_mean"] = _normal(random, (width,))
        state[f"{name}.bn.running_var"] = np.float32(random.uniform(0.5, 1.5, width))
    heads = {"fid": ("fc", 1008), "art": ("fc1", 7), "imagenet": ("fc", 1000)}
    head, classes = heads[classifier]
    return state | {f"{head}.weight": np.zeros((classes, 2048 // share), np.float32)}


def _normal(random: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
    fan_in = np.prod(shape[1:]) if len(shape) == 4 else 20
    return np.float32(random.standard_normal(shape) * np.sqrt(2 / fan_in))
