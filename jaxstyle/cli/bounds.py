"""Limits on what a picture from a stranger may ask of `jaxstyle rerun`: work, memory, and no download."""

from collections.abc import Mapping
from typing import Any

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.objective.recipe import Recipe
from jaxstyle.weights.catalogue import is_here

MOST_PIXELS = 4096
"""The longest edge, in pixels, of the result and of its style pictures."""
MOST_STEPS = 10_000
MOST_MEMORY = 200
"""The most pairs of differences that L-BFGS stores. Each pair is as large as two pictures."""
MOST_STYLES = 16
FLAG = "--trust makes it all the same"


def check_bounds(settings: Mapping[str, Any], recipe: Recipe | None, *, trust: bool) -> None:
    """Check that the settings inside a result ask for no more than a picture usually needs.

    Args:
        settings: the settings inside the result.
        recipe: the recipe among them; None if there is none.
        trust: whether to allow numbers above the limits.

    Raises:
        SettingError: a number is above its limit without `trust`, or is no whole number.
    """
    size = settings["size"]
    scale = settings.get("style_scale", 1.0)
    fast = settings.get("fast", {})
    asked = {
        "size": (size, MOST_PIXELS, "pixels"),
        "style_scale": (round(size * scale) if is_whole(size, 1) and 0 < scale < 1e9 else size, MOST_PIXELS, "pixels"),
        "style_size": (fast.get("style_size") or 1, MOST_PIXELS, "pixels"),
        "styles": (len(settings["styles"]), MOST_STYLES, "pictures"),
        "steps": (fast.get("refine", 0) if fast else recipe.steps if recipe else 0, MOST_STEPS, "steps"),
        "memory": (getattr(recipe.optimizer, "memory", 0) if recipe else 0, MOST_MEMORY, "pairs"),
    }
    for name, (got, most, unit) in asked.items():
        if not is_whole(got, 0):
            raise SettingError(f"{name}: the recipe inside asks for {got!r}, expected a whole number")
        if got > most and not trust:
            raise SettingError(f"{name}: the recipe inside asks for {got} {unit}, over {most}; {FLAG}")


def check_present(name: str, option: str, *, trust: bool) -> None:
    """Raise SettingError if a network that a picture names would have to be downloaded, unless it is trusted."""
    if not is_here(name) and not trust:
        fetch = f"get it with `jaxstyle weights fetch {name}`"
        raise SettingError(f"{option}: the result was made with {name!r}, which is not here; {fetch}, or {FLAG}")


def describe(settings: Mapping[str, Any], recipe: Recipe | None) -> str:
    """Describe in one line what will be made: size, steps, optimiser and network."""
    what = [f"{settings['size']} px"]
    if recipe is not None:
        what.append(f"{recipe.steps} steps of {recipe.optimizer.kind}")
    network = settings.get("model") or settings.get("fast", {}).get("network", {})
    return f"making again: {', '.join([*what, str(network.get('name', 'a network of its own'))])}"
