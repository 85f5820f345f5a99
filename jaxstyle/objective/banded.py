"""Huge pictures: the losses' sums over positions and their gradients, computed a band of rows at a time.

A row of a convolutional network's activations depends on a bounded number of rows of the picture around it. So a
picture passes through the network in bands that overlap by that number (the halo), the sums that losses are made of are
added up, and a second pass pulls the sums' gradients back through each band. The result is the whole picture's value
and gradient, without seams between bands: the statistics are global. The idea is SPST's (Galerne, Raad, Lezama & Morel
2024, "Scaling Painting Style Transfer", EGSR); theirs is for Gram matrices and moments, in square blocks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxstyle.errors import SettingError
from jaxstyle.losses import layers_of, select
from jaxstyle.losses.bands import Band
from jaxstyle.networks.model import FeatureModel, features_of, geometry_of
from jaxstyle.objective.recipe import Recipe

Named = tuple[tuple[str, Any], ...]


class Place(NamedTuple):
    """Place of a band in rows of the picture: it starts at `start`, and its rows from `low` to `high` - 1 count."""

    start: Int[Array, ""]
    low: Int[Array, ""]
    high: Int[Array, ""]

    def at(self, stride: int, features: Float[Array, "h w c"]) -> Band:
        """Convert to a band in rows of a layer of that stride, as a loss takes it."""
        start = self.start // stride
        row = start + jnp.arange(features.shape[0])
        counts = (row >= self.low // stride) & (row < self.high // stride)
        return Band(start, counts.astype(jnp.promote_types(features.dtype, jnp.float32)))


@dataclass(frozen=True)
class Bands:
    """Bands of a picture, all of the same height, so that they share one compiled program.

    Attributes:
        height: number of rows of the picture in a band.
        starts: first row of each band.
        edges: in band i the rows from `edges[i]` to `edges[i + 1]` - 1 count.
    """

    height: int
    starts: tuple[int, ...]
    edges: tuple[int, ...]

    @property
    def places(self) -> Place:
        """Places of all bands, stacked in arrays."""
        return Place(*(jnp.asarray(column, jnp.int32) for column in (self.starts, self.edges[:-1], self.edges[1:])))


def named_terms(recipe: Recipe) -> Named:
    """All terms of a recipe as (name, loss), in the order content, prior, style."""
    return tuple((term.name, term.loss) for term in recipe.content + recipe.prior + recipe.style)


def check_additive(rows: int | None, losses: Named) -> None:
    """Raise SettingError for losses that are no sums over positions, unless `rows` is None."""
    for name, loss in losses if rows is not None else ():
        if not loss.additive:
            raise SettingError(
                f"rows: {name} needs the whole picture at once, as losses that sort, match or sample positions do; "
                "leave rows out, or take a loss of sums over positions (`additive`), such as gram, moments or "
                "gaussian_wasserstein; one of your own inherits from jaxstyle.losses.bands.StatisticLoss or MapLoss"
            )


def cut(model: FeatureModel, height: int, rows: int | None, losses: Named) -> Bands | None:
    """Cut a picture of `height` rows into bands; None where `rows` is None or one band is enough.

    About `rows` rows or fewer count in a band; in the first and last the halo at the picture's edge counts too. A band
    starts at a multiple of all strides and `unit`s. The last one ends with the picture, so the network sees the
    picture's true edge; at the other edges of bands its padding reaches only rows of the halo, which do not count.
    """
    if rows is None:
        return None
    unit, halo = unit_of(model, losses), halo_of(model, losses)
    rows, rest = max(rows // unit, 1) * unit, height % unit
    inner = height - 2 * halo - rest
    if inner <= rows:
        return None
    # The same number of bands or fewer, made equally tall, so that none at the end is nearly empty.
    rows = math.ceil(inner / math.ceil(inner / rows) / unit) * unit
    count, tall = math.ceil(inner / rows), rows + 2 * halo + rest
    starts = tuple(min(i * rows, height - tall) for i in range(count))
    return Bands(tall, starts, (0, *(i * rows + halo for i in range(1, count)), height + unit))


def band_sums(
    model: Any, targets: dict[str, Any], image: Float[Array, "h w 3"], losses: Named, bare: Named, bands: Bands
) -> dict[str, Any]:
    """Sums of a whole picture, {term: sums}.

    Time: a forward pass, and for the gradient a forward and a backward one, each with the halos in addition. Memory:
    one band's activations, the picture and its gradient.
    """
    return add_up(partial(sums_of_crop, model, targets, losses, bare), image, bands.places, bands.height)


def accumulate(add: Callable[[Any, Array, Place], Any], found: Any, image: Float[Array, "h w c"], bands: Bands) -> Any:
    """Compute `found = add(found, band, place)` for one band after another, with only one in memory."""

    def step(found: Any, place: Place) -> tuple[Any, None]:
        return add(found, lax.dynamic_slice_in_dim(image, place.start, bands.height), place), None

    return lax.scan(step, found, bands.places)[0]


def add_up(
    of_band: Callable[[Array, Place], Any],
    image: Float[Array, "h w c"],
    places: Place,
    height: int,
    first: int | Int[Array, ""] = 0,
) -> Any:
    """Add up `of_band(band, place)`, a pytree, over the bands; the gradient computes every band anew.

    Args:
        of_band: computes what is added up.
        image: the picture, or some of its rows.
        places: of the bands, stacked.
        height: number of rows of a band.
        first: row of the picture that is the first of `image`.
    """

    @partial(jax.checkpoint, prevent_cse=False)
    def sums(image: Array, place: Place) -> Any:
        return of_band(lax.dynamic_slice_in_dim(image, place.start - first, height), place)

    def step(found: Any, place: Place) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, found, sums(image, place)), None

    empty = zeros(jax.eval_shape(of_band, image[:height], Place(*(column[0] for column in places))))
    return lax.scan(step, empty, places)[0]


def zeros(shapes: Any) -> Any:
    """Zero arrays of the shapes and dtypes that `jax.eval_shape` gives."""
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def layers_named(losses: Named) -> set[str]:
    """Names of all layers that the losses need."""
    return {layer for _, loss in losses for layer in layers_of(loss)}


def sums_of_band(
    model: FeatureModel, features: dict[str, Array], targets: dict[str, Any], losses: Named, bare: Named, place: Place
) -> dict[str, Any]:
    """Sums of each loss over a band's positions, {term: sums}."""
    sums = {}
    for (name, loss), (_, plain) in zip(losses, bare, strict=True):
        found = select(plain, features)
        with jax.named_scope(name):
            sums[name] = loss.sums(found, targets[name], place.at(geometry_of(model, plain.layer).stride, found))
    return sums


def halo_of(model: FeatureModel, losses: Named) -> int:
    """Number of rows of the picture that a band has on each side beyond those that count, a multiple of `unit_of`."""
    unit, needed = unit_of(model, losses), 0
    for _, loss in losses:
        for layer in layers_of(loss):
            stride, halo, _ = geometry_of(model, layer)
            needed = max(needed, (-(-halo // stride) + loss.reach) * stride)
    return -(-needed // unit) * unit


def unit_of(model: FeatureModel, losses: Named) -> int:
    """Number of rows of the picture that every band starts at a multiple of."""
    strides = (geometry_of(model, layer).stride * loss.unit for _, loss in losses for layer in layers_of(loss))
    return math.lcm(16, *strides)


def sums_of_crop(
    model: Any, targets: dict[str, Any], losses: Named, bare: Named, crop: Array, place: Place
) -> dict[str, Any]:
    """Sums of each loss over the positions of one crop of the picture, {term: sums}."""
    return sums_of_band(model, features_of(model, crop, layers_named(bare)), targets, losses, bare, place)
