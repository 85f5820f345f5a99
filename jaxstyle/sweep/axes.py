"""The axes of a sweep, and the job at one point of them."""

import inspect
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from jaxstyle.errors import SettingError, suggest
from jaxstyle.objective.presets import PRESETS, recipe_for
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.objective.term import Term, check_weight
from jaxstyle.transfer.api import make_job
from jaxstyle.transfer.job import Job
from jaxstyle.transfer.settings import Settings
from jaxstyle.weights.catalogue import SHIPPED

_SETTINGS = tuple(entry.name for entry in fields(Settings))
AXES = ("recipe", "content_layers", "style_layers", *_SETTINGS)
"""The names of the axes besides `content` and `style`: the recipe, the layers of a preset that takes them, and every
setting of `stylize`. The name of a term, such as "gram/relu3_1", is an axis too; its values are the term's weights."""
LISTS = ("content_layers", "style_layers", "blend")
"""The axes whose values are lists themselves."""


def check_axis(name: str) -> None:
    """Raise SettingError unless `name` is an axis or looks like the name of a term."""
    if name not in AXES and "/" not in name:
        if name in ("content_masks", "style_masks"):
            raise SettingError(f"axis {name!r}: masks cannot vary in a sweep; call `stylize` for each picture")
        raise SettingError(f"axis {name!r}: is not known; {suggest(name, AXES)}")


def job_of(point: Mapping[str, Any], content: Any, styles: tuple[Any, ...], network: str) -> Job:
    """The job at a point of the axes.

    Args:
        point: {axis: value}.
        content: the content picture.
        styles: the style pictures, which are blended.
        network: the name of the network, which decides the recipe where the point has none.

    Raises:
        SettingError: a value does not fit its axis.
    """
    settings = Settings(**{name: value for name, value in point.items() if name in _SETTINGS and value is not None})
    return make_job(content, styles, _weighted(_recipe(point, network), point), settings)


def _recipe(point: Mapping[str, Any], network: str) -> Recipe:
    """The recipe of a point, with the content and style layers of the point if it has any."""
    given = point.get("recipe")
    layers = {name: tuple(point[name]) for name in ("content_layers", "style_layers") if name in point}
    if not layers:
        return given if isinstance(given, Recipe) else recipe_for(network) if given is None else load_recipe(given)
    name = given or ("embedded" if network in SHIPPED else "default")
    if name not in PRESETS or not layers.keys() <= inspect.signature(PRESETS[name]).parameters.keys():
        takes = [
            name for name, preset in PRESETS.items() if layers.keys() <= inspect.signature(preset).parameters.keys()
        ]
        raise SettingError(
            f"{', '.join(layers)}: recipe {name!r} takes none; expected a preset that does: {', '.join(takes)}"
        )
    return PRESETS[name](**layers)


def _weighted(recipe: Recipe, point: Mapping[str, Any]) -> Recipe:
    """The recipe with the term weights of the point."""
    weights = {name: value for name, value in point.items() if "/" in name}
    for name, weight in weights.items():
        check_weight(name, weight)
        if name not in recipe.weights():
            raise SettingError(f"axis {name!r}: the recipe has no such term; {suggest(name, recipe.weights())}")

    def changed(terms: tuple[Term, ...]) -> tuple[Term, ...]:
        return tuple(replace(term, weight=weights.get(term.name, term.weight)) for term in terms)

    groups: dict[str, Any] = {name: changed(getattr(recipe, name)) for name in ("content", "style", "prior")}
    return replace(recipe, **groups) if weights else recipe
