"""NNST's colour step: the content's hues, mapped so that they have the style's statistics, under the result's light.

Kolkin et al. 2022, "Neural Neighbor Style Transfer", as in the authors' code. Colours are in OKLab (Ottosson 2020), a
lightness L and two opponent colours A and B; as in that code the sRGB values go in as they are, not made linear.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

CONES = np.array(
    [
        [0.412165612, 0.536275208, 0.0514575653],
        [0.211859107, 0.6807189584, 0.107406579],
        [0.0883097947, 0.2818474174, 0.6302613616],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
)
UNCONES = np.array(
    [
        [4.0767245293, -3.3072168827, 0.2307590544],
        [-1.2681437731, 2.6093323231, -0.341134429],
        [-0.0041119885, -0.7034763098, 1.7068625689],
    ]
)
UNLAB = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
RIDGE = 1e-4  # added to the variances before they are matched
GREY = 6e-5  # a style whose variances of A and B are all below this has no hues
PASSES = 5  # of the 3x3 filter


def affine_color(result: ArrayLike, content: ArrayLike, styles: Sequence[ArrayLike]) -> np.ndarray:
    """Give a result the content's hues, mapped affinely so that their mean and covariance are the style's.

    The lightness is the result's, clipped to the style's range. A and B are the content's after the symmetric
    ("zero-phase") whitening and colouring, smoothed where the lightness is smooth: five passes of a 3x3 mean with
    weights `exp(-10 |L_i - L_j|)`. For a style without hues all three channels of the result are mapped instead. The
    result is painted less, and its colours are less often wrong.

    Args:
        result: the picture that a transfer made, (h, w, 3) in [0, 1].
        content: its content, of the same size.
        styles: the styles; the statistics are those of all their pixels.

    Returns:
        The recoloured result, float32, clipped to [0, 1].
    """
    painted, own = to_oklab(result), to_oklab(content)
    wanted = np.concatenate([to_oklab(style).reshape(-1, 3) for style in styles])
    low, high = wanted.min(0), wanted.max(0)
    new = np.clip(painted, low, high)
    if np.abs(np.cov(wanted[:, 1:].T, bias=True)).max() < GREY:
        new[..., 1:] = painted[..., 1:]
        new = _matched(new, wanted)
    else:
        new[..., 1:] = _smoothed(_matched(own[..., 1:], wanted[:, 1:]), new[..., 0])
    return from_oklab(np.clip(new, low, high))


def to_oklab(image: ArrayLike) -> np.ndarray:
    """OKLab of values in [0, 1], which are clipped to that range first: (h, w, 3) float64."""
    return np.cbrt(np.clip(np.asarray(image, float), 0, 1) @ CONES.T) @ LAB.T


def from_oklab(colours: np.ndarray) -> np.ndarray:
    """The inverse of `to_oklab`, clipped to [0, 1], float32."""
    return np.clip((colours @ UNLAB.T) ** 3 @ UNCONES.T, 0, 1).astype(np.float32)


def _matched(colours: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Map the colours (h, w, c) so that their mean and covariance are those of `wanted` (n, c)."""
    flat = colours.reshape(-1, colours.shape[-1])
    centred = flat - flat.mean(0)
    white = centred @ np.linalg.inv(_root(centred))
    return (white @ _root(wanted - wanted.mean(0)) + wanted.mean(0)).reshape(colours.shape)


def _root(centred: np.ndarray) -> np.ndarray:
    """The symmetric root of a covariance."""
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred) + RIDGE * np.eye(centred.shape[1]))
    return vectors * np.sqrt(values) @ vectors.T


def _smoothed(hues: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Smooth hues (h, w, 2) between neighbours of similar lightness (h, w)."""
    places = [(i, j) for i in range(3) for j in range(3)]
    weights = [np.exp(-10 * np.abs(light - _moved(light, *at)))[..., None] for at in places]
    for _ in range(PASSES):
        hues = sum(w * _moved(hues, *at) for w, at in zip(weights, places, strict=True)) / sum(weights)
    return hues


def _moved(values: np.ndarray, down: int, right: int) -> np.ndarray:
    """The values one pixel on, with the edges repeated."""
    padded = np.pad(values, [(1, 1), (1, 1), *[(0, 0)] * (values.ndim - 2)], mode="edge")
    return padded[down : down + values.shape[0], right : right + values.shape[1]]
