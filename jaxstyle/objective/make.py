"""Making an objective: check the pictures and the recipe, and compute the targets of the pictures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError, suggest
from jaxstyle.networks.model import (
    INPUT,
    Adaptable,
    FeatureModel,
    check_layers,
    check_model,
    check_stride,
    features_of,
)
from jaxstyle.objective import banded
from jaxstyle.objective.banded import Named
from jaxstyle.objective.blend import blend_shares, blend_targets, blended
from jaxstyle.objective.guidance import Guided, Masks
from jaxstyle.objective.matching import check_matches
from jaxstyle.objective.memo import Once, call
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan, exactly
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.shared import mesh_of
from jaxstyle.objective.targets import Regions, make_targets, style_targets, target_scales
from jaxstyle.objective.term import Term

Picture = Float[Array | np.ndarray, "_h _w 3"]


@exactly
def make_objective(
    model: FeatureModel,
    content: Float[Array | np.ndarray, "h w 3"],
    styles: Picture | Sequence[Picture],
    recipe: Recipe,
    *,
    blend: Sequence[float] | None = None,
    content_masks: Masks | None = None,
    style_masks: Masks | Sequence[Masks | None] | None = None,
    references: Mapping[str, Picture] | None = None,
    begin: Picture | None = None,
    plan: Plan = Plan(),  # noqa: B008
    once: Once = call,
) -> Objective:
    """Make the objective of one run: the losses of its recipe, with the targets of its pictures.

    Args:
        model: the feature network, a `FeatureModel`.
        content: RGB in [0, 1]; the generated picture has its size.
        styles: one RGB picture or several, of any sizes.
        recipe: losses and weights.
        blend: share of each style, at least 0; scaled to sum to 1. Equal shares by default.
        content_masks: {region: (h, w) in [0, 1]} of the generated picture: each region takes its own style.
        style_masks: the same regions of the style; for several styles a list. None in the list means that the whole
            picture serves every region; a region that a style's masks leave out takes nothing from that style.
        references: further RGB pictures by name, from which the terms with `of="name"` take their targets. Losses
            that compare maps, such as `ContentLoss`, need a picture of the content's size.
        begin: for losses that match the style with a picture (`HypercolumnMatchLoss`): the image that a pyramid's level
            begins with, plus the content's highest frequencies, of the content's size. None matches the content alone.
        plan: how the objective is computed; with `plan.rows`, targets and values a band of rows at a time.
        once: how functions of pictures are called: `call`, or a `Memo`, which makes the targets of a picture once for
            many objectives.

    Raises:
        SettingError: an unknown layer, a blend that does not fit the styles, a mask that does not fit its picture, a
            region that is empty or has no style, a reference that is missing or that no term names; `plan.rows` with
            a loss that needs the whole picture; a plan or a recipe that the network cannot follow.
        ImageError: a picture that is no array of floats, has values far outside [0, 1] (below -1 or above 2), or is
            too small for a layer.
    """
    if not isinstance(recipe, Recipe):
        raise SettingError(f"recipe: got {type(recipe).__name__}, expected a Recipe, such as presets.default()")
    check_model(model)
    model = ready(model, recipe, plan)
    picture: Array = once(_checked, content, "content")
    given = [styles] if hasattr(styles, "ndim") else list(styles)
    pictures = [once(_checked, p, f"styles[{i}]" if len(given) > 1 else "styles") for i, p in enumerate(given)]
    others = _references(recipe, references or {}, once)
    shares = blend_shares(blend, len(pictures)) if recipe.style or pictures else ()
    own, style = _named(recipe.content + recipe.prior), _named(recipe.style)
    rest = tuple(pair for _, losses in others.values() for pair in losses)
    masked = content_masks is not None or style_masks is not None
    check_matches(style, (*own, *rest), begin, picture.shape, masked)
    _check_rows(plan.rows, recipe)
    needed = {"content": (picture, (*own, *style))} | {f"styles[{i}]": (p, style) for i, p in enumerate(pictures)}
    _check_sizes(model, needed | {f"references[{name!r}]": pair for name, pair in others.items()})
    if plan.rows is not None or masked:
        _check_strides(model, picture, (*own, *style))
    targets = once(make_targets, model, picture, own, plan.rows)
    for reference, losses in others.values():
        targets = targets | once(make_targets, model, reference, losses, plan.rows)
    wrapped = tuple((name, blended(loss, recipe.blending, len(pictures))) for name, loss in style)
    if not masked:
        found = [style_targets(model, each, (picture, begin), style, plan.rows, once) for each in pictures]
        targets = targets | {n: blend_targets(loss, [each[n] for each in found], shares) for n, loss in wrapped}
    else:
        masks = content_masks, style_masks
        regions = Regions(model, picture, pictures, masks, style, propagation=recipe.propagation, rows=plan.rows)
        targets = targets | {name: regions.target(name, loss, shares) for name, loss in wrapped}
        wrapped = tuple((name, Guided(loss)) for name, loss in wrapped)
    return _assemble(model, picture, recipe, targets, (*own, *wrapped, *rest), (*own, *style, *rest), plan)


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
        shape=content.shape,
        normalized=normalized,
        rows=plan.rows,
        remat=plan.remat,
        precision=plan.matmul_precision(recipe.optimizer),
        mesh=mesh_of(content),
    )


def ready(model: Any, recipe: Recipe, plan: Plan) -> Any:
    """Return the model with the recipe's changes, prepared as the plan asks; itself if there is nothing to change.

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


