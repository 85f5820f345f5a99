"""Targets that need more than one look at a picture: turned styles, and matches with the picture of a level."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import Loss, select
from jaxstyle.networks.model import FeatureModel, features_of
from jaxstyle.objective.banded import Named, layers_named

QUARTERS = (1, 2, 3)
"""The numbers of quarter turns that a turned style is taken by, besides none."""

Features = dict[str, Array]


def turned_features(model: FeatureModel, picture: Array, losses: Named) -> list[Features]:
    """A picture's activations when it is turned, for the losses that want them; empty if there are none."""
    layers = layers_named(tuple(pair for pair in losses if pair[1].turned))
    return [features_of(model, jnp.rot90(picture, k), layers) for k in QUARTERS] if layers else []


def target_of(loss: Any, features: Features, turned: Sequence[Features], guide: Array | None = None) -> Any:
    """The target of a picture's activations, and of those of the turned picture if the loss takes them.

    Args:
        loss: the loss.
        features: {layer: activation} of the picture.
        turned: those of the turned picture, see `turned_features`.
        guide: for a loss that samples, the region's guidance channel at its first layer.
    """
    more = {} if guide is None else {"guide": guide}
    if not loss.turned:
        return loss.target(select(loss, features), **more)
    parts = [loss.part(select(loss, features), **more)]
    for k, each in zip(QUARTERS, turned, strict=True):
        more = {} if guide is None else {"guide": jnp.rot90(guide, k)}
        parts.append(loss.part(select(loss, each), **more))
    return loss.join(parts)


def check_matches(style: Named, others: Named, begin: Any, shape: tuple[int, ...], masked: bool) -> None:
    """Check that the style's terms that match can do so, and that nothing else has to.

    Raises:
        SettingError: a term of the content, or one with masks, would have to match; `begin` is given in vain.
        ImageError: `begin` has not the content's shape.
    """
    matching = [name for name, loss in style if loss.matches]
    for name in (name for name, loss in others if loss.matches):
        raise SettingError(f"recipe: {name} matches the style's features, so it must be one of the style terms")
    if matching and masked:
        raise SettingError(f"masks: {matching[0]} matches whole pictures; leave the masks or this term out")
    if begin is not None and not matching:
        raise SettingError("begin: no style term matches it; leave it out")
    if begin is not None and begin.shape != shape:
        raise ImageError(f"begin: got the shape {begin.shape}, expected the content's, {shape}")


def matched(model: FeatureModel, content: Array, begin: Any, losses: Named, targets: dict[str, Any]) -> dict[str, Any]:
    """The targets of losses that match, as they are for one level.

    Args:
        model: the network.
        content: the content at the level's size.
        begin: the level's first image with the content's highest frequencies; None matches the content alone.
        losses: the style's terms that match.
        targets: {term: target} of one style.
    """
    for name, loss in losses:
        picture = content if begin is None else loss.share * begin + (1 - loss.share) * content
        targets = targets | {name: _match(model, picture, targets[name], loss)}
    return targets


@partial(jax.jit, static_argnames=("loss",))
def _match(model: FeatureModel, picture: Array, target: Any, loss: Loss) -> Any:
    features = features_of(model, picture, layers_named((("", loss),)))
    return loss.match(target, select(loss, features))  # type: ignore[attr-defined]
