"""STROTSS: style as a distribution of hypercolumns, compared by a relaxed earth mover's distance.

Kolkin, Salavon & Shakhnarovich 2019 ("Style Transfer by Relaxed Optimal Transport and Self-Similarity"), sec. 2.2. Its
style term is `RelaxedEMDLoss` + `HypercolumnMomentLoss` + `PaletteLoss` / max(alpha, 1), its content term is alpha
times `SelfSimilarityLoss`, and the whole is divided by alpha + 2. Their layers are the picture and nine of VGG16.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.base import Loss
from jaxstyle.losses.hypercolumn import (
    HypercolumnLoss,
    check_sampling,
    cosine_distances,
    sampled_hypercolumns,
)

Maps = tuple[Float[Array, "_h _w _c"], ...]


def relaxed_emd(distances: Float[Array, "n m"]) -> Float[Array, ""]:
    """`max(mean_i min_j D_ij, mean_j min_i D_ij)`: a lower bound of the earth mover's distance for the costs D.

    Each mean drops one of the two constraints on the transport plan: everything goes to its nearest.
    """
    return jnp.maximum(jnp.mean(jnp.min(distances, axis=1)), jnp.mean(jnp.min(distances, axis=0)))


@dataclass(frozen=True)
class RelaxedEMDLoss(HypercolumnLoss):
    """Relaxed earth mover's distance between hypercolumns, with `D = 1 - cos`: in [0, 2], 1 for all-zero features.

    STROTSS's l_r. Every generated hypercolumn should be like some hypercolumn of the style, and every one of the
    style's be used. Two deviations: positions are fixed (see `HypercolumnLoss`), and "input" is RGB in [0, 1], where
    their pixels are in [-1/2, 1/2]. At its own target: 1e-8 / |x|^2, from the norm.

    Cost: 2 n m c operations for n and m positions and c channels in all; memory a few matrices of n m and n c numbers,
    4 and 9 MiB for 1024 positions and their 2179 channels.
    """

    kind: ClassVar[str] = "remd"

    def target(self, features: Maps) -> Float[Array, "m c"]:
        """The style's hypercolumns."""
        return self.columns(features)

    def __call__(self, features: Maps, target: Float[Array, "m c"]) -> Float[Array, ""]:
        """`relaxed_emd(1 - cos)`."""
        return relaxed_emd(cosine_distances(self.columns(features), target))


@dataclass(frozen=True)
class HypercolumnMomentLoss(HypercolumnLoss):
    """Mean and covariance of hypercolumns: `mean_c |mu - mu_s| + mean_cc |Sigma - Sigma_s|`, in units of features.

    STROTSS's l_m, which keeps the size of features right, to which cosines are blind. The covariances are divided by
    n and, as there, reach across layers. Exactly 0 at its own target. Positions are fixed (see `HypercolumnLoss`).

    Cost: 2 n c^2 operations and a few matrices of c^2 numbers, 18 MiB each for STROTSS's 2179 channels.
    """

    kind: ClassVar[str] = "hypercolumn_moments"
    blendable: ClassVar[bool] = True

    def target(self, features: Maps) -> tuple[Float[Array, " c"], Float[Array, "c c"]]:
        """Mean and covariance of the style's hypercolumns."""
        columns = self.columns(features)
        mean = jnp.mean(columns, axis=0, keepdims=True)
        centred = columns - mean
        return mean[0], centred.T @ centred / len(columns)

    def __call__(self, features: Maps, target: tuple[Float[Array, " c"], Float[Array, "c c"]]) -> Float[Array, ""]:
        """The mean absolute differences, summed."""
        (mean, covariance), (wanted_mean, wanted_covariance) = self.target(features), target
        return jnp.mean(jnp.abs(mean - wanted_mean)) + jnp.mean(jnp.abs(covariance - wanted_covariance))


@dataclass(frozen=True)
class PaletteLoss(Loss):
    """Relaxed earth mover's distance between colours, with `D = (1 - cos) + |x - y| / sqrt(3)`, of RGB - 1/2.

    STROTSS's l_p as its code has it. The paper compares in a decorrelated colour space and by Euclidean distance
    alone; the code's colour matrix ("YUV") is a rotation, which changes neither lengths nor angles, so there is none
    here. As there, |x - y|^2 is at least 1e-5: its own target has the value 0.0018, and more where pixels are within
    1e-3 of mid-grey, whose angle is undefined.

    Cost: a few matrices of n m numbers, 4 MiB for 1024 positions. Positions are fixed (see `HypercolumnLoss`), and
    only the pixels there have a gradient: use it beside losses that carry colour everywhere.
    """

    layer: str = "input"
    samples: int = 1024
    seed: int = 0
    kind: ClassVar[str] = "palette"

    def __post_init__(self) -> None:
        check_sampling(self.samples, self.seed)

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "m c"]:
        """The style's colours, minus 1/2."""
        return sampled_hypercolumns((features,), self.samples, self.seed) - 0.5

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "m c"]) -> Float[Array, ""]:
        """`relaxed_emd` of the sum of both distances."""
        colours = self.target(features)
        return relaxed_emd(cosine_distances(colours, target) + _euclidean_distances(colours, target))


def _euclidean_distances(x: Float[Array, "n c"], y: Float[Array, "m c"]) -> Float[Array, "n m"]:
    """`sqrt(max(|x_i - y_j|^2, 1e-5) / c)`; no gradient below the floor, where the root's would not be finite."""
    lengths = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None]
    squares = lengths - 2 * jnp.matmul(x, y.T, precision="highest")
    return jnp.sqrt(jnp.maximum(squares, 1e-5) / x.shape[1])
