"""The objective: what a recipe asks of a picture, as a pure function of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.blend import blend_shares, blend_targets, blended
from jaxstyle.errors import ImageError, SettingError
from jaxstyle.guidance import (
    Guided,
    Masks,
    apply,
    check_masks,
    check_regions,
    guidance_channels,
    select_guides,
)
from jaxstyle.losses import Loss, layers_of, select
from jaxstyle.recipe import Recipe, Term

Named = tuple[tuple[str, Loss], ...]


@runtime_checkable
class FeatureModel(Protocol):
    """Anything that gives activations by name, as `VGG19` does; a pytree."""

    def features(self, image: Float[Array, "h w 3"], layers: Any) -> dict[str, Array]:
        """{layer: (h', w', c)} of one RGB picture in [0, 1]."""
        ...


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["model", "targets", "scales", "weights"],
    meta_fields=["losses", "layers", "normalized"],
)
@dataclass(frozen=True)
class Objective:
    """`objective(image) -> (total, {term: value})`: pure; `jax.jit`, `jax.grad` and `jax.vmap` take it as an argument.

    `total` is the sum of `weights[term] * value`; the values themselves are unweighted, so that runs with different
    weights compare. Every array is a leaf: other pictures or weights of the same shape do not re-trace. Gradients are
    reverse mode (`jax.grad`, `jax.vjp`); there is no forward mode (`jax.jvp`).
    """

    model: FeatureModel
    targets: Mapping[str, Any]
    scales: Mapping[str, Float[Array, ""]]
    weights: Mapping[str, Float[Array, ""]]
    losses: tuple[tuple[str, Any], ...]  # wrapped in `Summed` and `Guided` where need be
    layers: tuple[tuple[str, Loss], ...]  # the bare losses, which know their layers
    normalized: tuple[str, ...] = ()  # terms whose gradients are normalised at their layer

    def __call__(self, image: Float[Array, "h w 3"]) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """The weighted sum, and each term's value, of one RGB picture in [0, 1]."""
        features = self.model.features(image, _layers(self.layers))
        values = {}
        for (name, loss), (_, bare) in zip(self.losses, self.layers, strict=True):
            found = select(bare, features)
            if name in self.normalized:
                found = jax.tree.map(partial(_normalize_gradient, self.weights[name]), found)
            values[name] = self.scales[name] * loss(found, self.targets[name])
        weighted = [self.weights[name] * value for name, value in values.items()]
        return sum(weighted[1:], weighted[0]), values


def make_objective(
    model: FeatureModel,
    content: Float[Array | np.ndarray, "h w 3"],
    styles: Float[Array | np.ndarray, "_h _w 3"] | Sequence[Float[Array | np.ndarray, "_h _w 3"]],
    recipe: Recipe,
    *,
    blend: Sequence[float] | None = None,
    content_masks: Masks | None = None,
    style_masks: Masks | Sequence[Masks | None] | None = None,
) -> Objective:
    """The objective of one run.

    Args:
        model: the feature network.
        content: RGB in [0, 1]; the generated picture has its size.
        styles: one RGB picture or several, of any sizes.
        recipe: losses and weights.
        blend: how much of each style, at least 0; made to sum to 1. Equal shares by default.
        content_masks: {region: (h, w) in [0, 1]} of the generated picture: each region takes its own style.
        style_masks: the same regions of the style; for several styles a list. None in the list means that the whole
            picture serves every region; a region that a style's masks leave out takes nothing from that style.

    Raises:
        SettingError: an unknown layer, a blend that does not fit the styles, a mask that does not fit its picture, a
            region that is empty or has no style.
    """
    if not isinstance(recipe, Recipe):
        raise SettingError(f"recipe: got {type(recipe).__name__}, expected a Recipe, such as presets.default()")
    if not isinstance(model, FeatureModel):
        raise SettingError(f"model: got {type(model).__name__}, expected a network, such as load_vgg19 gives")
    model = _changed(model, recipe)
    content = _checked(content, "content")
    given = [styles] if hasattr(styles, "ndim") else list(styles)
    pictures = [_checked(p, f"styles[{i}]" if len(given) > 1 else "styles") for i, p in enumerate(given)]
    shares = blend_shares(blend, len(pictures))
    bare = _named(recipe.content + recipe.prior), _named(recipe.style)
    wrapped = tuple((name, blended(loss, recipe.blending, len(pictures))) for name, loss in bare[1])
    _check_size(model, content, bare[0] + bare[1], "content")
    for i, picture in enumerate(pictures):
        _check_size(model, picture, bare[1], f"styles[{i}]")
    targets = _targets(model, content, bare[0])
    if content_masks is None and style_masks is None:
        found = [_targets(model, picture, bare[1]) for picture in pictures]
        targets |= {name: blend_targets(loss, [each[name] for each in found], shares) for name, loss in wrapped}
    else:
        regions = _Regions(model, content, pictures, content_masks, style_masks, recipe, bare[1])
        targets |= {name: regions.target(name, loss, shares) for name, loss in wrapped}
        wrapped = tuple((name, Guided(loss)) for name, loss in wrapped)
    return _assemble(model, content, recipe, targets, (*bare[0], *wrapped), bare[0] + bare[1])


