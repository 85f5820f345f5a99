"""STROTSS: style as a distribution of hypercolumns, compared by a relaxed earth mover's distance.

Kolkin, Salavon & Shakhnarovich 2019 ("Style Transfer by Relaxed Optimal Transport and Self-Similarity"), sec. 2.2. The
style term is `RelaxedEMDLoss` + `HypercolumnMomentLoss` + `PaletteLoss` / max(alpha, 1), the content term is alpha
times `SelfSimilarityLoss`, and the sum is divided by alpha + 2. The layers are the picture and nine layers of VGG16.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.hypercolumn import (
    HypercolumnLoss,
    Maps,
    Scale,
    cosine_distances,
    sampled,
)
from jaxstyle.losses.positions import DrawingLoss, Guide, Key, check_sampling

Moments = tuple[Float[Array, " c"], Float[Array, "c c"], Scale]


def relaxed_emd(distances: Float[Array, "n m"]) -> Float[Array, ""]:
    """Relaxed earth mover's distance `max(mean_i min_j D_ij, mean_j min_i D_ij)` for the costs D.

    It is a lower bound of the earth mover's distance. Each mean drops one of the two constraints on the transport plan,
    so that every point moves to its nearest one.
    """
    return jnp.maximum(jnp.mean(jnp.min(distances, axis=1)), jnp.mean(jnp.min(distances, axis=0)))


@dataclass(frozen=True)
class RelaxedEMDLoss(HypercolumnLoss):
    """Relaxed earth mover's distance between hypercolumns, with `D = 1 - cos`: in [0, 2], 1 for all-zero features.

    This is l_r of STROTSS. Every hypercolumn of the generated picture should be like some hypercolumn of the style, and
    every one of the style should be used. At its own target the value is not 0 but about 1e-8 / |x|^2, because of the
    1e-8 in the norm.

    Cost: 2 n m c operations for n and m positions and c channels in all; memory a few matrices of n m and n c numbers,
    4 and 9 MiB for 1024 positions and the 2179 channels of STROTSS.
    """

    kind: ClassVar[str] = "remd"

    def target(self, features: Maps, guide: Guide = None) -> tuple[Float[Array, "m c"], Scale]:
        """The style's hypercolumns, and their scale."""
        scale = self.scale(features)
        return self.style_columns(features, guide, scale), scale

    def __call__(
        self, features: Maps, target: tuple[Float[Array, "m c"], Scale], key: Key = None, guide: Guide = None
    ) -> Float[Array, ""]:
        """Relaxed earth mover's distance from the style's hypercolumns, with the costs `1 - cos`."""
        style, scale = target
        return relaxed_emd(cosine_distances(self.columns(features, key, guide, scale), style))


@dataclass(frozen=True)
class HypercolumnMomentLoss(HypercolumnLoss):
    """Difference of hypercolumns' means and covariances: `mean_c |mu - mu_s| + mean_cc |Sigma - Sigma_s|`.

    This is l_m of STROTSS, which keeps the magnitude of features right: cosine distances do not see it. The mean's part
    is in units of the features, the covariance's in those squared. As in STROTSS, the covariances are between the
    channels of all layers; they are divided by the number of positions n. The value is exactly 0 at its own target.

    Cost: 2 n c^2 operations and a few matrices of c^2 numbers, 18 MiB each for STROTSS's 2179 channels.
    """

    kind: ClassVar[str] = "hypercolumn_moments"
    blendable: ClassVar[bool] = True

    def target(self, features: Maps, guide: Guide = None) -> Moments:
        """Mean and covariance of the style's hypercolumns, and their scale."""
        scale = self.scale(features)
        return *_moments(self.style_columns(features, guide, scale)), scale

    def __call__(self, features: Maps, target: Moments, key: Key = None, guide: Guide = None) -> Float[Array, ""]:
        """Sum of the mean absolute differences of means and covariances."""
        wanted_mean, wanted_covariance, scale = target
        mean, covariance = _moments(self.columns(features, key, guide, scale))
        return jnp.mean(jnp.abs(mean - wanted_mean)) + jnp.mean(jnp.abs(covariance - wanted_covariance))


def _moments(columns: Float[Array, "n c"]) -> tuple[Float[Array, " c"], Float[Array, "c c"]]:
    """Mean and covariance of hypercolumns."""
    mean = jnp.mean(columns, axis=0, keepdims=True)
    centred = columns - mean
    return mean[0], centred.T @ centred / len(columns)


@dataclass(frozen=True)
class PaletteLoss(DrawingLoss):
    """Relaxed earth mover's distance between colours x, y, RGB in [0, 1], with `D = (1 - cos) + |x - y| / sqrt(3)`.

    This is l_p of STROTSS as in its code. The paper compares colours in a decorrelated colour space and by Euclidean
    distance alone; the code's colour matrix ("YUV") is a rotation, which changes neither lengths nor angles, so it is
    left out here. As in the code, |x - y|^2 is at least 1e-5: at its own target the value is 0.0018, and more where
    pixels are within 1e-3 of black, whose angle is undefined.

    Cost: a few matrices of n m numbers, 4 MiB for 1024 positions. Only the pixels at the sampled positions have a
    gradient: use it beside losses that carry colour everywhere.

    Attributes:
        layer: name of the layer that holds the colours; "input" is the picture.
        samples: the most positions of a picture that are compared, at least 1.
        seed: random seed of fixed positions, a whole number from 0 to 2**32 - 1.
        fresh: whether new positions of the generated picture are drawn at every step, see `HypercolumnLoss`.
        style_samples: the most positions of a style, at least 1; as many as `samples` by default.
    """

    layer: str = "input"
    samples: int = 1024
    seed: int = 0
    fresh: bool = False
    style_samples: int | None = None
    kind: ClassVar[str] = "palette"
    sampled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_sampling(self.samples, self.seed, self.fresh)
        if self.style_samples is not None:
            check_sampling(self.style_samples, self.seed, name="style_samples")

    def target(self, features: Float[Array, "h w c"], guide: Guide = None) -> Float[Array, "m c"]:
        """The style's colours at the sampled positions."""
        return sampled(features, self.style_samples or self.samples, self.seed, guide)

    def __call__(
        self,
        features: Float[Array, "h w c"],
        target: Float[Array, "m c"],
        key: Key = None,
        guide: Guide = None,
    ) -> Float[Array, ""]:
        """Relaxed earth mover's distance from the style's colours, with the sum of both distances as costs."""
        colours = sampled(features, self.samples, self.source(key), guide)
        return relaxed_emd(cosine_distances(colours, target) + _euclidean_distances(colours, target))


def _euclidean_distances(x: Float[Array, "n c"], y: Float[Array, "m c"]) -> Float[Array, "n m"]:
    """Distances `sqrt(max(|x_i - y_j|^2, 1e-5) / c)`; the floor has no gradient, where the root's may be infinite."""
    lengths = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None]
    squares = lengths - 2 * jnp.matmul(x, y.T, precision="highest")
    return jnp.sqrt(jnp.maximum(squares, 1e-5) / x.shape[1])
