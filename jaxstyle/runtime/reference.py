"""A slow reference for the objective and its gradient in NumPy float64, against which JAX's numbers are checked."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from jaxstyle.weights.layout import CONVOLUTIONS, Weights

Array = np.ndarray
Backward = Callable[[Array], Array]


def objective_gradient(
    weights: Weights,
    image: Array,
    content: Array,
    style: Array,
    *,
    content_layers: Mapping[str, float],
    style_layers: Mapping[str, float],
    total_variation: float = 0.0,
) -> tuple[float, Array]:
    """The value and the gradient of `sum w mean((F-P)^2) + sum w mean((G-A)^2) + w TV`.

    F and P are the activations of the image and the content, G and A the Gram matrices of the image and the style, and
    TV the total variation of the image.

    Args:
        weights: a VGG with zero padding, and max or average pooling without `ceil_mode`.
        image: the picture to judge, RGB (h, w, 3) in [0, 1].
        content: the content picture, of the same size.
        style: the style picture.
        content_layers: {layer: weight w} of the content terms.
        style_layers: {layer: weight w} of the style terms.
        total_variation: the weight w of the total variation.

    Returns:
        The value, and its gradient (h, w, 3) with respect to the image.
    """
    layers = [*content_layers, *style_layers]
    kept, painted = _activations(weights, content, layers)[0], _activations(weights, style, layers)[0]
    found, backward = _activations(weights, image, layers)
    value, cotangents = 0.0, {name: np.zeros_like(f) for name, f in found.items()}
    for name, weight in content_layers.items():
        difference = found[name] - kept[name]
        value += weight * np.mean(difference**2)
        cotangents[name] += weight * 2 * difference / difference.size
    for name, weight in style_layers.items():
        flat, difference = found[name].reshape(-1, found[name].shape[-1]), _gram(found[name]) - _gram(painted[name])
        value += weight * np.mean(difference**2)
        gradient = 4 * flat @ difference / difference.size / len(flat)
        cotangents[name] += weight * gradient.reshape(found[name].shape)
    smooth, rough = _total_variation(image)
    return value + total_variation * smooth, backward(cotangents) + total_variation * rough


def correlate(x: Array, kernel: Array) -> Array:
    """Zero-padded 3x3 cross-correlation, (h, w, i) -> (h, w, o), with a kernel (3, 3, i, o)."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    return np.einsum("hwiab,abio->hwo", patches, kernel, optimize=True)


def _activations(weights: Weights, image: Array, layers: Sequence[str]) -> tuple[dict[str, Array], Callable]:
    """The activations {layer: (h', w', c)}, and the function that maps their gradients to the image's gradient."""
    matrix = np.asarray(weights.preprocessing.matrix)
    x = np.asarray(image, np.float64) @ matrix + np.asarray(weights.preprocessing.offset)
    found: dict[str, Array] = {}
    tape: list[tuple[str, Backward]] = []
    for conv in CONVOLUTIONS:
        if set(layers) <= found.keys():
            break
        if conv.endswith("_1") and conv != "conv1_1":
            x, pull = _pool(x, weights.pooling)
            tape.append(("", pull))
        kernel = weights.arrays[f"{conv}/kernel"].astype(np.float64)
        x = np.maximum(correlate(x, kernel) + weights.arrays[f"{conv}/bias"], 0)
        found[f"relu{conv[4:]}"] = x
        tape.append((f"relu{conv[4:]}", partial(_pull_relu, x, kernel[::-1, ::-1].swapaxes(2, 3))))

    def backward(cotangents: Mapping[str, Array]) -> Array:
        gradient = np.zeros_like(x)
        for name, pull in reversed(tape):
            gradient = pull(gradient + cotangents.get(name, 0.0))
        return gradient @ matrix.T

    return {name: found[name] for name in layers}, backward


def _pull_relu(y: Array, flipped: Array, g: Array) -> Array:
    return correlate(g * (y > 0), flipped)


def _pool(x: Array, pooling: str) -> tuple[Array, Backward]:
    h, w, c = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2, x.shape[2]
    blocks = x[:h, :w].reshape(h // 2, 2, w // 2, 2, c)
    y = blocks.max((1, 3)) if pooling == "max" else blocks.mean((1, 3))
    share = (blocks == y[:, None, :, None]) if pooling == "max" else np.full(blocks.shape, 0.25)
    share = share / share.sum((1, 3), keepdims=True)

    def pull(g: Array) -> Array:
        out = np.zeros_like(x)
        out[:h, :w] = (share * g[:, None, :, None]).reshape(h, w, c)
        return out

    return y, pull


def _gram(features: Array) -> Array:
    flat = features.reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def _total_variation(image: Array) -> tuple[float, Array]:
    x = np.asarray(image, np.float64)
    value, gradient = 0.0, np.zeros_like(x)
    for axis in (0, 1):
        difference = np.diff(x, axis=axis)
        value += float(np.mean(difference**2))
        ends = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        gradient -= 2 * np.diff(np.pad(difference, ends), axis=axis) / difference.size
    return value, gradient