def _assemble(
    model: FeatureModel, content: Array, recipe: Recipe, targets: dict[str, Any], losses: tuple, bare: Named
) -> Objective:
    terms = {term.name: term for term in (*recipe.content, *recipe.prior, *recipe.style)}
    relative = tuple(name for name, term in terms.items() if term.relative)
    sizes = _sizes(model, content, targets, losses, bare, relative)
    ones = {name: jnp.ones_like(size) for name, size in sizes.items()}
    normalized = tuple(term.name for term in recipe.content + recipe.style) if recipe.normalize_gradients else ()
    return Objective(
        model=model,
        targets=targets,
        scales={name: 1 / sizes[name] for name in terms},
        weights={name: weight * ones[name] for name, weight in recipe.weights().items()},
        losses=losses,
        layers=bare,
        normalized=normalized,
    )


class _Regions:
    """Guidance channels and targets of every region, while an objective is made."""

    def __init__(
        self,
        model: FeatureModel,
        content: Array,
        pictures: list[Array],
        content_masks: Masks | None,
        style_masks: Masks | Sequence[Masks | None] | None,
        recipe: Recipe,
        losses: Named,
    ):
        self.bare = dict(losses)
        own = [style_masks] if style_masks is None or isinstance(style_masks, Mapping) else list(style_masks)
        own += [None] * (len(pictures) - len(own))
        check_regions(content_masks or {}, own)
        self.content = self._channels(model, content, content_masks or {}, recipe, "content_masks")
        self.styles = []
        for i, (picture, masks) in enumerate(zip(pictures, own, strict=True)):
            everywhere = {region: jnp.ones(picture.shape[:2]) for region in self.content}
            chosen = everywhere if masks is None else masks
            channels = self._channels(model, picture, chosen, recipe, f"style_masks[{i}]")
            self.styles.append(_guided_targets(model, picture, channels, losses))

    def _channels(
        self, model: FeatureModel, picture: Array, masks: Masks, recipe: Recipe, name: str
    ) -> dict[str, dict[str, Array]]:
        shapes = _shapes(model, picture, tuple(self.bare.items()))
        return guidance_channels(check_masks(masks, picture.shape, name), shapes, recipe.propagation, name)

    def target(self, name: str, loss: Any, shares: Sequence[float]) -> tuple[tuple, tuple]:
        """A term's guidance channels and blended target, region by region, as `Guided` takes them."""
        guides, targets = [], []
        for region, channels in self.content.items():
            having = [i for i, style in enumerate(self.styles) if region in style]
            part = blend_shares([shares[i] for i in having], len(having))
            guides.append(select_guides(self.bare[name], channels))
            targets.append(blend_targets(loss, [self.styles[i][region][name] for i in having], part))
        return tuple(guides), tuple(targets)


