"""Palettes: the few colours that best represent many."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer

from jaxstyle.preprocess.codes import Codes, Space, decode, encode, from_space, to_space

Method = Literal["kmeans", "minibatch", "median_cut"]
Points = Float[np.ndarray, "n 3"]
Weights = Integer[np.ndarray, " n"]

SAMPLE = 2**15
"""The number of pixels that a palette is fitted to if a picture has more distinct colours than that."""
STARTS = 3
"""The number of runs of k-means, from different first colours. The best result is taken."""


def find_palette(colors: Codes, counts: Weights, size: int, space: Space, method: Method, seed: int) -> Codes:
    """Find at most `size` 8-bit colours for the distinct `colors`, which occur `counts` times each.

    If there are at most `size` colours, all are returned. Fewer than `size` are returned if several centres round to
    the same 8-bit colour.
    """
    if len(colors) <= size:
        return colors
    chosen, weights = _sample(colors, counts, seed)
    points = to_space(decode(chosen), space)
    centers = _METHODS[method](points, weights, min(size, len(points)), seed)
    return np.unique(encode(from_space(centers.astype(np.float32), space)))


def _sample(colors: Codes, counts: Weights, seed: int) -> tuple[Codes, Weights]:
    """(colours, how often each was drawn) for SAMPLE random pixels; all pixels if there are at most SAMPLE colours."""
    if len(colors) <= SAMPLE:
        return colors, counts
    drawn = np.random.default_rng(seed).multinomial(SAMPLE, counts / counts.sum())
    return colors[drawn > 0], drawn[drawn > 0]


def k_means(points: Points, weights: Weights, size: int, seed: int) -> np.ndarray:
    """Centres (size, 3) of least squared distance to the points: Lloyd's algorithm from k-means++ (scikit-learn)."""
    from sklearn.cluster import KMeans

    return KMeans(size, n_init=STARTS, random_state=seed).fit(points, sample_weight=weights).cluster_centers_


def minibatch_k_means(points: Points, weights: Weights, size: int, seed: int) -> np.ndarray:
    """Like `k_means`, but with 4096 points at a time (Sculley 2010): a little worse, and quicker if `size` is large."""
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(size, batch_size=4096, n_init=STARTS, random_state=seed)
    return model.fit(points, sample_weight=weights).cluster_centers_


def median_cut(points: Points, weights: Weights, size: int, seed: int) -> np.ndarray:
    """The mean colours (size, 3) of boxes by median cut (Heckbert 1982).

    The box with the most pixels is cut at the median of its longest side, until there are `size` boxes.
    """
    boxes = [np.arange(len(points))]
    while len(boxes) < size:
        fullest = max((i for i, box in enumerate(boxes) if len(box) > 1), key=lambda i: weights[boxes[i]].sum())
        boxes[fullest : fullest + 1] = _halves(points, weights, boxes[fullest])
    return np.stack([np.average(points[box], axis=0, weights=weights[box]) for box in boxes])


def _halves(points: Points, weights: Weights, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a box across its longest side, so that both halves have about equally many pixels. None is empty."""
    side = np.ptp(points[box], axis=0).argmax()
    box = box[points[box, side].argsort(kind="stable")]
    below = weights[box].cumsum()
    cut = int(np.abs(below[:-1] - below[-1] / 2).argmin()) + 1
    return box[:cut], box[cut:]


_METHODS: dict[str, Callable[[Points, Weights, int, int], np.ndarray]] = {
    "kmeans": k_means,
    "minibatch": minibatch_k_means,
    "median_cut": median_cut,
}
