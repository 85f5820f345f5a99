"""Losses in bands of rows: what can be added up band by band, so that a huge picture never is in memory at once."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxstyle.losses.base import Loss


class Band(NamedTuple):
    """Some rows of a layer as a loss is given them, and which of them count.

    Bands overlap, because a row's neighbours are needed; a row counts in one band alone. A row whose weight is 1 has
    its true neighbours beside it, as far as the loss's `reach`, or lies at the picture's own edge.
    """

    start: Int[Array, ""] | int  # the first row's place in the whole layer
    weight: Float[Array, " h"]  # 1 for rows that count, else 0

    def cut(self, whole: Float[Array, "_h ..."]) -> Float[Array, "h ..."]:
        """The band's rows of a map of the whole layer."""
        return lax.dynamic_slice_in_dim(whole, self.start, len(self.weight))

    def paste(self, whole: Float[Array, "_h ..."], rows: Float[Array, "h ..."]) -> Float[Array, "_h ..."]:
        """The whole map with this band's rows in it, those that count."""
        keep = self.weight.reshape(-1, *[1] * (rows.ndim - 1)) > 0
        return lax.dynamic_update_slice_in_dim(whole, jnp.where(keep, rows, self.cut(whole)), self.start, 0)

    def mask(self, features: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """The features, 0 where rows do not count."""
        return features * self.weight[:, None, None].astype(features.dtype)

    def total(self, row: int) -> Float[Array, ""]:
        """How many numbers count, for rows of `row` numbers."""
        return jnp.sum(self.weight) * row


def whole(features: Float[Array, "h w c"]) -> Band:
    """All rows at once."""
    return Band(0, jnp.ones(features.shape[0], jnp.promote_types(features.dtype, jnp.float32)))


class StatisticLoss(Loss):
    """A loss that compares statistics, which are functions of sums over positions. For losses to inherit from.

    `sums(features, target, band)` are the sums of a band; added up over all bands, `statistics(sums, target)` is what
    `target(features)` is for the whole picture, and `distance(statistics, target)` the loss. A `centred` loss sums
    differences from the mean that the target has, so that float32 does not cancel: any near one gives the same value.
    """

    additive: ClassVar[bool] = True

    def sums(self, features: Any, target: Any, band: Band) -> Any:
        """The sums over a band's positions: a pytree of arrays."""
        raise NotImplementedError

    def statistics(self, sums: Any, target: Any) -> Any:
        """The target that the sums of a whole picture make."""
        raise NotImplementedError

    def distance(self, found: Any, target: Any) -> Float[Array, ""]:
        """The loss of a picture with the statistics `found`."""
        raise NotImplementedError

    def from_sums(self, sums: Any, target: Any) -> Float[Array, ""]:
        """The loss of a picture with these sums."""
        return self.distance(self.statistics(sums, target), target)

    def remember(self, found: Any, features: Any, target: Any, band: Band) -> Any:
        """The sums `found`, or None, with a band's added, while a target is made."""
        sums = self.sums(features, target, band)
        return sums if found is None else jax.tree.map(jnp.add, found, sums)


class MapLoss(Loss):
    """A loss that is the mean squared difference of two maps, of which each row belongs to a row of the features.

    Its `reach` is the rows above and below its own that a row of the map depends on, its `unit` the rows of the
    features that one row of the map stands for.
    """

    additive: ClassVar[bool] = True

    def target(self, features: Any) -> Any:
        """The map."""
        raise NotImplementedError

    def rows(self, band: Band) -> Band:
        """The band in rows of the map."""
        return band

    def sums(self, features: Any, target: Any, band: Band) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The squared differences and the number of them."""
        found, rows = self.target(features), self.rows(band)
        squares = (found - rows.cut(target)) ** 2
        by_row = jnp.sum(squares, axis=tuple(range(1, found.ndim)), dtype=rows.weight.dtype)
        return jnp.sum(rows.weight * by_row), rows.total(found[:1].size)

    def from_sums(self, sums: tuple[Float[Array, ""], Float[Array, ""]], target: Any) -> Float[Array, ""]:
        """The mean; 0 where the map is empty."""
        return sums[0] / jnp.maximum(sums[1], 1)

    def remember(self, found: Any, features: Any, target: Any, band: Band) -> Any:
        """The map `found`, or an empty one, with a band's rows, while a target is made."""
        return self.rows(band).paste(jnp.zeros_like(target) if found is None else found, self.target(features))

    def statistics(self, found: Any, target: Any) -> Any:
        """The map itself."""
        return found