def _checked(picture: Any, name: str) -> Array:
    """The picture as an array. Raises ImageError where it is no (h, w, 3) of floats in [0, 1]."""
    if not isinstance(picture, jax.Array | np.ndarray):
        raise ImageError(f"{name}: got {type(picture).__name__}, expected an array; `jaxstyle.load_image` reads one")
    if picture.ndim != 3 or picture.shape[2] != 3 or not jnp.issubdtype(picture.dtype, jnp.floating):
        got = f"{picture.dtype} {picture.shape}"
        raise ImageError(f"{name}: got {got}, expected floats in [0, 1] of shape (height, width, 3)")
    if not isinstance(picture, jax.core.Tracer) and not (jnp.min(picture) >= -1 and jnp.max(picture) <= 2):
        raise ImageError(f"{name}: values run to {float(jnp.max(picture)):.4g}, expected [0, 1]; divide 0-255 by 255")
    return jnp.asarray(picture)


def _check_size(model: FeatureModel, picture: Array, losses: Named, name: str) -> None:
    """Raise what the network raises, naming the picture."""
    try:
        _shapes(model, picture, losses)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None


def _changed(model: Any, recipe: Recipe) -> Any:
    if recipe.pooling is None and recipe.first_padding is None:
        return model
    return model.with_changes(pooling=recipe.pooling, first_padding=recipe.first_padding)


def _named(terms: tuple[Term, ...]) -> Named:
    return tuple((term.name, term.loss) for term in terms)


def _layers(losses: Named) -> set[str]:
    return {layer for _, loss in losses for layer in layers_of(loss)}


def _shapes(model: FeatureModel, picture: Array, losses: Named) -> dict[str, tuple[int, ...]]:
    shapes = jax.eval_shape(lambda m, p: m.features(p, _layers(losses)), model, picture)
    return {layer: shape.shape for layer, shape in shapes.items()}


@partial(jax.jit, static_argnames="losses")
def _targets(model: FeatureModel, picture: Array, losses: Named) -> dict[str, Any]:
    features = model.features(picture, _layers(losses))
    return {name: loss.target(select(loss, features)) for name, loss in losses}


@partial(jax.jit, static_argnames="losses")
def _guided_targets(
    model: FeatureModel, picture: Array, channels: dict[str, dict[str, Array]], losses: Named
) -> dict[str, dict[str, Any]]:
    features = model.features(picture, _layers(losses))
    return {
        region: {name: loss.target(apply(select_guides(loss, at), select(loss, features))) for name, loss in losses}
        for region, at in channels.items()
    }


@partial(jax.jit, static_argnames=("losses", "bare", "relative"))
def _sizes(
    model: FeatureModel, picture: Array, targets: dict[str, Any], losses: tuple, bare: Named, relative: tuple[str, ...]
) -> dict[str, Array]:
    """Each relative loss of all-zero features: the size of its target. 1 for the others, and where it is 0."""
    shapes = jax.eval_shape(lambda: model.features(picture, _layers(bare)))
    # The barrier keeps the compiler from working the zeros' loss out itself, which takes it seconds.
    empty = jax.lax.optimization_barrier({k: jnp.zeros(shape.shape, shape.dtype) for k, shape in shapes.items()})
    sizes = {}
    for (name, loss), (_, plain) in zip(losses, bare, strict=True):
        value = partial(loss, select(plain, empty), targets[name])
        sizes[name] = value() if name in relative else jnp.ones((), jax.eval_shape(value).dtype)
    return {name: jnp.where(size > 0, size, 1) for name, size in sizes.items()}


@jax.custom_vjp
def _normalize_gradient(weight: Array, features: Array) -> Array:
    """The features; their gradient, which arrives times the weight, leaves as weight * g / (|g|_1 + 1e-8)."""
    return features


def _normalize_backward(weight: Array, gradient: Array) -> tuple[Array, Array]:
    unweighted = gradient / jnp.where(weight > 0, weight, 1)
    return jnp.zeros_like(weight), weight * unweighted / (jnp.abs(unweighted).sum() + 1e-8)


_normalize_gradient.defvjp(lambda weight, features: (features, weight), _normalize_backward)
