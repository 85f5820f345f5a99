"""Channel moments: how strong each feature is, and how much it varies."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.bands import Band, StatisticLoss

EPSILON = 1e-5
Sums = tuple[Float[Array, " c"], Float[Array, " *spread"], Float[Array, ""]]


@dataclass(frozen=True)
class MomentLoss(StatisticLoss):
    """Mean squared difference of the channels' means and standard deviations.

    `mean_c (mu - mu_s)^2 + mean_c (sigma - sigma_s)^2`, with `sigma = sqrt(var + 1e-5)` and var divided by M - 1 for M
    pixels: the style loss of AdaIN (Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive
    Instance Normalization", eq. 13) as its code computes it; the paper's is a norm instead of a mean over channels. It
    is also the BN-statistics loss of Li et al. 2017 ("Demystifying Neural Style Transfer"), whose var is divided by M
    and has no 1e-5. The 1e-5 keeps the gradient of a constant channel finite (0).

    With `covariance`, `mean_c (mu - mu_s)^2 + mean_cc (Sigma - Sigma_s)^2` over all c x c entries of the covariance
    (also divided by M - 1): like a Gram loss, but the means are compared apart from the rest. The units are those of
    the features squared, and to the fourth power for the covariance.

    Several styles are blended by averaging their means and standard deviations, which is AdaIN's own interpolation, or
    their covariances.

    Cost: O(M c) time, and 2 c numbers in the target; with `covariance`, O(M c^2) time, like a Gram matrix, and c^2 + c
    numbers. Memory: a few times the features, which XLA mostly fuses away.

    Attributes:
        layer: name of the layer whose activations are compared.
        covariance: whether to compare the full covariances instead of the standard deviations.

    Example:
        >>> loss = MomentLoss("relu4_1")
        >>> loss(features, loss.target(style_features))
    """

    layer: str
    covariance: bool = False
    kind: ClassVar[str] = "moments"
    blendable: ClassVar[bool] = True
    centred: ClassVar[bool] = True

    def target(self, features: Float[Array, "h w c"]) -> tuple[Float[Array, " c"], Float[Array, " *spread"]]:
        """The mean (c,), and the standard deviation (c,) or the covariance (c, c)."""
        flat = features.reshape(-1, features.shape[-1])
        flat = flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
        mean = jnp.mean(flat, axis=0)
        centred, count = flat - mean[None], max(flat.shape[0] - 1, 1)
        if self.covariance:
            return mean, jnp.matmul(centred.T, centred) / count
        return mean, jnp.sqrt(jnp.sum(centred**2, axis=0) / count + EPSILON)

    def __call__(self, features: Float[Array, "h w c"], target: tuple[Any, Any]) -> Float[Array, ""]:
        """Sum of the mean squared differences of both moments."""
        return self.distance(self.target(features), target)

    def sums(self, features: Float[Array, "h w c"], target: tuple[Any, Any], band: Band) -> Sums:
        """A band's sums of differences from the target's mean and of their squares or products; its pixel count."""
        centred = band.mask(features.astype(band.weight.dtype) - target[0][None, None]).reshape(-1, features.shape[-1])
        spread = jnp.matmul(centred.T, centred) if self.covariance else jnp.sum(centred**2, axis=0)
        return jnp.sum(centred, axis=0), spread, band.total(features.shape[1])

    def statistics(self, sums: Sums, target: tuple[Any, Any]) -> tuple[Float[Array, " c"], Float[Array, " *spread"]]:
        """The mean, and the standard deviation or the covariance, from the sums of a whole picture."""
        shift, count = sums[0] / sums[2], jnp.maximum(sums[2] - 1, 1)
        if self.covariance:
            return target[0] + shift, (sums[1] - sums[2] * jnp.outer(shift, shift)) / count
        # Rounding may make the variance of a constant channel slightly negative.
        return target[0] + shift, jnp.sqrt(jnp.maximum(sums[1] - sums[2] * shift**2, 0) / count + EPSILON)

    def distance(self, found: tuple[Any, Any], target: tuple[Any, Any]) -> Float[Array, ""]:
        """Sum of the mean squared differences of both moments."""
        return jnp.mean((found[0] - target[0]) ** 2) + jnp.mean((found[1] - target[1]) ** 2)
