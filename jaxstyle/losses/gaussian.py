"""Gaussian Wasserstein-2: the optimal transport distance of two sets of features, both taken for Gaussians."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.bands import Band, StatisticLoss

EPSILON = 1e-4
MOST_TRIALS = 10  # how often epsilon is enlarged at most: only features that are not finite need as many
Sums = tuple[Float[Array, " c"], Float[Array, "c c"], Float[Array, ""]]


@dataclass(frozen=True)
class GaussianWassersteinLoss(StatisticLoss):
    """Squared Wasserstein-2 distance of the Gaussians with the features' mean and covariance, divided by c channels.

    `mean_c (mu - mu_s)^2 + tr(Sigma + Sigma_s - 2 (Sigma_s^1/2 Sigma Sigma_s^1/2)^1/2) / c`, with 1e-4 added to the
    diagonal of both covariances (divided by M pixels): the style loss of crowsonkb's style-transfer-pytorch, after
    Vince Marron's "Style Transfer as Optimal Transport"; the distance is Dowson & Landau's (1982, "The Fréchet Distance
    between Multivariate Normal Distributions"). It is in the units of the features squared, and large differences count
    less than with Gram matrices, whose loss is of the fourth power.

    Where we deviate: crowsonkb computes both roots by 12 Newton-Schulz steps, which are too few for eigenvalues below
    about 1e-4 of the largest: most of them when there are fewer pixels than channels. Here the last trace is the sum
    of the singular values of `L^T L_s` for Cholesky factors `Sigma = L L^T`: the same number, but it never squares the
    covariances, so that float32 suffices. It equals `tr(U^T L^T L_s)` for the orthogonal polar factor U, which is found
    by Newton-Schulz steps with matrix products alone (fast on accelerators, batched by `vmap`; an eigendecomposition
    is neither). Its gradient has a closed form too: `1/2 L^-T U L_s^T`, half the optimal transport map, finite whatever
    the multiplicities of the eigenvalues.

    In float32 the 1e-4 grows to 1.2e-7 of the second moments' norm when that is larger, which is about the size of
    rounding errors in the smallest eigenvalues, and then by factors of 4 until both covariances are safely positive
    definite: the features of ImageNet's VGG19 run to 10^4, and those of a picture of two colours have rank 2. The value
    is right to about 1e-4 for features of order 1, to some 1e-3 for features of order 100 that lack full rank. It may
    be below 0 by some 1e-7 of the traces.

    The target is the mean and the second moment `F^T F / M`. The average of several styles' targets is then the target
    of a mixture of these styles.

    Cost: O(M c^2), like a Gram matrix, and 15 to 30 steps of 4 c^3 operations. Memory: the centred features once more,
    and some ten c x c matrices.

    Attributes:
        layer: name of the layer whose activations are compared.
    """

    layer: str
    kind: ClassVar[str] = "gaussian_wasserstein"
    blendable: ClassVar[bool] = True
    centred: ClassVar[bool] = True

    def target(self, features: Float[Array, "h w c"]) -> tuple[Float[Array, " c"], Float[Array, "c c"]]:
        """The mean and the second moment of the style's features."""
        mean, covariance = _statistics(features)
        return mean, covariance + jnp.outer(mean, mean)

    def __call__(
        self, features: Float[Array, "h w c"], target: tuple[Float[Array, " c"], Float[Array, "c c"]]
    ) -> Float[Array, ""]:
        """Squared Wasserstein-2 distance from the target, divided by the number of channels."""
        mean, covariance = _statistics(features)
        return _distance(mean, covariance, target, jnp.linalg.norm(covariance))

    def sums(self, features: Float[Array, "h w c"], target: tuple[Array, Array], band: Band) -> Sums:
        """A band's sums of differences from the target's mean and of their products, and its number of pixels."""
        centred = band.mask(features.astype(band.weight.dtype) - target[0][None, None]).reshape(-1, features.shape[-1])
        return jnp.sum(centred, axis=0), _matmul(centred.T, centred), band.total(features.shape[1])

    def statistics(self, sums: Sums, target: tuple[Array, Array]) -> tuple[Float[Array, " c"], Float[Array, "c c"]]:
        """The mean and the second moment, from the sums of a whole picture."""
        mean, covariance = _from_sums(sums, target[0])
        return mean, covariance + jnp.outer(mean, mean)

    def from_sums(self, sums: Sums, target: tuple[Array, Array]) -> Float[Array, ""]:
        """Loss of a picture from its sums, without the detour over the second moment, which would lose digits."""
        return _distance(*_from_sums(sums, target[0]), target, jnp.linalg.norm(sums[1] / sums[2]))


def _distance(mean: Array, covariance: Array, target: tuple[Array, Array], largest: Array) -> Array:
    """Squared Wasserstein-2 distance over c; `largest` is the norm to which the covariance's rounding is relative."""
    wanted = target[1] - jnp.outer(target[0], target[0])
    largest = jnp.maximum(largest, jnp.linalg.norm(target[1]))
    epsilon = _epsilon(*jax.lax.stop_gradient((covariance, wanted, largest)))
    diagonal = epsilon * jnp.eye(len(mean), dtype=wanted.dtype)
    first, second = covariance + diagonal, wanted + diagonal
    spread = jnp.trace(first) + jnp.trace(second) - 2 * root_trace(first, second, epsilon)
    return jnp.mean((mean - target[0]) ** 2) + spread / len(mean)


def _epsilon(first: Array, second: Array, largest: Array) -> Array:
    """Number to add to the diagonals of both covariances, so that they are positive definite in spite of rounding.

    It grows until no squared pivot of the Cholesky factors is below a quarter of it: with exact covariances all of them
    would be `epsilon` or larger.
    """
    identity = jnp.eye(len(first), dtype=first.dtype)

    def too_small(tried: tuple[Array, Array]) -> Array:
        epsilon, count = tried
        pivots = [jnp.diagonal(jnp.linalg.cholesky(each + epsilon * identity)) for each in (first, second)]
        return (count < MOST_TRIALS) & ~(jnp.min(jnp.stack(pivots)) ** 2 > epsilon / 4)

    start = jnp.maximum(EPSILON, jnp.finfo(first.dtype).eps * largest)
    return jax.lax.while_loop(too_small, lambda tried: (4 * tried[0], tried[1] + 1), (start, jnp.zeros((), int)))[0]


@jax.custom_jvp
def root_trace(first: Float[Array, "c c"], second: Float[Array, "c c"], least: Float[Array, ""]) -> Float[Array, ""]:
    """Trace `tr (A^1/2 B A^1/2)^1/2` of two symmetric matrices whose eigenvalues are `least` or larger."""
    return _root_trace(first, second, least)[0]


@root_trace.defjvp
def _root_trace_derivative(primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]) -> Any:
    trace, (lower, other, polar) = _root_trace(*primals)
    along_first = jnp.sum(_half_transport(lower, other, polar) * tangents[0])
    return trace, along_first + jnp.sum(_half_transport(other, lower, polar.T) * tangents[1])


