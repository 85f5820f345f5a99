"""Targets of an objective's terms, computed from the content and style pictures, as a whole or band by band."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxstyle.losses import select
from jaxstyle.losses.base import fixed_key
from jaxstyle.networks.model import FeatureModel, features_of, geometry_of
from jaxstyle.objective import banded
from jaxstyle.objective.banded import Bands, Named, Place, layers_named
from jaxstyle.objective.blend import blend_shares, blend_targets
from jaxstyle.objective.guidance import (
    Masks,
    apply,
    check_masks,
    check_regions,
    first,
    guidance_channels,
    select_guides,
)
from jaxstyle.objective.matching import matched, target_of, turned_features
from jaxstyle.objective.memo import Once
from jaxstyle.objective.recipe import Propagation

Channels = dict[str, Array]
"""Guidance channels of one region, {layer: channel}; empty where there is no guidance."""


def shapes(model: FeatureModel, picture: Array, losses: Named) -> dict[str, tuple[int, ...]]:
    """Shapes of a picture's activations, {layer: shape}, without computing them."""
    found = jax.eval_shape(lambda m, p: features_of(m, p, layers_named(losses)), model, picture)
    return {layer: shape.shape for layer, shape in found.items()}


def make_targets(model: FeatureModel, picture: Array, losses: Named, rows: int | None) -> dict[str, Any]:
    """Compute a picture's targets, {term: target}; with `rows`, from so many of its rows at a time."""
    return _regional_targets(model, picture, {"": {}}, losses, rows)[""]


def style_targets(
    model: FeatureModel, picture: Array, level: tuple[Array, Any], losses: Named, rows: int | None, once: Once
) -> dict[str, Any]:
    """Compute a style's targets; those of losses that match are matched with the `level`'s (content, first image).

    `once` keeps the others for further objectives.
    """
    matching = tuple(pair for pair in losses if pair[1].matches)
    found = once(make_targets, model, picture, tuple(pair for pair in losses if pair not in matching), rows)
    if not matching:
        return found
    return found | matched(model, *level, matching, make_targets(model, picture, matching, rows))


class Regions:
    """Guidance channels and targets of every region, needed while an objective is made."""

    def __init__(
        self,
        model: FeatureModel,
        content: Array,
        pictures: Sequence[Array],
        masks: tuple[Masks | None, Masks | Sequence[Masks | None] | None],
        losses: Named,
        *,
        propagation: Propagation,
        rows: int | None,
    ):
        self.bare, self.propagation = dict(losses), propagation
        own = [masks[1]] if masks[1] is None or isinstance(masks[1], Mapping) else list(masks[1])
        own += [None] * (len(pictures) - len(own))
        check_regions(masks[0] or {}, own)
        self.content = self._channels(model, content, masks[0] or {}, "content_masks")
        self.styles = []
        for i, (picture, given) in enumerate(zip(pictures, own, strict=True)):
            everywhere = {region: jnp.ones(picture.shape[:2]) for region in self.content}
            channels = self._channels(model, picture, everywhere if given is None else given, f"style_masks[{i}]")
            self.styles.append(_regional_targets(model, picture, channels, losses, rows))

    def _channels(self, model: FeatureModel, picture: Array, masks: Masks, name: str) -> dict[str, Channels]:
        sizes = shapes(model, picture, tuple(self.bare.items()))
        layers = {layer: (geometry_of(model, layer), shape) for layer, shape in sizes.items()}
        return guidance_channels(check_masks(masks, picture.shape, name), layers, self.propagation, name)

    def target(self, name: str, loss: Any, shares: Sequence[float]) -> tuple[tuple, tuple]:
        """Guidance channels and blended targets of a term, region by region, as `Guided` takes them."""
        guides, targets = [], []
        for region, channels in self.content.items():
            having = [i for i, style in enumerate(self.styles) if region in style]
            part = blend_shares([shares[i] for i in having], len(having))
            guides.append(select_guides(self.bare[name], channels))
            targets.append(blend_targets(loss, [self.styles[i][region][name] for i in having], part))
        return tuple(guides), tuple(targets)


