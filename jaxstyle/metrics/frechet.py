"""The Fréchet distance of two normal distributions, with which FID compares two sets of pictures."""

import numpy as np
from numpy.typing import ArrayLike

from jaxstyle.errors import SettingError


def frechet_distance(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> float:
    """Squared 2-Wasserstein distance of two normal distributions: `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2)`.

    Dowson & Landau 1982; used for FID by Heusel et al. 2017, eq. 6. In float64. The trace of the root is computed as
    that of `(C1^1/2 C2 C1^1/2)^1/2`, which has the same eigenvalues and is symmetric. So singular covariances, such as
    those of fewer pictures than features, need no shift of the diagonal and give no imaginary part.

    Args:
        mean1: mean of the first distribution, (d,).
        cov1: covariance of the first distribution, (d, d), symmetric, with no eigenvalue below 0 except by rounding.
        mean2: mean of the second distribution, (d,).
        cov2: covariance of the second distribution, (d, d).

    Raises:
        SettingError: shapes that do not fit, or numbers that are not finite.
    """
    means = [np.atleast_1d(np.asarray(each, np.float64)) for each in (mean1, mean2)]
    covs = [np.atleast_2d(np.asarray(each, np.float64)) for each in (cov1, cov2)]
    d = len(means[0])
    expectations = {"mean1": (d,), "mean2": (d,), "cov1": (d, d), "cov2": (d, d)}
    for (name, expected), got in zip(expectations.items(), means + covs, strict=True):
        if got.shape != expected or not np.isfinite(got).all():
            raise SettingError(f"{name}: got shape {got.shape}, expected finite numbers of shape {expected}")
    root = _symmetric_root(covs[0])
    overlap = np.sqrt(_without_noise(np.linalg.eigvalsh(root @ covs[1] @ root))).sum()
    distance = np.sum((means[0] - means[1]) ** 2) + np.trace(covs[0]) + np.trace(covs[1]) - 2 * overlap
    return max(float(distance), 0.0)


def fid(features1: ArrayLike, features2: ArrayLike) -> float:
    """Fréchet distance of two sets of features, (n, d) and (m, d), by their means and unbiased covariances.

    The distance is biased: two samples of one distribution have a distance above 0, which is greater for smaller
    samples (Chong & Forsyth 2020). Compare only sets of the same sizes. The value itself means little for fewer than
    thousands of pictures.

    Raises:
        SettingError: a set of fewer than 2 pictures, sets of different features, or numbers that are not finite.
    """
    statistics = []
    for name, each in (("features1", features1), ("features2", features2)):
        rows = np.asarray(each, np.float64)
        if rows.ndim != 2 or len(rows) < 2:
            raise SettingError(f"{name}: got shape {rows.shape}, expected (pictures, features) of at least 2 pictures")
        statistics += [rows.mean(0), np.cov(rows, rowvar=False)]
    return frechet_distance(*statistics)


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(_without_noise(values)) @ vectors.T


def _without_noise(values: np.ndarray) -> np.ndarray:
    """The eigenvalues, with 0 for those that rounding alone could have made: the sum of their roots would matter."""
    return np.where(values > len(values) * np.finfo(np.float64).eps * values.max(), values, 0)
