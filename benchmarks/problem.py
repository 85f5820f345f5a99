"""The same problem for both sides: a network's arrays, pictures and layers in one .npz that every process loads.

Loading needs NumPy only; making needs jaxstyle's pictures (no JAX).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

DEPTHS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}
CHANNELS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
LAYERS = tuple(f"{block}_{i}" for block, n in DEPTHS.items() for i in range(1, n + 1))
STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_2"
STYLE_WEIGHT, TV_WEIGHT = 10.0, 1.0
ADAM = {"learning_rate": 0.02, "b1": 0.9, "b2": 0.99, "eps": 1e-8}
AVERAGE = 0.9
SHARED = Path(__file__).resolve().parents[2] / "shared/data"


def make(path: Path, size: int, *, batch: int = 1, narrow: int = 1, weights: str = "he") -> dict[str, Any]:
    """Write the problem to `path`; {"weights": what they are, "flops": of one step's convolutions and Grams}.

    Args:
        path: the .npz.
        size: edge of the square pictures.
        batch: how many pairs of pictures.
        narrow: divides the random network's channels.
        weights: "he" for seeded random ones, "imagenet" for the network of the papers, with 8-bit kernels.
    """
    arrays = _imagenet() if weights == "imagenet" else _he(narrow)
    content = np.stack([photograph(size, seed) for seed in range(batch)])
    noise = np.random.default_rng(99).normal(0, 0.05, content.shape)
    arrays |= {
        "content": content,
        "style": np.stack([photograph(size, 1000 + seed) ** 1.5 for seed in range(batch)]),
        "probe": (content + noise).clip(0, 1).astype(np.float32),
        "style_layers": np.array(STYLE),
    }
    np.savez(path, **arrays)
    described = "imagenet-8bit" if weights == "imagenet" else f"random He, seed 0, channels / {narrow}"
    return {"weights": described, "flops": batch * step_flops(size, narrow)}


def load(path: str | Path) -> dict[str, np.ndarray]:
    """The problem's arrays by name."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def step_flops(size: int, narrow: int = 1) -> float:
    """Floating-point operations of one gradient: convolutions forward and to their inputs, Grams and their gradient."""
    convolutions = sum(2 * 2 * 9 * h * h * i * o for h, i, o in shapes(size, narrow).values())
    grams = sum(2 * 2 * 2 * h * h * o * o / 2 for name, (h, _, o) in shapes(size, narrow).items() if name[2:] == "1")
    return float(convolutions + grams)


def shapes(size: int, narrow: int = 1) -> dict[str, tuple[int, int, int]]:
    """{"1_1": (edge, channels in, channels out)} of every convolution up to conv5_1."""
    found, before = {}, 3
    for name in LAYERS:
        block = int(name[0])
        found[name] = (size >> (block - 1), before, CHANNELS[block] // narrow)
        before = found[name][2]
    return found


def photograph(size: int, seed: int) -> np.ndarray:
    """A picture (size, size, 3) in [0, 1] with a photograph's statistics: opaque discs, scaled up, and fine grain."""
    from PIL import Image

    from jaxstyle.weights.random_features import dead_leaves

    random = np.random.default_rng(seed)
    edge = min(size, 192)
    small = Image.fromarray((dead_leaves(random, edge) * 255).round().astype(np.uint8))
    large = np.asarray(small.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255
    return (large + random.normal(0, 0.02, large.shape)).clip(0, 1).astype(np.float32)


def network(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The network of a problem: "conv1_1/kernel", ..."""
    return {name: array for name, array in arrays.items() if name.startswith("conv")}


def _he(narrow: int) -> dict[str, np.ndarray]:
    """He et al. 2015: variance 2 / inputs; biases a little off zero; the first layer takes Caffe's pixels."""
    random = np.random.default_rng(0)
    arrays = _preprocessing(np.eye(3)[:, ::-1] * 255, [-103.939, -116.779, -123.68])
    for name, (_, before, after) in shapes(16, narrow).items():
        kernel = random.standard_normal((3, 3, before, after), np.float32) * np.sqrt(2 / (9 * before))
        arrays[f"conv{name}/kernel"] = kernel.astype(np.float32)
        arrays[f"conv{name}/bias"] = random.standard_normal(after, np.float32) * np.float32(0.1)
    return arrays


def _imagenet() -> dict[str, np.ndarray]:
    """The network of the papers, to conv5_1."""
    from jaxstyle.weights.load import read_weights

    weights = read_weights("imagenet-8bit")
    arrays = {name: array for name, array in weights.arrays.items() if name[4:7] in LAYERS}
    return arrays | _preprocessing(weights.preprocessing.matrix, weights.preprocessing.offset)


def _preprocessing(matrix: Any, offset: Any) -> dict[str, np.ndarray]:
    return {"matrix": np.asarray(matrix, np.float32), "offset": np.asarray(offset, np.float32)}