@partial(jax.jit, static_argnames=("losses", "bare", "relative", "rows"))
def target_scales(
    model: FeatureModel,
    picture: Array,
    targets: dict[str, Any],
    losses: Named,
    bare: Named,
    *,
    relative: tuple[str, ...],
    rows: int | None,
) -> dict[str, Array]:
    """Scale of each term: for relative ones, 1 over their loss for all-zero features (1 if that is 0); 1 for others."""
    bands = banded.cut(model, picture.shape[0], rows, bare)
    if bands is None:
        empty = _zero_features(model, bare, picture)
        pairs = zip(losses, bare, strict=True)
        values = {
            name: partial(loss, select(plain, empty), targets[name], *[fixed_key()] * plain.random)
            for (name, loss), (_, plain) in pairs
        }
    else:

        def of_band(crop: Array, at: Place) -> dict[str, Any]:
            return banded.sums_of_band(model, _zero_features(model, bare, crop), targets, losses, bare, at)

        sums = banded.add_up(of_band, picture, bands.places, bands.height)
        values = {name: partial(loss.from_sums, sums[name], targets[name]) for name, loss in losses}
    sizes = {}
    for name, value in values.items():
        sizes[name] = value() if name in relative else jnp.ones((), jax.eval_shape(value).dtype)
    return {name: 1 / jnp.where(size > 0, size, 1) for name, size in sizes.items()}


def _zero_features(model: FeatureModel, losses: Named, picture: Array) -> dict[str, Array]:
    found = jax.eval_shape(lambda: features_of(model, picture, layers_named(losses)))
    # The barrier keeps the compiler from computing the loss of the zeros at compile time, which takes it seconds.
    return jax.lax.optimization_barrier({k: jnp.zeros(shape.shape, shape.dtype) for k, shape in found.items()})


def _regional_targets(
    model: FeatureModel, picture: Array, channels: dict[str, Channels], losses: Named, rows: int | None
) -> dict[str, dict[str, Any]]:
    """Compute the targets of every region, {region: {term: target}}."""
    bands = banded.cut(model, picture.shape[0], rows, losses)
    if bands is None:
        return _whole(model, picture, channels, losses)
    empty = banded.zeros(jax.eval_shape(partial(_whole, losses=losses), model, picture, channels))
    found = _in_bands(model, picture, channels, empty, losses, bands)
    # Centred sums need the means, which the first pass gives: they take a second pass.
    centred = any(loss.centred for _, loss in losses)
    return _in_bands(model, picture, channels, found, losses, bands) if centred else found


@partial(jax.jit, static_argnames=("losses",))
def _whole(
    model: FeatureModel, picture: Array, channels: dict[str, Channels], losses: Named
) -> dict[str, dict[str, Any]]:
    features, turned = features_of(model, picture, layers_named(losses)), turned_features(model, picture, losses)
    found: dict[str, dict[str, Any]] = {region: {} for region in channels}
    for region, at in channels.items():
        for name, loss in losses:
            guides = select_guides(loss, at) if at else None
            if guides is None or loss.sampled:
                found[region][name] = target_of(loss, features, turned, None if guides is None else first(guides))
            else:
                found[region][name] = loss.target(apply(guides, select(loss, features)))
    return found


@partial(jax.jit, static_argnames=("losses", "bands"))
def _in_bands(
    model: FeatureModel,
    picture: Array,
    channels: dict[str, Channels],
    origins: dict[str, dict[str, Any]],
    losses: Named,
    bands: Bands,
) -> dict[str, dict[str, Any]]:
    """Compute the same as `_whole`, band by band; sums are centred on the means in `origins`."""
    terms = [(region, name, loss) for region in channels for name, loss in losses]

    def add(found: dict | None, crop: Array, place: Place) -> dict:
        features, new = features_of(model, crop, layers_named(losses)), {}
        for region, name, loss in terms:
            values = select(loss, features)
            band = place.at(geometry_of(model, loss.layer).stride, values)
            if channels[region]:
                values = apply(band.cut(channels[region][loss.layer]), values)
            before = None if found is None else found[region, name]
            new[region, name] = loss.remember(before, values, origins[region][name], band)
        return new

    first = Place(*(column[0] for column in bands.places))
    empty = banded.zeros(jax.eval_shape(partial(add, None), picture[: bands.height], first))
    found = banded.accumulate(add, empty, picture, bands)
    targets: dict[str, dict[str, Any]] = {region: {} for region in channels}
    for region, name, loss in terms:
        targets[region][name] = loss.statistics(found[region, name], origins[region][name])
    return targets
