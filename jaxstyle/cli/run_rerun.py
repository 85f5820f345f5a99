"""`jaxstyle rerun`: make a result again from what is written inside it, and compare."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxstyle.cli.bounds import check_bounds, check_present, describe
from jaxstyle.cli.shown import note
from jaxstyle.cli.stopping import STOPPED, stopping, watching
from jaxstyle.errors import ImageFileError, SettingError, printable
from jaxstyle.files import refuse_overwriting
from jaxstyle.image import Picture, check_fits, check_target, read_picture, read_recipe
from jaxstyle.networks.load import load_network
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.api import stylize
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
    _check_asked(options, settings)
    given = options.style or (None,) * len(settings["styles"])
    if len(given) != len(settings["styles"]):
        raise SettingError(f"--style: got {len(given)} pictures, the result was made from {len(settings['styles'])}")
    pairs = list(zip(settings["styles"], given, strict=True))
    wanted = [(settings["content"], options.content, "--content"), *((*pair, "--style") for pair in pairs)]
    content, *styles = find_inputs(wanted, options)
    if options.output is not None:
        refuse_overwriting(options.output, [content, *styles])
        check_fits(options.output, read_picture(options.result).rgb.shape)
    result = make(options, settings, content, styles)
    if result.status == "stopped":
        return STOPPED
    if options.output is not None:
        print(result.save(options.output))
    return compare(options.result, settings, result)


def _check_asked(options: "RerunCommand", settings: dict[str, Any]) -> None:
    """Say what will be made; SettingError where it is too much, or would be downloaded."""
    recipe = Recipe.from_dict(settings["recipe"]) if isinstance(settings.get("recipe"), dict) else None
    check_bounds(settings, recipe, trust=options.trust)
    if options.weights is None and "model" in settings:
        check_present(str(settings["model"].get("name", "")), "--weights", trust=options.trust)
    if options.model is None and settings.get("fast", {}).get("network", {}).get("name") == "magenta":
        for part in ("magenta-predict", "magenta-transfer"):
            check_present(part, "--model", trust=options.trust)
    note(printable(describe(settings, recipe)))


def _settings(path: Path) -> dict[str, Any]:
    settings = read_recipe(path)
    if not isinstance(settings.get("init_picture"), dict | None):
        raise SettingError(f"{path}: the recipe inside has no usable init_picture, so it cannot be made again")
    plan = settings.get("plan", {})
    if not isinstance(plan, dict) or not plan.keys() <= {entry.name for entry in fields(Plan)}:
        raise SettingError(f"{path}: the recipe inside has no usable plan, so it cannot be made again")
    wrong = [name for name, kind in EXPECTED.items() if not _is(settings.get(name), kind)]
    if wrong or not all(isinstance(style, dict) for style in settings["styles"]):
        raise SettingError(
            f"{path}: the recipe inside has no usable {', '.join(wrong) or 'styles'}; nothing to make again"
        )
    if settings.get("masks"):
        names = ", ".join(map(str, settings["masks"])) if isinstance(settings["masks"], list) else settings["masks"]
        raise SettingError(f"{path}: made with masks for {names}, which are not kept inside")
    return settings


def _is(value: Any, kind: Any) -> bool:
    """Whether a setting is of a type; True and False are no numbers."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _again(options: "RerunCommand", settings: dict[str, Any], content: Path, styles: list[Path]) -> Result:
    init = settings.get("init_picture")
    if init is not None:
        (init,) = find_inputs([(init, options.init, "--init")], options)
    with stopping() as stop, watching(stop) as callback:
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


Wanted = tuple[Mapping[str, Any], Path | None, str]
"""What is remembered of an input, the file that was given for it, and the option to give one."""


def find_inputs(wanted: list[Wanted], options: "RerunCommand") -> list[Path]:
    """The files of inputs: given, or of their paths or names beside the result, here, or in --look-in.

    Raises:
        ImageFileError: some are nowhere, all of which are named with the places that were looked at.
    """
    folders = [options.result.parent, Path(), *([] if options.look_in is None else [options.look_in])]
    found, missing = [], []
    for record, given, option in wanted:
        place = next(filter(_is_file, [given] if given is not None else _places(record, folders)), None)
        if place is None:
            name = record.get("name") or "a picture that came from no file"
            missing.append(f"{given or name} (name it with {option})")
        else:
            found.append(place)
            _compare_pixels(place, record, option)
    if missing:
        looked = ", ".join(dict.fromkeys(str(folder.resolve()) for folder in folders))
        raise ImageFileError(f"cannot find {', '.join(missing)}; looked in {looked}; --look-in names another folder")
    return found


def _places(record: Mapping[str, Any], folders: list[Path]) -> Iterator[Path]:
    """Where an input may be: by its path first, then by its name alone."""
    for key in ("path", "name"):
        relative = PurePosixPath(str(record.get(key) or ""))
        if relative.name and not relative.is_absolute() and ".." not in relative.parts:
            yield from (folder / relative for folder in folders)


def _is_file(path: Path) -> bool:
    """Whether there is a file; also of names that no file can have."""
    with suppress(OSError, ValueError):
        return path.is_file()
    return False


def _compare_pixels(place: Path, record: Mapping[str, Any], option: str) -> None:
    if fingerprint(read_picture(place, name=option)) != record.get("sha256"):
        print(f"jaxstyle: {place} is not the picture that was used: its pixels differ", file=sys.stderr)


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
