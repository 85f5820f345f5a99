"""The task of a worker of a Ray cluster: paint cells into a temporary folder, and return the files."""

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
    """Paint cells in a worker, in a temporary folder, and return the files {name: bytes}.

    Args:
        shared: (network, plan, recipes of all cells of the sweep).
        cells: the cells to paint.
        pictures: {hash: (file name, bytes)} of the pictures that the cells read, from `pictures_of`.
        metrics: whether the results are measured.
    """
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
    """The studio of this worker, kept from task to task with its targets and compiled programs."""
    key = getattr(network, "sha256", ""), plan
    if key not in _STUDIOS:
        _STUDIOS.clear()
        _STUDIOS[key] = Studio(network, plan)
    return _STUDIOS[key]


def _unpacked(pictures: dict[str, tuple[str, bytes]], place: Path) -> dict[str, Any]:
    """Write each picture as a file with its own name, in a folder of its own; return {hash: what to read it from}."""
    found: dict[str, Any] = {}
    for key, (name, data) in pictures.items():
        path = place / "given" / key / Path(name).name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        found[key] = Stored(path.parent, path.name) if path.suffix == ".npy" else path
    return found


def _elsewhere(cell: Cell, given: dict[str, Any]) -> Any:
    """The job of a cell, with its pictures replaced by the copies on this worker."""
    content, *others = [given.get(key, source) for key, source in zip(cell.inputs, sources_of(cell), strict=True)]
    styles = tuple(others[: len(cell.job.styles)])
    return replace(
        cell.job, content=content, styles=styles, init=others[len(styles)] if others[len(styles) :] else None
    )


def pictures_of(cells: Sequence[Cell]) -> dict[str, tuple[str, bytes]]:
    """{hash: (file name, bytes)} of all pictures that the cells read, without missing files."""
    found = {}
    for cell in cells:
        for key, source in zip(cell.inputs, sources_of(cell), strict=True):
            path = source.path if isinstance(source, Stored) else Path(source)
            if key not in found and path.is_file():
                found[key] = path.name, path.read_bytes()
    return found


def sources_of(cell: Cell) -> list[Any]:
    """The pictures that a cell reads: the content, the styles, and the picture that it starts from, if any."""
    job = cell.job
    return [job.content, *job.styles, *([] if job.init is None else [job.init])]
