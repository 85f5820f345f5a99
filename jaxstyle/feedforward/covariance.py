"""The covariance of features and its powers, as exact in float32 as the features themselves."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

CUT = 1e-5
"""Eigenvalues below are taken for 0, as in the public WCT code."""
_FLOOR = 1e-6  # of the largest eigenvalue: about what float32 resolves
_TINY = 1e-20


class Spectrum(NamedTuple):
    """The mean (c,) of features, and the eigenvalues (c,) and eigenvectors (columns of (c, c)) of their covariance."""

    mean: Float[Array, " c"]
    values: Float[Array, " c"]
    vectors: Float[Array, "c c"]


def weigh(
    shape: tuple[int, ...], mask: Float[Array, "h w"] | None = None
) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """What positions weigh in a mean, and in an unbiased variance about it: 1/n and 1/(n - 1) without a mask.

    A mask m gives `p = m / sum m` and `p / (1 - sum p^2)`: 1/n and 1/(n - 1) of a hard mask's n positions, and the same
    for a mask and for half of it.
    """
    weights = jnp.ones(shape) if mask is None else mask
    share = weights / jnp.maximum(weights.sum(), CUT)
    return share, share / jnp.maximum(1 - jnp.square(share).sum(), CUT)


def principal(features: Float[Array, "h w c"], mask: Float[Array, "h w"] | None = None) -> Spectrum:
    """Mean and covariance `X^T X / (n - 1)` of features, diagonalised; a mask weighs positions as `weigh` says.

    Whitening divides by the roots of eigenvalues, so the smallest matter as much as the largest, and a covariance in
    float32 has rounding of 1e-7 of its largest eigenvalue in all of them: the small networks' five-level WCT is then
    wrong by 6e-3 of a picture's range. So the features are first scaled to nearly unit covariance with the rounded
    eigenvectors V and the roots D of the eigenvalues, not below a floor: `Y = X V D^-1`, whose covariance M has no
    small numbers beside large ones. `X = Y D V^T`, so that the singular values of `M^1/2 D V^T` are the roots of X's
    eigenvalues, never squared and small in proportion. The error becomes 2e-4, as with float64 throughout (1e-4).
    """
    x = features.reshape(-1, features.shape[-1])
    share, weight = (each.reshape(-1) for each in weigh(features.shape[:2], mask))
    mean = _matmul(share, x)
    x = (x - mean[None]) * jnp.sqrt(weight)[:, None]
    values, vectors = jnp.linalg.eigh(_matmul(x.T, x))
    scales = jnp.sqrt(jnp.maximum(values, _FLOOR * values[-1]) + _TINY)
    y = _matmul(x, vectors / scales[None])
    values, rotation = jnp.linalg.eigh(_matmul(y.T, y))
    factor = _matmul(jnp.sqrt(jnp.maximum(values, 0))[:, None] * rotation.T * scales[None], vectors.T)
    _, roots, rows = jnp.linalg.svd(factor)
    return Spectrum(mean, roots**2, rows.T)


def root(spectrum: Spectrum, power: float) -> Float[Array, "c c"]:
    """`E D^power E^T` over the eigenvalues that are not below `CUT`."""
    kept = spectrum.values >= CUT
    powers = jnp.where(kept, jnp.where(kept, spectrum.values, 1) ** power, 0)
    return _matmul(spectrum.vectors * powers[None], spectrum.vectors.T)


def _matmul(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")
