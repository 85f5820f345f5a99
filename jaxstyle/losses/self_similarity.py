"""Self-similarity: keep how the parts of the content relate to each other, whatever they look like."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.hypercolumn import HypercolumnLoss, cosine_distances

Maps = tuple[Float[Array, "_h _w _c"], ...]


@dataclass(frozen=True)
class SelfSimilarityLoss(HypercolumnLoss):
    """Difference of self-distance matrices: `1/n sum_ij |D_ij / sum_i D_ij - D'_ij / sum_i D'_ij|`, in [0, 2].

    D = 1 - cos between the generated picture's own hypercolumns at n positions, D' the same for the content. It is the
    content loss of Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), sec. 2.3, also called L_dp. The paper divides by
    n^2, which makes the value fall with the number of positions; like the authors' code this loss divides by n. The
    sums have `n * 1e-6` added, so that rounding errors do not become structure where the picture is one flat colour.
    Positions are fixed (see `HypercolumnLoss`). The value is exactly 0 at its own target.

    The content must have the generated picture's size. Cost: 2 n^2 c operations for c channels in all; memory a few
    matrices of n^2 and n c numbers, 4 and 9 MiB for 1024 positions and 2179 channels.
    """

    kind: ClassVar[str] = "self_similarity"
    blendable: ClassVar[bool] = True

    def target(self, features: Maps) -> Float[Array, "n n"]:
        """Distances between the content's hypercolumns, (n, n), scaled so that every column sums to 1."""
        columns = self.columns(features)
        distances = cosine_distances(columns, columns)
        return distances / (jnp.sum(distances, axis=0, keepdims=True) + len(columns) * 1e-6)

    def __call__(self, features: Maps, target: Float[Array, "n n"]) -> Float[Array, ""]:
        """Sum of absolute differences of each column, averaged over the columns."""
        return jnp.sum(jnp.abs(self.target(features) - target)) / len(target)