def _root_trace(first: Array, second: Array, least: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    lower, other = jnp.linalg.cholesky(first), jnp.linalg.cholesky(second)
    product = _matmul(lower.T, other)
    polar = _polar_factor(product, least)
    return jnp.sum(polar * product), (lower, other, polar)


def _half_transport(lower: Array, other: Array, polar: Array) -> Array:
    """Half the symmetric matrix that transports the first Gaussian to the second: `1/2 L^-T U L_s^T`."""
    transport = jax.scipy.linalg.solve_triangular(lower, _matmul(polar, other.T), lower=True, trans="T")
    return (transport + transport.T) / 4


@jax.custom_jvp
def _polar_factor(matrix: Array, least: Array) -> Array:
    """Orthogonal polar factor U of `matrix = U P`, with P positive definite and singular values of at least `least`.

    It is found by Newton-Schulz steps, scaled by the known lower bound of the singular values (Chen & Chow 2014), which
    enlarge small ones by a factor of 2.5 a step instead of 1.5. The scale stays below sqrt(3), where the largest ones
    would become 0.
    """
    norm = jnp.linalg.norm(matrix)
    close = 1 - float(jnp.finfo(matrix.dtype).eps) ** 0.5

    def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        factor, bound, count = carry
        scale = jnp.sqrt(jnp.minimum(3 / (1 + bound + bound**2), 1.7**2))
        factor, bound = scale * factor, scale * bound
        cubic = _matmul(factor, _matmul(factor.T, factor))
        return 1.5 * factor - 0.5 * cubic, 1.5 * bound - 0.5 * bound**3, count + 1

    start = (matrix / norm, least / norm, jnp.zeros((), jnp.int32))
    nearly = jax.lax.while_loop(lambda carry: (carry[1] < close) & (carry[2] < 60), step, start)
    return step(nearly)[0]


@_polar_factor.defjvp
def _polar_factor_derivative(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Derivative `U X` with `P X + X P = U^T dM - dM^T U`, solved in the eigenvectors of P = U^T M.

    Only second derivatives of the loss ask for it.
    """
    polar = _polar_factor(*primals)
    stretch = _matmul(polar.T, primals[0])
    values, vectors = jnp.linalg.eigh((stretch + stretch.T) / 2)
    turned = _matmul(polar.T, tangents[0])
    inside = _matmul(vectors.T, _matmul(turned - turned.T, vectors)) / (values[:, None] + values[None])
    return polar, _matmul(polar, _matmul(vectors, _matmul(inside, vectors.T)))


def _statistics(features: Array) -> tuple[Array, Array]:
    """Mean and covariance over pixels. The features are centred first, so no digits are lost to a large mean."""
    flat = features.reshape(-1, features.shape[-1])
    flat = flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
    mean = jnp.mean(flat, axis=0)
    centred = flat - mean[None]
    return mean, _matmul(centred.T, centred) / flat.shape[0]


def _from_sums(sums: Sums, origin: Array) -> tuple[Array, Array]:
    """Mean and covariance of a picture, from sums of differences from `origin`."""
    shift = sums[0] / sums[2]
    return origin + shift, sums[1] / sums[2] - jnp.outer(shift, shift)


def _matmul(a: Array, b: Array) -> Array:
    """Matrix product at full precision: a GPU's TF32 or a TPU's bfloat16 would lose the roots of small eigenvalues."""
    return jnp.matmul(a, b, precision="highest")
