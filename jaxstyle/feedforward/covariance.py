"""The covariance matrix of features and its powers, computed in float32 without losing small eigenvalues."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

CUT = 1e-5
"""Eigenvalues below this count as 0, as in the public WCT code."""
_FLOOR = 1e-6  # relative to the largest eigenvalue: about the resolution of float32
_TINY = 1e-20


class Spectrum(NamedTuple):
    """The mean (c,) of features, and the eigenvalues (c,) and eigenvectors (columns of (c, c)) of their covariance."""

    mean: Float[Array, " c"]
    values: Float[Array, " c"]
    vectors: Float[Array, "c c"]


def weigh(
    shape: tuple[int, ...], mask: Float[Array, "h w"] | None = None
) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """The weight of each position in a mean, and in an unbiased variance: 1/n and 1/(n - 1) without a mask.

    A mask m gives the weights `p = m / sum m` and `p / (1 - sum p^2)`. For a hard mask (0 or 1) of n positions these
    are 1/n and 1/(n - 1). Scaling the mask by a constant does not change them.
    """
    weights = jnp.ones(shape) if mask is None else mask
    share = weights / jnp.maximum(weights.sum(), CUT)
    return share, share / jnp.maximum(1 - jnp.square(share).sum(), CUT)


def principal(features: Float[Array, "h w c"], mask: Float[Array, "h w"] | None = None) -> Spectrum:
    """Mean and covariance `X^T X / (n - 1)` of features, diagonalised; a mask weighs the positions as in `weigh`.

    Whitening divides by the square roots of the eigenvalues, so the smallest eigenvalues matter as much as the largest.
    A covariance matrix in float32 has rounding errors of 1e-7 times its largest eigenvalue in every eigenvalue. With
    the small networks, five-level WCT is then wrong by 6e-3 of a picture's range. Therefore the features are first
    scaled to nearly unit covariance, `Y = X V D^-1`. V holds the eigenvectors of the rounded covariance, and D the
    square roots of its eigenvalues, kept above a floor. The covariance M of Y does not mix small and large numbers.
    As `X = Y D V^T`, the singular values of `M^1/2 D V^T` are the square roots of the eigenvalues of X's covariance,
    found without squaring small numbers. The error becomes 2e-4; float64 throughout has 1e-4.
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
    """The covariance matrix raised to `power`: `E D^power E^T`, over the eigenvalues of at least `CUT`."""
    kept = spectrum.values >= CUT
    powers = jnp.where(kept, jnp.where(kept, spectrum.values, 1) ** power, 0)
    return _matmul(spectrum.vectors * powers[None], spectrum.vectors.T)


def _matmul(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")
