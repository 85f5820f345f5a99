"""The contextual loss: every style feature should find a picture feature that is like it and unlike the others."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number
from jaxstyle.losses.hypercolumn import cosine_distances, sampled
from jaxstyle.losses.positions import DrawingLoss, Guide, Key, check_sampling


def contextual_similarity(distances: Float[Array, "n m"], bandwidth: float) -> Float[Array, ""]:
    """Contextual similarity `CX = mean_j max_i w_ij / sum_k w_ik` of two sets of features, in (0, 1].

    `w_ij = exp((1 - D_ij / (min_k D_ik + 1e-5)) / bandwidth)` for the distances D, where i counts generated features
    and j those of the style. Mechrez et al. 2018, eq. 1-4.
    """
    relative = distances / (jnp.min(distances, axis=1, keepdims=True) + 1e-5)
    # Normalising exponentials is the softmax; written so, none of them overflows or vanishes.
    affinities = jax.nn.softmax(-relative / bandwidth, axis=1)
    return jnp.mean(jnp.max(affinities, axis=0))


@dataclass(frozen=True)
class ContextualLoss(DrawingLoss):
    """Contextual loss `-log CX`, at least 0: the dissimilarity of two sets of features, wherever they are in a picture.

    Mechrez, Talmi & Zelnik-Manor 2018 ("The Contextual Loss for Image Transformation with Non-Aligned Data"), eq. 5.
    Both sets are centred on the style's mean, and D = (1 - cos) / 2 as in the authors' code. They use relu3_2 and
    relu4_2, bandwidth 0.5, and up to 65^2 random positions. Here one is drawn in each cell of an even grid (see
    `positions.sample_positions`). The loss vanishes at its own target where the features there are distinct; equal
    features share their affinity and keep it above 0.

    Cost: 2 n m c operations for n and m positions, and about six matrices of n m numbers, 4 MiB each for 1024.

    Attributes:
        layer: name of the layer whose activations are compared.
        bandwidth: h of the paper, above 0; smaller values prefer one match to several.
        samples: the most positions of a picture that are compared, at least 1. It bounds memory.
        seed: random seed of fixed positions, from 0 to 2**32 - 1.
        fresh: whether new positions of the generated picture are drawn at every step, see `HypercolumnLoss`.

    Raises:
        SettingError: a setting is out of range.
    """

    layer: str
    bandwidth: float = 0.5
    samples: int = 1024
    seed: int = 0
    fresh: bool = False
    kind: ClassVar[str] = "contextual"
    sampled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not is_number(self.bandwidth, 0) or not self.bandwidth:
            raise SettingError(f"bandwidth: got {self.bandwidth!r}, expected a finite number above 0")
        check_sampling(self.samples, self.seed, self.fresh)

    def target(self, features: Float[Array, "h w c"], guide: Guide = None) -> Float[Array, "m c"]:
        """The style's features at the sampled positions."""
        return sampled(features, self.samples, self.seed, guide)

    def __call__(
        self,
        features: Float[Array, "h w c"],
        target: Float[Array, "m c"],
        key: Key = None,
        guide: Guide = None,
    ) -> Float[Array, ""]:
        """Contextual loss, `-log(contextual_similarity)`, of features centred on the style's mean."""
        mean = jnp.mean(target, axis=0, keepdims=True)
        found = sampled(features, self.samples, self.source(key), guide)
        distances = cosine_distances(found - mean, target - mean) / 2
        return -jnp.log(contextual_similarity(distances, self.bandwidth))