def _named(terms: tuple[Term, ...]) -> Named:
    """Terms whose targets come from the content or the styles, as (name, loss)."""
    return tuple((term.name, term.loss) for term in terms if term.of is None)


def _references(recipe: Recipe, given: Mapping[str, Any], once: Once) -> dict[str, tuple[Array, Named]]:
    """Reference pictures {name: (picture, terms whose targets come from it)}."""
    terms = [term for term in (*recipe.content, *recipe.prior, *recipe.style) if term.of is not None]
    wanted = {term.of for term in terms}
    for name in sorted(wanted - given.keys(), key=str):
        known = suggest(name, given) if given else f"give make_objective references={{{name!r}: picture}}"
        raise SettingError(f"references: a term is of {name!r}, which is missing; {known}")
    for name in sorted(given.keys() - wanted):
        raise SettingError(f"references: no term is of {name!r}; write Term(loss, of={name!r}), or leave it out")
    return {
        name: (
            once(_checked, given[name], f"references[{name!r}]"),
            tuple((term.name, term.loss) for term in terms if term.of == name),
        )
        for name in given
    }


def _check_strides(model: FeatureModel, picture: Array, losses: Named) -> None:
    """Check the strides that the network tells, on which masks and bands depend."""
    layers = banded.layers_named(losses) - {INPUT}
    for layer, found in jax.eval_shape(partial(features_of, model, layers=layers), picture).items():
        check_stride(model, layer, picture.shape, found.shape)


def _check_rows(rows: int | None, recipe: Recipe) -> None:
    banded.check_additive(rows, banded.named_terms(recipe))
    if rows is not None and recipe.normalize_gradients:
        raise SettingError(
            "rows: normalize_gradients needs the norms of the whole picture's gradients; leave one of the two out"
        )


def _checked(picture: Any, name: str) -> Array:
    """Return a picture as a JAX array. Raises ImageError unless it is a (h, w, 3) array of floats, about in [0, 1]."""
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


def _check_sizes(model: FeatureModel, pictures: Mapping[str, tuple[Array, Named]]) -> None:
    """Raise a SettingError for an unknown layer, and an ImageError that names a picture which is too small."""
    for name, (picture, needed) in pictures.items():
        try:
            check_layers(model, banded.layers_named(needed), picture.shape)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from None
