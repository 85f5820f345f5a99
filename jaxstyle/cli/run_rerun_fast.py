"""What `jaxstyle rerun` does for a fast result in place of `recorded`: read its settings, and make it again."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxstyle.cli.recorded import model_of
from jaxstyle.cli.stopping import stopping, watching
from jaxstyle.errors import SettingError
from jaxstyle.feedforward.fast import stylize_fast
from jaxstyle.feedforward.load import NAMES, describe_network, load_fast
from jaxstyle.feedforward.model import FastModel
from jaxstyle.image import read_recipe
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.transfer.result import Result

if TYPE_CHECKING:
    from jaxstyle.cli.rerun import RerunCommand

EXPECTED = {"fast": dict, "content": dict, "styles": list, "blend": list, "size": int}
OF_FAST = {"network": dict, "strength": int | float, "style_size": int | None, "color": str}
OF_REFINING = {"recipe": dict, "model": dict, "plan": dict}
"""Types of the settings that a result must hold: at the top, under "fast", and more at the top if it was refined."""


def settings_of(path: Path) -> dict[str, Any]:
    """Read the settings inside a fast result.

    Raises:
        SettingError: they are not enough to make the result again. ImageError: the file has no usable recipe.
    """
    settings = read_recipe(path)
    wrong = [name for name, kind in EXPECTED.items() if not isinstance(settings.get(name), kind)]
    if not wrong:
        wrong += [name for name, kind in OF_FAST.items() if not isinstance(settings["fast"].get(name), kind)]
    if not wrong and settings["fast"].get("refine"):
        wrong += [name for name, kind in OF_REFINING.items() if not isinstance(settings.get(name), kind)]
    if not wrong and settings["fast"].get("refine") and not settings["plan"].keys() <= _PLAN:
        wrong.append("plan")
    if not wrong and not all(isinstance(share, int | float) for share in settings["blend"]):
        wrong.append("blend")
    if wrong or not all(isinstance(style, dict) for style in settings["styles"]):
        raise SettingError(
            f"{path}: the recipe inside has no usable {', '.join(wrong) or 'styles'}; nothing to make again"
        )
    if settings.get("masks"):
        raise SettingError(f"{path}: made with masks, which are not kept inside, so it cannot be made again")
    if not isinstance(settings["fast"].get("refine", 0), int):
        raise SettingError(f"{path}: the recipe inside has no usable refine; nothing to make again")
    return settings


def make_again(options: "RerunCommand", settings: dict[str, Any], content: Path, styles: list[Path]) -> Result:
    """Paint a fast result again by the settings inside it."""
    fast = settings["fast"]
    with stopping() as stop, watching(stop) as callback:
        return stylize_fast(
            content,
            styles or None,
            model=network_of(fast["network"], options.model, options.result),
            size=settings["size"],
            style_size=fast["style_size"],
            strength=fast["strength"],
            blend=settings["blend"] or None,
            color=fast["color"],
            callback=callback,
            **_refining(options, settings),
        )


def _refining(options: "RerunCommand", settings: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `stylize_fast` for the refinement; empty if the result was not refined."""
    if not settings["fast"].get("refine"):
        return {}
    return {
        "refine": settings["fast"]["refine"],
        "refine_model": model_of(settings["model"], options.refine_model, "--refine-model"),
        "recipe": Recipe.from_dict(settings["recipe"]),
        "plan": Plan(**settings["plan"]),
    }


def network_of(record: dict[str, Any], given: str | None, result: Path) -> FastModel:
    """Load the fast network of a result, and warn if its numbers are not the recorded ones.

    A file that was given is taken; else the recorded name, or a file of that name beside the result or in the current
    folder.

    Raises:
        SettingError: there is no such network, and none is given.
    """
    name = str(record.get("name", ""))
    files = [folder / f"{Path(name).name}{suffix}" for folder in (result.parent, Path()) for suffix in _SUFFIXES]
    found = [given] if given is not None else [*([name] if name in NAMES else []), *filter(Path.is_file, files)]
    if not found:
        raise SettingError(f"--model: the result was made with the fast network {name!r}; name its file")
    network = load_fast(found[0])
    if describe_network(network)["sha256"] != record.get("sha256"):
        print(f"jaxstyle: {found[0]}: not the network that was used: its numbers differ", file=sys.stderr)
    return network


_SUFFIXES = (".safetensors", ".npz")
_PLAN = {entry.name for entry in fields(Plan)}
