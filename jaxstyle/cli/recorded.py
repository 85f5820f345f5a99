"""Reads the settings inside a result, and makes it again from them. Anyone may have written such a file."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jaxstyle.cli.bounds import check_bounds, check_present, describe
from jaxstyle.cli.shown import note
from jaxstyle.cli.stopping import stopping, watching
from jaxstyle.errors import ImageFileError, SettingError, printable
from jaxstyle.image import read_picture, read_recipe
from jaxstyle.networks.load import load_network
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.transfer.api import stylize
from jaxstyle.transfer.result import Result, fingerprint
from jaxstyle.weights.catalogue import CATALOGUE, SHIPPED

if TYPE_CHECKING:
    from jaxstyle.cli.rerun import FromRecord

EXPECTED = {
    "recipe": dict,
    "model": dict,
    "content": dict | None,
    "styles": list,
    "blend": list,
    "seed": int,
    "size": int,
    "style_scale": int | float,
}
"""Types of the settings that a result must hold. They are checked because anyone may have written the file."""


def check_asked(options: "FromRecord", settings: dict[str, Any]) -> None:
    """Print in one line what the settings inside a result ask for.

    Raises:
        SettingError: they ask for too much, or for a network to be downloaded, and --trust is not given.
    """
    recipe = Recipe.from_dict(settings["recipe"]) if isinstance(settings.get("recipe"), dict) else None
    check_bounds(settings, recipe, trust=options.trust)
    fast = settings.get("fast", {})
    option = "refine_model" if fast else "model"
    if getattr(options, option, None) is None and "model" in settings:
        name = str(settings["model"].get("name", ""))
        check_present(name, "--" + option.replace("_", "-"), trust=options.trust)
    if options.model is None and fast.get("network", {}).get("name") == "magenta":
        for part in ("magenta-predict", "magenta-transfer"):
            check_present(part, "--model", trust=options.trust)
    note(printable(describe(settings, recipe)))


def settings_of(path: Path) -> dict[str, Any]:
    """Read the settings inside a result of `stylize`.

    Raises:
        SettingError: they are not enough to make the result again. ImageError: the file has no usable recipe.
    """
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
    """Whether a setting is of a type; True and False do not count as numbers."""
    return isinstance(value, kind) and not isinstance(value, bool)


def make_again(
    options: "FromRecord", settings: dict[str, Any], content: Path | None, styles: list[Path], **more: Any
) -> Result:
    """Paint a result of `stylize` again by the settings inside it; `more` are further arguments of `stylize`."""
    init = settings.get("init_picture")
    if init is not None:
        (init,) = find_inputs([(init, options.init, "--init")], options)
    with stopping() as stop, watching(stop) as callback:
        return stylize(
            content,
            styles,
            model=model_of(settings["model"], options.model),
            recipe=Recipe.from_dict(settings["recipe"]),
            size=settings["size"],
            style_scale=settings["style_scale"],
            blend=settings["blend"],
            seed=settings["seed"],
            init=init,
            plan=Plan(**settings.get("plan", {})),
            callback=callback,
            **more,
        )


def find_pictures(options: "FromRecord", settings: dict[str, Any]) -> tuple[Path | None, list[Path]]:
    """Find the content of a result (None if it had none), and its styles.

    Raises:
        SettingError: --style gives another number of pictures than the result has. ImageFileError: as `find_inputs`.
    """
    given = options.style or (None,) * len(settings["styles"])
    if len(given) != len(settings["styles"]):
        raise SettingError(f"--style: got {len(given)} pictures, the result was made from {len(settings['styles'])}")
    pairs = list(zip(settings["styles"], given, strict=True))
    wanted = [(*pair, "--style") for pair in pairs]
    if settings["content"] is None:
        return None, find_inputs(wanted, options)
    content, *styles = find_inputs([(settings["content"], options.content, "--content"), *wanted], options)
    return content, styles


Wanted = tuple[Mapping[str, Any], Path | None, str]
"""What a result records of an input, the file that was given for it or None, and the option to give one."""


def find_inputs(wanted: list[Wanted], options: "FromRecord") -> list[Path]:
    """Find the files of inputs, and warn of those whose pixels are not the recorded ones.

    A file that was given is taken. Otherwise the recorded path, then the name alone, is looked for beside the result,
    in the current folder and in --look-in.

    Raises:
        ImageFileError: files are missing. The message names all of them, and the folders that were looked in.
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
    """Yield the paths where an input may be: first its recorded path in each folder, then its name alone."""
    for key in ("path", "name"):
        relative = PurePosixPath(str(record.get(key) or ""))
        if relative.name and not relative.is_absolute() and ".." not in relative.parts:
            yield from (folder / relative for folder in folders)


def _is_file(path: Path) -> bool:
    """Whether there is such a file; False also for names that no file can have."""
    with suppress(OSError, ValueError):
        return path.is_file()
    return False


def _compare_pixels(place: Path, record: Mapping[str, Any], option: str) -> None:
    if fingerprint(read_picture(place, name=option)) != record.get("sha256"):
        print(f"jaxstyle: {place} is not the picture that was used: its pixels differ", file=sys.stderr)


def model_of(record: Mapping[str, Any], given: str | None, option: str = "--model") -> VGG:
    """Load the feature network of a result: `given` by an option, else by its recorded name; warn if the hashes differ.

    Raises:
        SettingError: no network can be loaded by the recorded name, and none is given.
    """
    name = str(record.get("name", ""))
    if given is None and name not in (*SHIPPED, *(entry.name for entry in CATALOGUE)):
        raise SettingError(f"{option}: the result was made with {name or 'a network of its own'}; name its file")
    how = {key: record[key] for key in ("padding", "pooling", "ceil_mode") if key in record}
    model = load_network(given or name, **how)
    if model.sha256 != record.get("sha256"):
        print(f"jaxstyle: {model.name}: not the weights that were used: their hashes differ", file=sys.stderr)
    return model
