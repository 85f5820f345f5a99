"""What a sweep can vary, and what one point of it asks for."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from jaxstyle.errors import SettingError, suggest
from jaxstyle.objective.presets import PRESETS, recipe_for
from jaxstyle.objective.recipe import Init, Recipe, Term, check_weight
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.transfer.api import override
from jaxstyle.transfer.job import Job
from jaxstyle.weights.catalogue import SHIPPED

AXES = {
    "recipe": "a preset's name, a recipe file, or a Recipe",
    "content_layers": "of the preset, where it takes them",
    "style_layers": "of the preset, where it takes them",
    "steps": "instead of the recipe's",
    "style_weight": "instead of the recipe's",
    "content_weight": "instead of the recipe's",
    "tv_weight": "weight of total variation, instead of the recipe's",
    "optimizer": '"adam" or "lbfgs", instead of the recipe\'s',
    "learning_rate": "instead of the recipe's optimiser's",
    "color": "instead of the recipe's",
    "pyramid": "instead of the recipe's: false, true or a Pyramid",
    "init": '"content", "style", "noise" or a picture',
    "size": "long edge in pixels",
    "style_scale": "long edge of the styles over that of the result",
    "blend": "how much of each style, where a cell has several",
    "seed": "of the noise",
}
"""The names of axes, beside `content` and `style`; a term's name, such as "gram/relu3_1", is one too: its weight."""
LISTS = ("content_layers", "style_layers", "blend")
"""Axes whose values are lists themselves."""
_OVERRIDES = (
    "steps",
    "style_weight",
    "content_weight",
    "tv_weight",
    "optimizer",
    "learning_rate",
    "color",
    "pyramid",
)


def check_axis(name: str) -> None:
    """Raise SettingError for what is no axis."""
    if name not in AXES and "/" not in name:
        raise SettingError(f"axis {name!r}: is not known; {suggest(name, AXES)}, or a term's name for its weight")


def job_of(point: Mapping[str, Any], content: Any, styles: tuple[Any, ...], network: str) -> Job:
    """The job at a point of the axes; `network` is the name of the one that paints, which has a recipe of its own.

    Raises:
        SettingError: a value that does not fit its axis.
    """
    given = {name: point.get(name) for name in _OVERRIDES}
    init = point.get("init")
    if isinstance(init, str) and init not in get_args(Init):
        init = Path(init)
    recipe = override(_weighted(_recipe(point, network), point), **given, init=init)
    single = {name: point[name] for name in ("size", "style_scale", "seed") if name in point}
    blend = tuple(point["blend"]) if point.get("blend") is not None else None
    return Job(content, styles, recipe, init=None if isinstance(init, str) else init, blend=blend, **single)


def _recipe(point: Mapping[str, Any], network: str) -> Recipe:
    """The point's, with the layers that it asks for."""
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
