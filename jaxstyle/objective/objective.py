"""The objective: what a recipe asks of a picture, as a pure function of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import Loss, layers_of, select
from jaxstyle.networks.model import Adaptable, FeatureModel, check_layers, check_model, features_of
from jaxstyle.objective import banded
from jaxstyle.objective.banded import Named
from jaxstyle.objective.blend import blend_shares, blend_targets, blended
from jaxstyle.objective.guidance import Guided, Masks
from jaxstyle.objective.memo import Once, call
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.objective.targets import Regions, make_targets, target_scales


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["model", "targets", "scales", "weights"],
    meta_fields=["losses", "layers", "normalized", "rows", "remat"],
)
@dataclass(frozen=True)
class Objective:
    """`objective(image) -> (total, {term: value})`: pure; `jax.jit`, `jax.grad` and `jax.vmap` take it as an argument.

    `total` is the sum of `weights[term] * value`; the values themselves are unweighted, so that runs with different
    weights compare. Every array is a leaf: other pictures or weights of the same shape do not re-trace. Gradients are
    reverse mode (`jax.grad`, `jax.vjp`); there is no forward mode (`jax.jvp`).

    With `rows` a picture taller than that and its halo is computed a band at a time, see `jaxstyle.objective.banded`:
    the same value and gradient but for rounding, in a fraction of the memory. Only the picture and weights have
    gradients then.
    """

    model: FeatureModel
    targets: Mapping[str, Any]
    scales: Mapping[str, Any]  # scalars
    weights: Mapping[str, Any]
    losses: tuple[tuple[str, Any], ...]  # wrapped in `Summed` and `Guided` where need be
    layers: tuple[tuple[str, Loss], ...]  # the bare losses, which know their layers
    normalized: tuple[str, ...] = ()  # terms whose gradients are normalised at their layer
    rows: int | None = None  # of the picture at a time
    remat: bool = False  # a block of the network at a time, for the gradient

    def __call__(self, image: Float[Array, "h w 3"]) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """The weighted sum, and each term's value, of one RGB picture in [0, 1]."""
        bands = banded.cut(self.model, image.shape[0], self.rows, self.layers)
        found = self._whole(image) if bands is None else self._in_bands(image, bands)
        values = {name: self.scales[name] * value for name, value in found.items()}
        weighted = [self.weights[name] * value for name, value in values.items()]
        return sum(weighted[1:], weighted[0]), values

    def _whole(self, image: Array) -> dict[str, Array]:
        layers = banded.layers_named(self.layers)
        if self.remat:
            return self._by_blocks(image, layers)
        return self._values(features_of(self.model, image, layers), self.targets, self.weights)

    def _by_blocks(self, image: Array, layers: set[str]) -> dict[str, Array]:
        """As from all features; for the gradient each block is computed again from its input, its losses with it."""

        @partial(jax.checkpoint, static_argnums=(0,))
        def block(number: int, x: Array, model: Any, targets: Any, weights: Any) -> tuple[Array, dict, dict]:
            x, found = model.block(number, x, layers)
            values = self._values(found, targets, weights)
            wanted = {layer for name, bare in self.layers if name not in values for layer in layers_of(bare)}
            return x, values, {layer: each for layer, each in found.items() if layer in wanted}

        model: Any = self.model  # `Adaptable`, as `ready` sees to
        found, x = {"input": image}, model.preprocessed(image)
        values = self._values(found, self.targets, self.weights)
        for number in range(1, 1 + model.blocks(layers)):
            x, new, kept = block(number, x, model, self.targets, self.weights)
            values, found = values | new, found | kept
        values |= {k: v for k, v in self._values(found, self.targets, self.weights).items() if k not in values}
        return {name: values[name] for name, _ in self.losses}

    def _values(self, features: Mapping[str, Array], targets: Any, weights: Any) -> dict[str, Array]:
        """The losses whose layers are all there."""
        values = {}
        for (name, loss), (_, bare) in zip(self.losses, self.layers, strict=True):
            if not features.keys() >= set(layers_of(bare)):
                continue
            found = select(bare, features)
            if name in self.normalized:
                found = jax.tree.map(partial(_normalize_gradient, weights[name]), found)
            values[name] = loss(found, targets[name])
        return values

    def _in_bands(self, image: Array, bands: banded.Bands) -> dict[str, Array]:
        sums = banded.band_sums(self.model, dict(self.targets), image, self.losses, self.layers, bands)
        return {name: loss.from_sums(sums[name], self.targets[name]) for name, loss in self.losses}


