"""Losses that are computed a band of rows at a time, so that a huge picture's activations need not fit in memory."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxstyle.losses.base import Loss, missing


class Band(NamedTuple):
    """A band of rows of a layer, and which of its rows count.

    Bands overlap, because a row's neighbours are needed, but each row counts in only one band. A row that counts has
    its true neighbours in the band, as far as the loss's `reach`, unless it lies at the picture's own edge.
    """

    start: Int[Array, ""] | int  # index of the band's first row in the whole layer
    weight: Float[Array, " h"]  # 1 for rows that count, 0 for the others

    def cut(self, whole: Float[Array, "_h ..."]) -> Float[Array, "h ..."]:
        """Cut the band's rows out of a map of the whole layer."""
        return lax.dynamic_slice_in_dim(whole, self.start, len(self.weight))

    def paste(self, whole: Float[Array, "_h ..."], rows: Float[Array, "h ..."]) -> Float[Array, "_h ..."]:
        """Return the whole map with the rows of this band that count written into it."""
        keep = self.weight.reshape(-1, *[1] * (rows.ndim - 1)) > 0
        return lax.dynamic_update_slice_in_dim(whole, jnp.where(keep, rows, self.cut(whole)), self.start, 0)

    def mask(self, features: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """Set the features to 0 in the rows that do not count."""
        return features * self.weight[:, None, None].astype(features.dtype)

    def total(self, row: int) -> Float[Array, ""]:
        """Count the numbers in the rows that count, for rows of `row` numbers each."""
        return jnp.sum(self.weight) * row


def whole(features: Float[Array, "h w c"]) -> Band:
    """One band that holds all rows of a layer, each of which counts."""
    return Band(0, jnp.ones(features.shape[0], jnp.promote_types(features.dtype, jnp.float32)))


class StatisticLoss(Loss):
    """Base class of losses that compare statistics, where statistics are functions of sums over positions.

    `sums(features, target, band)` gives the sums of one band. From the sums added up over all bands,
    `statistics(sums, target)` computes the same as `target(features)` does for the whole picture, and
    `distance(statistics, target)` is the loss. A `centred` loss sums differences from the target's mean, which avoids
    cancellation in float32; any value near the true mean gives the same result.
    """

    additive: ClassVar[bool] = True

    def sums(self, features: Any, target: Any, band: Band) -> Any:
        """Compute the sums over a band's positions: a pytree of arrays."""
        raise missing(self, "sums")

    def statistics(self, sums: Any, target: Any) -> Any:
        """Compute the statistics of a whole picture from its sums, in the form of a target."""
        raise missing(self, "statistics")

    def distance(self, found: Any, target: Any) -> Float[Array, ""]:
        """Compute the loss of a picture with the statistics `found`."""
        raise missing(self, "distance")

    def from_sums(self, sums: Any, target: Any) -> Float[Array, ""]:
        """Compute the loss of a picture from its sums."""
        return self.distance(self.statistics(sums, target), target)

    def remember(self, found: Any, features: Any, target: Any, band: Band) -> Any:
        """Add a band's sums to the sums `found` so far (None at first), while a target is made."""
        sums = self.sums(features, target, band)
        return sums if found is None else jax.tree.map(jnp.add, found, sums)


class MapLoss(Loss):
    """Base class of losses that are the mean squared difference of two maps, computed row by row from the features.

    `reach` is the number of feature rows above and below its own that a row of the map depends on, and `unit` the
    number of feature rows that one row of the map stands for.
    """

    additive: ClassVar[bool] = True

    def target(self, features: Any) -> Any:
        """Compute the map of a picture from its features."""
        raise missing(self, "target")

    def rows(self, band: Band) -> Band:
        """Convert a band of feature rows to a band of map rows."""
        return band

    def sums(self, features: Any, target: Any, band: Band) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Compute a band's sum of squared differences, and the number of them."""
        found, rows = self.target(features), self.rows(band)
        squares = (found - rows.cut(target)) ** 2
        by_row = jnp.sum(squares, axis=tuple(range(1, found.ndim)), dtype=rows.weight.dtype)
        return jnp.sum(rows.weight * by_row), rows.total(found[:1].size)

    def from_sums(self, sums: tuple[Float[Array, ""], Float[Array, ""]], target: Any) -> Float[Array, ""]:
        """Compute the mean squared difference; 0 where the map is empty."""
        return sums[0] / jnp.maximum(sums[1], 1)

    def remember(self, found: Any, features: Any, target: Any, band: Band) -> Any:
        """Write a band's rows into the map `found` so far (None at first), while a target is made."""
        return self.rows(band).paste(jnp.zeros_like(target) if found is None else found, self.target(features))

    def statistics(self, found: Any, target: Any) -> Any:
        """Return the finished map unchanged."""
        return found
