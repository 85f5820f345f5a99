"""What a worker of a cluster does: it paints cells into a folder of its own, and gives back its files."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxstyle.objective.plan import Plan
from jaxstyle.sweep.cells import Cell, Stored
from jaxstyle.sweep.folder import FOLDERS, SweepFolder
from jaxstyle.sweep.painter import SweepSettings
from jaxstyle.sweep.run import paint_cells
from jaxstyle.sweep.studio import Studio

Files = dict[str, bytes]


def paint_remotely(shared: tuple, cells: list[Cell], pictures: dict[str, tuple[str, bytes]], metrics: bool) -> Files:
    """In a worker: paint cells into a folder of its own, and give back its files."""
    with tempfile.TemporaryDirectory() as place:
        given = _unpacked(pictures, Path(place))
        there = [replace(cell, job=_elsewhere(cell, given)) for cell in cells]
        folder = SweepFolder(Path(place) / "sweep")
        folder.make()
        network, plan, recipes = shared
        settings = SweepSettings("auto", tuple(jax.local_devices()), metrics, judged=tuple(recipes))
        paint_cells(there, there, folder, _studio(network, plan), settings)
        found = [path for name in FOLDERS[:3] for path in (folder.path / name).iterdir() if path.suffix != ".npy"]
        return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in found}


_STUDIOS: dict[Any, Studio] = {}


def _studio(network: Any, plan: Plan) -> Studio:
    """The studio of this worker: its compiled programs and targets serve the next task too."""
    key = getattr(network, "sha256", ""), plan
    if key not in _STUDIOS:
        _STUDIOS.clear()
        _STUDIOS[key] = Studio(network, plan)
    return _STUDIOS[key]


def _unpacked(pictures: dict[str, tuple[str, bytes]], place: Path) -> dict[str, Any]:
    """The pictures as files of their own names, each in a folder of its own."""
    found: dict[str, Any] = {}
    for key, (name, data) in pictures.items():
        path = place / "given" / key / Path(name).name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        found[key] = Stored(path.parent, path.name) if path.suffix == ".npy" else path
    return found


def _elsewhere(cell: Cell, given: dict[str, Any]) -> Any:
    """The job with the pictures that came with it."""
    content, *others = [given.get(key, source) for key, source in zip(cell.inputs, sources_of(cell), strict=True)]
    styles = tuple(others[: len(cell.job.styles)])
    return replace(
        cell.job, content=content, styles=styles, init=others[len(styles)] if others[len(styles) :] else None
    )


def pictures_of(cells: Sequence[Cell]) -> dict[str, tuple[str, bytes]]:
    """{hash: (name, file)} of all that the cells read and that can be read."""
    found = {}
    for cell in cells:
        for key, source in zip(cell.inputs, sources_of(cell), strict=True):
            path = source.path if isinstance(source, Stored) else Path(source)
            if key not in found and path.is_file():
                found[key] = path.name, path.read_bytes()
    return found


def sources_of(cell: Cell) -> list[Any]:
    """The pictures that a cell reads: content, styles, and the one it starts from, if any."""
    job = cell.job
    return [job.content, *job.styles, *([] if job.init is None else [job.init])]