def make_objective(
    model: FeatureModel,
    content: Float[Array | np.ndarray, "h w 3"],
    styles: Float[Array | np.ndarray, "_h _w 3"] | Sequence[Float[Array | np.ndarray, "_h _w 3"]],
    recipe: Recipe,
    *,
    blend: Sequence[float] | None = None,
    content_masks: Masks | None = None,
    style_masks: Masks | Sequence[Masks | None] | None = None,
    plan: Plan = Plan(),  # noqa: B008
    once: Once = call,
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
        plan: how it is computed; with `plan.rows` targets and values are made a band of rows at a time.
        once: calls a function; a `Memo` makes the targets of a picture once for many objectives.

    Raises:
        SettingError: an unknown layer, a blend that does not fit the styles, a mask that does not fit its picture, a
            region that is empty or has no style; `plan.rows` with a loss that needs the whole picture.
    """
    if not isinstance(recipe, Recipe):
        raise SettingError(f"recipe: got {type(recipe).__name__}, expected a Recipe, such as presets.default()")
    check_model(model)
    model = ready(model, recipe, plan)
    picture: Array = once(_checked, content, "content")
    given = [styles] if hasattr(styles, "ndim") else list(styles)
    pictures = [once(_checked, p, f"styles[{i}]" if len(given) > 1 else "styles") for i, p in enumerate(given)]
    shares = blend_shares(blend, len(pictures))
    bare = _named(recipe.content + recipe.prior), _named(recipe.style)
    _check_rows(plan.rows, recipe)
    wrapped = tuple((name, blended(loss, recipe.blending, len(pictures))) for name, loss in bare[1])
    _check_sizes(model, picture, pictures, bare)
    targets = once(make_targets, model, picture, bare[0], plan.rows)
    if content_masks is None and style_masks is None:
        found = [once(make_targets, model, each, bare[1], plan.rows) for each in pictures]
        targets = targets | {
            name: blend_targets(loss, [each[name] for each in found], shares) for name, loss in wrapped
        }
    else:
        masks = content_masks, style_masks
        regions = Regions(model, picture, pictures, masks, bare[1], propagation=recipe.propagation, rows=plan.rows)
        targets = targets | {name: regions.target(name, loss, shares) for name, loss in wrapped}
        wrapped = tuple((name, Guided(loss)) for name, loss in wrapped)
    return _assemble(model, picture, recipe, targets, (*bare[0], *wrapped), bare[0] + bare[1], plan)


def _assemble(
    model: FeatureModel,
    content: Array,
    recipe: Recipe,
    targets: dict[str, Any],
    losses: Named,
    bare: Named,
    plan: Plan,
) -> Objective:
    terms = {term.name: term for term in (*recipe.content, *recipe.prior, *recipe.style)}
    relative = tuple(name for name, term in terms.items() if term.relative)
    scales = target_scales(model, content, targets, losses, bare, relative=relative, rows=plan.rows)
    normalized = tuple(term.name for term in recipe.content + recipe.style) if recipe.normalize_gradients else ()
    return Objective(
        model=model,
        targets=targets,
        scales={name: scales[name] for name in terms},
        weights={name: jax.device_put(np.asarray(w, scales[name].dtype)) for name, w in recipe.weights().items()},
        losses=losses,
        layers=bare,
        normalized=normalized,
        rows=plan.rows,
        remat=plan.remat,
    )


def _check_rows(rows: int | None, recipe: Recipe) -> None:
    banded.check_additive(rows, banded.named_terms(recipe))
    if rows is not None and recipe.normalize_gradients:
        raise SettingError(
            "rows: normalize_gradients needs the norms of the whole picture's gradients; leave one of the two out"
        )


def _checked(picture: Any, name: str) -> Array:
    """The picture as an array. Raises ImageError where it is no (h, w, 3) of floats in [0, 1]."""
    if not isinstance(picture, jax.Array | np.ndarray):
        raise ImageError(f"{name}: got {type(picture).__name__}, expected an array; `jaxstyle.load_image` reads one")
    if picture.ndim != 3 or picture.shape[2] != 3 or not jnp.issubdtype(picture.dtype, jnp.floating):
        got = f"{picture.dtype} {picture.shape}"
        raise ImageError(f"{name}: got {got}, expected floats in [0, 1] of shape (height, width, 3)")
    if isinstance(picture, jax.core.Tracer):
        return picture
    values = np.array(picture)
    if not (values.min() >= -1 and values.max() <= 2):
        raise ImageError(f"{name}: values run to {float(values.max()):.4g}, expected [0, 1]; divide 0-255 by 255")
    return jax.device_put(values) if isinstance(picture, np.ndarray) else picture


def _check_sizes(model: FeatureModel, content: Array, styles: Sequence[Array], losses: tuple[Named, Named]) -> None:
    """Raise a SettingError for an unknown layer, and an ImageError that names the picture which is too small."""
    pictures = {"content": (content, losses[0] + losses[1])}
    pictures |= {f"styles[{i}]": (style, losses[1]) for i, style in enumerate(styles)}
    for name, (picture, needed) in pictures.items():
        try:
            check_layers(model, banded.layers_named(needed), picture.shape)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from None


def _named(terms: tuple[Term, ...]) -> Named:
    return tuple((term.name, term.loss) for term in terms)


def ready(model: Any, recipe: Recipe, plan: Plan) -> Any:
    """The model with the recipe's changes, prepared as the plan asks; what is ready stays as it is.

    Raises:
        SettingError: a plan, or a recipe's `pooling` or `first_padding`, that the network cannot follow.
    """
    if not isinstance(model, Adaptable):
        name, changed = type(model).__name__, recipe.pooling or recipe.first_padding
        if plan.dtype != "float32" or plan.remat:
            raise SettingError(f"plan: got {plan}, which {name} cannot follow; use dtype='float32', remat=False")
        if changed is not None:
            raise SettingError(f"recipe: {name} cannot change its pooling or padding to {changed!r}; leave it out")
        return model
    layers = banded.layers_named(banded.named_terms(recipe))
    return _changed(model, recipe).prepared(layers, conv=plan.conv, dtype=plan.dtype)


def _changed(model: Any, recipe: Recipe) -> Any:
    changes = {"pooling": recipe.pooling, "first_padding": recipe.first_padding}
    if all(value is None or getattr(model, name, None) == value for name, value in changes.items()):
        return model
    return model.with_changes(pooling=recipe.pooling, first_padding=recipe.first_padding)


@jax.custom_vjp
def _normalize_gradient(weight: Array, features: Array) -> Array:
    """The features; their gradient, which arrives times the weight, leaves as weight * g / (|g|_1 + 1e-8)."""
    return features


def _normalize_backward(weight: Array, gradient: Array) -> tuple[Array, Array]:
    unweighted = gradient / jnp.where(weight > 0, weight, 1)
    return jnp.zeros_like(weight), weight * unweighted / (jnp.abs(unweighted).sum() + 1e-8)


_normalize_gradient.defvjp(lambda weight, features: (features, weight), _normalize_backward)
