"""The cells of a sweep: what each is made of, its id, and how all of them are written to and read from `sweep.json`."""

import hashlib
import io
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxstyle.errors import SettingError
from jaxstyle.files import open_inside
from jaxstyle.image import read_picture
from jaxstyle.objective.recipe import Recipe
from jaxstyle.sweep.axes import job_of
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.grid import Grid
from jaxstyle.sweep.studio import Studio
from jaxstyle.sweep.table import FORMAT
from jaxstyle.transfer.job import Job
from jaxstyle.transfer.result import versions
from jaxstyle.transfer.state_file import read_npy

log = logging.getLogger(__name__)

_JOB = ("size", "style_scale", "seed", "blend")


@dataclass(frozen=True, eq=False)
class Cell:
    """One run of a sweep.

    Attributes:
        id: a hash of everything that determines its pixels: settings, network, and the files of its pictures.
        axes: {axis: label}, its place in the grid.
        job: the pictures and settings of the run.
        inputs: hashes of the content, of the styles and, if the run starts from a picture, of that picture.
    """

    id: str
    axes: dict[str, Any]
    job: Job = field(repr=False)
    inputs: tuple[str, ...] = ()


class Sources:
    """The pictures that a sweep reads, by the hashes of their files; arrays are stored as files in the folder."""

    def __init__(self, folder: SweepFolder):
        self.folder = folder
        self.table: dict[str, dict[str, str]] = {}
        self._keys: dict[Any, str] = {}

    def add(self, source: Any) -> tuple[str, Any]:
        """Register a picture; return its hash and what to read it from.

        An array is written into the folder. A file that cannot be read is registered too, by the hash of its path.
        """
        at = str(Path(source).absolute()) if isinstance(source, str | os.PathLike) else id(source)
        if at not in self._keys:
            self._keys[at] = self._add_file(Path(source)) if isinstance(at, str) else self._add_array(source)
        key = self._keys[at]
        return key, self.source(self.table[key])

    def source(self, entry: Mapping[str, str]) -> Any:
        """The picture of an entry of the table, in a form that `stylize` accepts."""
        if "array" in entry:
            return Stored(self.folder.path, f"inputs/{Path(entry['array']).name}")
        return Path(entry["path"])

    def _add_file(self, path: Path) -> str:
        key = _of_text(str(path.absolute()))
        if path.is_file():  # reading a pipe could block for ever
            with suppress(OSError), path.open("rb") as file:
                key = hashlib.file_digest(file, "sha256").hexdigest()
        self.table[key] = {"name": path.name, "path": str(path.absolute())}
        return key

    def _add_array(self, source: Any) -> str:
        picture = read_picture(source)
        parts = [picture.rgb] if picture.alpha is None else [picture.rgb, picture.alpha[..., None]]
        buffer = io.BytesIO()
        np.save(buffer, np.concatenate(parts, -1))
        key = hashlib.sha256(buffer.getvalue()).hexdigest()
        self.folder.write(f"inputs/{key}.npy", buffer.getvalue())
        self.table[key] = {"name": "", "array": f"{key}.npy"}
        return key


