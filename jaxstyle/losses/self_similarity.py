"""Self-similarity: keep how the parts of the content relate to each other, whatever they look like."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.hypercolumn import HypercolumnLoss, Maps, Scale, cosine_distances
from jaxstyle.losses.positions import Guide, Key


@dataclass(frozen=True)
class SelfSimilarityLoss(HypercolumnLoss):
    """Difference of self-distance matrices: `1/n sum_ij |D_ij / sum_i D_ij - D'_ij / sum_i D'_ij|`, in [0, 2].

    D = 1 - cos between the generated picture's own hypercolumns at n positions, D' the same for the content. It is the
    content loss of Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), sec. 2.3, also called L_dp. The paper divides by
    n^2, which makes the value fall with the number of positions; like the authors' code this loss divides by n. The
    sums have `n * 1e-6` added, so that rounding errors do not become structure where the picture is one flat colour.
    The value is exactly 0 at its own target.

    The content must have the generated picture's size. Cost: 2 n^2 c operations for c channels in all; memory a few
    matrices of n^2 and n c numbers, 4 and 9 MiB for 1024 positions and 2179 channels. With `fresh` the target is the
    content's activations, which are sampled at the generated picture's positions at every step.
    """

    kind: ClassVar[str] = "self_similarity"

    @property
    def blendable(self) -> bool:  # type: ignore[override]
        """Whether targets may be averaged: the distances at fixed positions."""
        return not self.fresh

    def target(self, features: Maps, guide: Guide = None) -> tuple[Float[Array, "n n"] | Maps, Scale]:
        """The content's self-distances, or with `fresh` its activations; and their scale."""
        scale = self.scale(features)
        if self.fresh:
            return features, scale
        return _self_distances(self.columns(features, guide=guide, scale=scale)), scale

    def __call__(self, features: Maps, target: Any, key: Key = None, guide: Guide = None) -> Float[Array, ""]:
        """Sum of absolute differences of each column, averaged over the columns."""
        wanted, scale = target
        found = _self_distances(self.columns(features, key, guide, scale))
        if self.fresh:
            wanted = _self_distances(self.columns(wanted, key, guide, scale))
        return jnp.sum(jnp.abs(found - wanted)) / len(wanted)


def _self_distances(columns: Float[Array, "n c"]) -> Float[Array, "n n"]:
    """Distances between hypercolumns, scaled so that every column sums to 1."""
    distances = cosine_distances(columns, columns)
    return distances / (jnp.sum(distances, axis=0, keepdims=True) + len(columns) * 1e-6)
