"""The objective: what a recipe asks of a picture, as a pure function of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses import Loss, layers_of, select
from jaxstyle.recipe import Recipe, Term, check_weight


@runtime_checkable
class FeatureModel(Protocol):
    """Anything that gives activations by name, as `VGG19` does; a pytree."""

    def features(self, image: Float[Array, "h w 3"], layers: Any) -> dict[str, Array]:
        """{layer: (h', w', c)} of one RGB picture in [0, 1]."""
        ...


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["model", "targets", "scales", "weights"],
    meta_fields=["losses"],
)
@dataclass(frozen=True)
class Objective:
    """`objective(image) -> (total, {term: value})`: pure; `jax.jit`, `jax.grad` and `jax.vmap` take it as an argument.

    `total` is the sum of `weights[term] * value`; the values themselves are unweighted, so that runs with different
    weights compare. Every array is a leaf: other pictures or weights of the same shape do not re-trace.
    """

    model: FeatureModel
    targets: Mapping[str, Any]
    scales: Mapping[str, Float[Array, ""]]
    weights: Mapping[str, Float[Array, ""]]
    losses: tuple[tuple[str, Loss], ...]

    def __call__(self, image: Float[Array, "h w 3"]) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """The weighted sum, and each term's value, of one RGB picture in [0, 1]."""
        features = self.model.features(image, _layers(self.losses))
        values = {
            name: self.scales[name] * loss(select(loss, features), self.targets[name]) for name, loss in self.losses
        }
        return sum((self.weights[name] * value for name, value in values.items()), jnp.zeros(())), values


def make_objective(
    model: FeatureModel,
    content: Float[Array, "h w 3"],
    styles: Float[Array, "_h _w 3"] | Sequence[Float[Array, "_h _w 3"]],
    recipe: Recipe,
    *,
    blend: Sequence[float] | None = None,
) -> Objective:
    """The objective of one run.

    Args:
        model: the feature network.
        content: RGB in [0, 1]; the generated picture has its size.
        styles: one RGB picture or several, of any sizes.
        recipe: losses and weights.
        blend: how much of each style, at least 0; made to sum to 1. Equal shares by default. The styles' targets are
            averaged with these weights.

    Raises:
        SettingError: an unknown layer, or a blend that does not fit the styles.
    """
    pictures = [styles] if hasattr(styles, "ndim") else list(styles)
    shares = blend_shares(blend, len(pictures))
    of_content = _named(recipe.content + recipe.prior)
    of_style = _named(recipe.style)
    style_targets = [_targets(model, jnp.asarray(picture), of_style) for picture in pictures]
    blended = jax.tree.map(lambda *leaves: sum(map(jnp.multiply, shares, leaves)), *style_targets)
    targets = _targets(model, jnp.asarray(content), of_content) | blended
    terms = {term.name: term for term in (*recipe.content, *recipe.style, *recipe.prior)}
    losses = _named(tuple(terms.values()))
    sizes = _sizes(model, jnp.asarray(content), targets, losses)
    return Objective(
        model=model,
        targets=targets,
        scales={name: 1 / sizes[name] if term.relative else jnp.ones_like(sizes[name]) for name, term in terms.items()},
        weights={name: jnp.asarray(weight, sizes[name].dtype) for name, weight in recipe.weights().items()},
        losses=losses,
    )


def blend_shares(blend: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """`blend` made to sum to 1, or equal shares. Raises SettingError where it does not fit `count` styles."""
    if count < 1:
        raise SettingError("style: got no picture, expected at least one")
    weights = [1.0] * count if blend is None else [float(weight) for weight in blend]
    if len(weights) != count:
        raise SettingError(f"blend: got {len(weights)} weights for {count} style pictures, expected one each")
    for weight in weights:
        check_weight("blend", weight)
    if not sum(weights):
        raise SettingError("blend: all weights are 0, expected at least one above")
    return tuple(weight / sum(weights) for weight in weights)


def _named(terms: tuple[Term, ...]) -> tuple[tuple[str, Loss], ...]:
    return tuple((term.name, term.loss) for term in terms)


def _layers(losses: tuple[tuple[str, Loss], ...]) -> set[str]:
    return {layer for _, loss in losses for layer in layers_of(loss)}


@partial(jax.jit, static_argnames="losses")
def _targets(model: FeatureModel, picture: Array, losses: tuple[tuple[str, Loss], ...]) -> dict[str, Any]:
    features = model.features(picture, _layers(losses))
    return {name: loss.target(select(loss, features)) for name, loss in losses}


@partial(jax.jit, static_argnames="losses")
def _sizes(
    model: FeatureModel, picture: Array, targets: dict[str, Any], losses: tuple[tuple[str, Loss], ...]
) -> dict[str, Array]:
    """Each loss of all-zero features: the size of its target. 1 where that is 0, as for a black picture."""
    shapes = jax.eval_shape(lambda: model.features(picture, _layers(losses)))
    empty = {layer: jnp.zeros(shape.shape, shape.dtype) for layer, shape in shapes.items()}
    sizes = {name: loss(select(loss, empty), targets[name]) for name, loss in losses}
    return {name: jnp.where(size > 0, size, 1) for name, size in sizes.items()}
