"""`jaxstyle rerun`: make a result again from what is written inside it, and compare."""

import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxstyle.cli.progress import run_progress
from jaxstyle.cli.run_stylize import stopping
from jaxstyle.errors import ImageFileError, SettingError, printable
from jaxstyle.files import refuse_overwriting
from jaxstyle.image import Picture, check_target, read_picture, read_recipe
from jaxstyle.networks.load import load_network
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.api import Progress, stylize
from jaxstyle.transfer.result import Result, fingerprint, versions
from jaxstyle.weights.catalogue import CATALOGUE, SHIPPED

if TYPE_CHECKING:
    from jaxstyle.cli.rerun import RerunCommand

    pass

EXPECTED = {
    "recipe": dict,
    "model": dict,
    "content": dict,
    "styles": list,
    "blend": list,
    "seed": int,
    "size": int,
    "style_scale": int | float,
}
"""What a result's settings must hold; they come from a file that anyone may have written."""


def run_rerun(options: "RerunCommand") -> int:
    """Run again; 0 if the pictures are the same, 1 if not, 75 when interrupted."""
    keep_programs()
    if options.output is not None:
        check_target(options.output)
        refuse_overwriting(
            options.output,
            [options.result, options.content, *options.style, options.init, options.weights, options.model],
        )
    read, make = _settings, _again
    if "fast" in read_recipe(options.result):
        from jaxstyle.cli import run_rerun_fast as again

        read, make = again.settings_of, again.make_again
    settings = read(options.result)
    content = find_input(settings["content"], options.content, options.result, "--content")
    given = options.style or (None,) * len(settings["styles"])
    if len(given) != len(settings["styles"]):
        raise SettingError(f"--style: got {len(given)} pictures, the result was made from {len(settings['styles'])}")
    pairs = zip(settings["styles"], given, strict=True)
    styles = [find_input(record, path, options.result, "--style") for record, path in pairs]
    if options.output is not None:
        refuse_overwriting(options.output, [content, *styles])
    result = make(options, settings, content, styles)
    if result.status == "stopped":
        return 75
    if options.output is not None:
        print(result.save(options.output))
    return compare(options.result, settings, result)


def _settings(path: Path) -> dict[str, Any]:
    settings = read_recipe(path)
    if not isinstance(settings.get("init_picture"), dict | None):
        raise SettingError(f"{path}: the recipe inside has no usable init_picture, so it cannot be made again")
    plan = settings.get("plan", {})
    if not isinstance(plan, dict) or not plan.keys() <= {entry.name for entry in fields(Plan)}:
        raise SettingError(f"{path}: the recipe inside has no usable plan, so it cannot be made again")
    wrong = [name for name, kind in EXPECTED.items() if not isinstance(settings.get(name), kind)]
    if wrong or not all(isinstance(style, dict) for style in settings["styles"]):
        raise SettingError(
            f"{path}: the recipe inside has no usable {', '.join(wrong) or 'styles'}; nothing to make again"
        )
    if settings.get("masks"):
        raise SettingError(f"{path}: made with masks for {', '.join(settings['masks'])}, which are not kept inside")
    return settings


def _again(options: "RerunCommand", settings: dict[str, Any], content: Path, styles: list[Path]) -> Result:
    init = settings.get("init_picture")
    if init is not None:
        init = find_input(init, options.init, options.result, "--init")
    with stopping() as stop, run_progress() as show:

        def callback(progress: Progress) -> bool:
            stop.armed = True
            show(progress)
            return stop.asked

        return stylize(
            content,
            styles,
            model=model_of(settings["model"], options.weights),
            recipe=Recipe.from_dict(settings["recipe"]),
            size=settings["size"],
            style_scale=settings["style_scale"],
            blend=settings["blend"],
            seed=settings["seed"],
            init=init,
            plan=Plan(**settings.get("plan", {})),
            callback=callback,
        )


def find_input(record: Mapping[str, Any], given: Path | None, result: Path, option: str) -> Path:
    """The file of an input: given, or of its name beside the result or here, with the pixels it had."""
    name = str(record.get("name", ""))
    places = [given] if given is not None else [folder / Path(name).name for folder in (result.parent, Path())]
    found = [place for place in places if name or given is not None if place.is_file()]
    if not found:
        raise ImageFileError(
            f"{option}: cannot find {name or 'a picture that came from no file'}; name it with {option}"
        )
    if fingerprint(read_picture(found[0], name=option)) != record.get("sha256"):
        print(f"jaxstyle: {found[0]} is not the picture that was used: its pixels differ", file=sys.stderr)
    return found[0]


def model_of(record: Mapping[str, Any], given: str | None) -> VGG:
    """The network by the name it had, where that is one that can be loaded; else as `--weights` says."""
    name = str(record.get("name", ""))
    if given is None and name not in (*SHIPPED, *(entry.name for entry in CATALOGUE)):
        raise SettingError(f"--weights: the result was made with {name or 'a network of its own'}; name its file")
    how = {key: record[key] for key in ("padding", "pooling", "ceil_mode") if key in record}
    model = load_network(given or name, **how)
    if model.sha256 != record.get("sha256"):
        print(f"jaxstyle: {model.name}: not the weights that were used: their hashes differ", file=sys.stderr)
    return model


def _pixels(picture: Picture) -> np.ndarray:
    """(h, w, 4) in [0, 1]."""
    alpha = np.ones(picture.rgb.shape[:2], np.float32) if picture.alpha is None else picture.alpha
    return np.dstack([picture.rgb, alpha])


def compare(path: Path, settings: Mapping[str, Any], result: Result) -> int:
    """Say whether the new picture is the saved one as 8-bit pixels, what is transparent in them included."""
    old, new = (_pixels(read_picture(source)) for source in (path, result.to_pil()))
    if old.shape == new.shape and np.array_equal(np.round(old * 255), np.round(new * 255)):
        print(f"{path}: the same, bit for bit")
        return 0
    size = "its size" if old.shape != new.shape else f"by up to {np.abs(old - new).max() * 255:.0f} of 255 levels"
    print(f"{path}: differs, {size}")
    if settings.get("status") != result.status:
        print(printable(f"  status: then {settings.get('status')}, now {result.status}"))
    now, then = versions(jax.default_backend()), settings.get("versions")
    then = then if isinstance(then, dict) else {}
    for name in sorted(now.keys() | then.keys()):
        if now.get(name) != then.get(name):
            print(printable(f"  {name}: then {then.get(name)}, now {now.get(name)}"))
    if path.suffix.lower() in (".jpg", ".jpeg"):
        print("  JPEG does not keep pixels exactly: save .png, .webp or .tiff to compare")
    return 1