@dataclass(frozen=True)
class Stored:
    """An array that is stored as the file `name` in a sweep's folder; `read_picture` reads it like any array."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / self.name

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with os.fdopen(open_inside(self.folder, self.name), "rb") as file:
            return read_npy(file, os.fstat(file.fileno()).st_size)


def resolve(grid: Grid, studio: Studio, folder: SweepFolder, *, resume: bool = True) -> list[Cell]:
    """Make the cells of a grid, and add them to the `sweep.json` of the folder.

    Raises:
        SettingError: settings are not usable; the folder was made with another network or plan; its pictures have
            changed; or it has finished cells and `resume` is False.
    """
    sources, recipes = Sources(folder), {}
    cells: dict[str, tuple[Cell, dict[str, Any]]] = {}
    for point in grid.points:
        job = job_of(point.axes, point.content, point.styles, studio.name)
        cell, entry = _cell(job, point.labels, studio, sources)
        recipes[entry["recipe"]] = job.recipe.to_dict()
        twin = cells.get(cell.id)
        if twin is not None and twin[0].axes != cell.axes:  # the same pixels at another place: files of equal bytes
            name = _digest([cell.id, cell.axes])
            cell, entry = replace(cell, id=name), entry | {"id": name}
        cells.setdefault(cell.id, (cell, entry))
    if len(cells) < len(grid):
        log.warning("%d of %d cells are asked for twice, and painted once", len(grid) - len(cells), len(grid))
    names = dict.fromkeys(name for cell, _ in cells.values() for name in cell.axes)
    axes = {name: _once(cell.axes[name] for cell, _ in cells.values() if name in cell.axes) for name in names}
    made = {"model": studio.described, "plan": asdict(studio.plan)}
    table = made | {"axes": axes, "inputs": sources.table, "recipes": recipes}
    _write(folder, table | {"cells": [entry for _, entry in cells.values()]})
    if not resume and any(folder.record(cell) for cell in cells):
        raise SettingError(f"{folder.path}: has finished cells; resume=True goes on, or give another folder")
    return [cell for cell, _ in cells.values()]


def read_cells(folder: SweepFolder) -> list[Cell]:
    """Read the cells of a folder. Raises SettingError if it is not a sweep, or not a usable one."""
    table = folder.read()
    if table is None:
        raise SettingError(f"{folder.path}: is no sweep: it has no sweep.json")
    sources = Sources(folder)
    inputs = {key: sources.source(entry) for key, entry in table["inputs"].items()}
    recipes = {key: Recipe.from_dict(recipe) for key, recipe in table["recipes"].items()}
    return [_read_cell(entry, inputs, recipes) for entry in table["cells"]]


def _cell(job: Job, labels: dict[str, Any], studio: Studio, sources: Sources) -> tuple[Cell, dict[str, Any]]:
    content, *styles = (sources.add(source) for source in (job.content, *job.styles))
    init = None if job.init is None else sources.add(job.init)
    keys = (content[0], *(key for key, _ in styles), *((init[0],) if init else ()))
    recipe = job.recipe.to_dict()
    entry: dict[str, Any] = {
        "content": content[0],
        "styles": [key for key, _ in styles],
        "recipe": _digest(recipe),
        "size": job.size,
        "style_scale": float(job.style_scale) if isinstance(job.style_scale, int) else job.style_scale,
        "seed": job.seed,
        "blend": None if job.blend is None else list(job.blend),
        "init": None if init is None else init[0],
    }
    how: dict[str, str] = {"conv": studio.plan.conv, "dtype": studio.plan.dtype}
    if studio.plan.precision != "auto":  # else the names of cells would be others than before there was this setting
        how["precision"] = studio.plan.precision
    identity = entry | {"model": studio.described, "plan": how}
    name = _digest(identity)
    settings = {key: getattr(job, key) for key in _JOB}
    read = Job(
        content[1], tuple(at for _, at in styles), job.recipe, init=None if init is None else init[1], **settings
    )
    return Cell(name, labels, read, keys), {"id": name, "axes": labels} | entry


def _read_cell(entry: Mapping[str, Any], inputs: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> Cell:
    styles, init = tuple(inputs[key] for key in entry["styles"]), entry["init"]
    settings = {key: entry[key] for key in _JOB}
    init_source = None if init is None else inputs[init]
    job = Job(inputs[entry["content"]], styles, recipes[entry["recipe"]], init=init_source, **settings)
    return Cell(entry["id"], entry["axes"], job, (entry["content"], *entry["styles"], *((init,) if init else ())))


def _write(folder: SweepFolder, new: dict[str, Any]) -> None:
    """Merge a sweep's table into the folder's `sweep.json`, under a lock, so that processes write one after another."""
    with folder.locked("sweep", wait=True):
        old = folder.read()
        if old is None:
            old = {"format": FORMAT, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
            old["versions"] = versions(jax.default_backend())
        else:
            _check_same(folder, old, new)
        ids = {entry["id"] for entry in new["cells"]}
        cells = [*(entry for entry in old.get("cells", []) if entry["id"] not in ids), *new["cells"]]
        axes = old.get("axes", {})
        for name, labels in new["axes"].items():
            axes[name] = _once([*axes.get(name, []), *labels])
        merged = {key: old.get(key, {}) | new[key] for key in ("inputs", "recipes")}
        folder.write("sweep.json", json.dumps(old | new | merged | {"axes": axes, "cells": cells}))


def _check_same(folder: SweepFolder, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name in ("model", "plan"):
        if old.get(name) != new[name]:
            raise SettingError(
                f"{folder.path}: was made with {name} {old.get(name)}, not {new[name]}; use another folder"
            )
    then = {entry.get("path"): key for key, entry in old.get("inputs", {}).items() if "path" in entry}
    now = {entry.get("path"): key for key, entry in new["inputs"].items() if "path" in entry}
    changed = sorted(path for path in then.keys() & now.keys() if then[path] != now[path])
    if changed:
        named = ", ".join(changed[:3]) + (" and others" if changed[3:] else "")
        raise SettingError(f"{folder.path}: {named} changed since the sweep began; put it back, or use another folder")


def _once(labels: Iterable[Any]) -> list[Any]:
    """The labels without repetitions. They are compared by their JSON texts, because lists are not hashable."""
    return list({json.dumps(label): label for label in labels}.values())


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
