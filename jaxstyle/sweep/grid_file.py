"""Reads grid files: TOML with the runs of a sweep, and patterns of files. The file is not trusted."""

import itertools
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxstyle.errors import SettingError, suggest

MOST_CELLS = 1_000_000
MAX_BYTES = 10_000_000
_KEYS = ("contents", "styles", "combine", "axes", "cells", "model", "weights")


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the TOML table of a grid file. Raises SettingError if it cannot be read or has an unknown setting."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise SettingError(f"{path}: is no grid: longer than {MAX_BYTES} bytes")
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise SettingError(f"grid: {path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"{path}: is not TOML ({error})") from None
    for key in table.keys() - set(_KEYS):
        raise SettingError(f"{path}: unknown setting {key!r}; {suggest(key, _KEYS)}")
    return table


def runs_of(cls: Any, table: dict[str, Any], folder: Path) -> Any:
    """The grid of a file's table.

    Args:
        cls: the class `Grid`.
        table: the table that `read_toml` returned.
        folder: the folder that relative paths of pictures start from.

    Raises:
        SettingError: the table is not usable, or as for `Grid`.
    """
    axes, combine = table.get("axes", {}), table.get("combine", "product")
    if not isinstance(axes, dict) or combine not in ("product", "zip"):
        raise SettingError(
            f'grid: got combine = {combine!r}, axes = {axes!r}; expected "product" or "zip", and a table'
        )
    grid = cls._of(())
    if "contents" in table or "styles" in table:
        pictures = [_found(table.get(name), name, folder) for name in ("contents", "styles")]
        axes = {"size": 512} | axes | _with_paths(axes, folder)
        grid = cls(*pictures, **axes) if combine == "product" else cls.zipped(*pictures, **axes)
    listed: Any = table.get("cells", [])
    runs = []
    for number, run in enumerate(listed if isinstance(listed, list) else [listed]):
        if not isinstance(run, dict):
            raise SettingError(f"cells[{number}]: got {run!r}, expected a content, a style and settings")
        given = {key: _beside(run[key], folder) for key in ("content", "style") if key in run}
        settings = {key: values[0] for key, values in _with_paths(run, folder).items()}
        runs.append({"size": 512} | run | settings | given)
    return grid + cls.listed(runs)


def _found(given: Any, name: str, folder: Path) -> list[Any]:
    """The paths of pictures in a list of paths and patterns. Raises SettingError if there are none."""
    if not isinstance(given, list) or not given:
        raise SettingError(f"{name}: got {given!r}, expected a list of pictures")
    found: list[Any] = []
    for entry in given:
        if isinstance(entry, str) and any(sign in entry for sign in "*?[") and not (folder / entry).exists():
            found += _matches(entry, name, folder)
        else:
            found.append(_beside(entry, folder))
    return found


def _matches(entry: str, name: str, folder: Path) -> list[Path]:
    """The files that a pattern matches, sorted, without hidden ones. Raises SettingError if there are none."""
    at = Path(entry)
    root, pattern = (Path(at.anchor), str(at.relative_to(at.anchor))) if at.is_absolute() else (folder, entry)
    try:
        files = (path for path in root.glob(pattern) if not path.name.startswith(".") and path.is_file())
        matches = sorted(itertools.islice(files, MOST_CELLS + 1))
    except (ValueError, OSError, NotImplementedError, RecursionError) as error:  # pathlib's own are of many kinds
        raise SettingError(f"{name}: {entry!r} is no pattern of files in {root} ({error})") from None
    if len(matches) > MOST_CELLS:
        raise SettingError(f"{name}: {entry!r} finds more than {MOST_CELLS} files in {root}; make it narrower")
    if not matches:
        raise SettingError(f"{name}: no file is found for {entry!r} in {root}")
    return matches


def _beside(entry: Any, folder: Path) -> Any:
    if isinstance(entry, list):
        return [_beside(each, folder) for each in entry]
    if not isinstance(entry, str):
        raise SettingError(f"picture: got {entry!r}, expected a path")
    return folder / entry


def _with_paths(axes: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The axes "recipe" and "init" of a table, with file names made relative to the grid file's folder too.

    Each is a list of values. Values that are not the name of a recipe file or a picture stay as they are.
    """
    names = {"recipe": (".toml",), "init": (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")}

    def path(value: Any, suffixes: tuple[str, ...]) -> Any:
        return folder / value if isinstance(value, str) and Path(value).suffix.lower() in suffixes else value

    found = {}
    for name in names.keys() & axes.keys():
        values = axes[name] if isinstance(axes[name], list) else [axes[name]]
        found[name] = [path(value, names[name]) for value in values]
    return found
