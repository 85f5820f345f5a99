"""What `jaxstyle sweep` does around `run_sweep`: read the grid file, show progress, handle signals, exit codes."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.progress import Cells
from jaxstyle.cli.recorded import model_of
from jaxstyle.cli.shown import note, note_accelerator
from jaxstyle.cli.stopping import STOPPED, stopping, watching
from jaxstyle.errors import SettingError, printable
from jaxstyle.image import check_target, load_image, save_image
from jaxstyle.objective.plan import Plan
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.sweep.batch import Batch, end
from jaxstyle.sweep.cells import Cell, read_cells
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.grid import Grid
from jaxstyle.sweep.grid_file import read_toml
from jaxstyle.sweep.painter import CHECKPOINT_SECONDS, SweepProgress, SweepSettings
from jaxstyle.sweep.run import Summary, count, paint_cells, run_sweep
from jaxstyle.sweep.studio import Studio
from jaxstyle.sweep.width import program_width
from jaxstyle.weights.catalogue import default_network

if TYPE_CHECKING:
    from jaxstyle.cli.sweep import SweepCell, SweepRetry, SweepRun, SweepStatus

Callback = Callable[[SweepProgress], bool]
MANY = 5000
"""From this number of cells on, a sweep says first how many there are, because listing them takes seconds."""
NO_PICTURE = ("failed", "not finite")
"""Statuses of cells that `jaxstyle sweep retry` paints again."""
UNSOUND = (*NO_PICTURE, "no better")
"""Statuses of cells that `jaxstyle sweep status` lists, and that make the exit code 1."""


def run_grid(options: "SweepRun") -> int:
    """Paint the cells of a grid file, or go on with them, and return the exit code."""
    keep_programs()
    note_accelerator()
    grid, table = Grid.from_toml(options.grid), read_toml(options.grid)
    if not len(grid):
        raise SettingError(f"{options.grid}: has no cells; expected contents and styles, or cells")
    if len(grid) >= MANY:
        note(f"{len(grid)} cells; listing them takes a while")
    # "weights" was the earlier name of "model"
    model = options.model or table.get("model", table.get("weights")) or default_network()
    if not isinstance(model, str):
        raise SettingError(f"{options.grid}: got model = {model!r}, expected a name or a path")
    with _interruptible() as callback:
        run: Any = partial(
            run_sweep, checkpoint=CHECKPOINT_SECONDS if options.checkpoint is None else options.checkpoint
        )
        if options.ray is not None:
            if options.checkpoint is not None:
                raise SettingError("--checkpoint: with --ray nothing is saved of running cells; leave it out")
            from jaxstyle.sweep.cluster import run_on_ray

            run = partial(run_on_ray, address=options.ray)
        summary = run(
            grid,
            options.output,
            model=lambda: load_weights(model),
            batch=options.batch or "auto",
            resume=options.resume == "on",
            plan=Plan(conv=options.conv, dtype=options.dtype, precision=options.precision),
            metrics=options.metrics == "on",
            shard=_shard(options.shard),
            callback=callback,
        )
        return _tell(summary)
    return _interrupted(options.output)


def run_status(options: "SweepStatus") -> int:
    """Print how many cells have each status, and list those that failed; return 0."""
    folder = SweepFolder(options.folder)
    cells = read_cells(folder)
    counts = count(folder, [cell.id for cell in cells])
    if options.json:
        print(json.dumps({"cells": len(cells)} | counts))
        return 0
    print(f"{len(cells)} cells: " + ", ".join(f"{number} {status}" for status, number in sorted(counts.items())))
    for cell in cells:
        record = folder.record(cell.id) or {}
        if record.get("status") in UNSOUND:
            place = ", ".join(f"{name} {label}" for name, label in cell.axes.items())
            print(printable(f"{cell.id}  {record['status']}: {place}: {record.get('error')}").replace("\n", " "))
    return 0


def run_retry(options: "SweepRetry") -> int:
    """Paint the cells again that have no picture, and return the exit code."""
    keep_programs()
    folder = SweepFolder(options.folder)
    cells = read_cells(folder)
    studio = _studio(folder, options.model)
    for cell in cells:
        if (folder.record(cell.id) or {}).get("status") in NO_PICTURE:
            folder.forget(cell.id)
    with _interruptible() as callback:
        settings = SweepSettings(options.batch or "auto", tuple(jax.local_devices()), callback=callback)
        return _tell(paint_cells(cells, cells, folder, studio, settings))
    return _interrupted(options.folder)


def run_cell(options: "SweepCell") -> int:
    """Paint one cell again; return 0 if it equals the sweep's picture or there is none, else 1."""
    keep_programs()
    check_target(options.output)
    folder = SweepFolder(options.folder)
    cell = _find(read_cells(folder), options.cell)
    run = _studio(folder, options.model).run(cell.job)
    devices = jax.local_devices()[:1]
    batch = Batch([run], [run.begun()], program_width(run.levels[-1].shape, 1, devices), devices)
    for _ in batch.paint():
        pass
    result = end(run, batch.lanes[0])
    print(save_image(options.output, result.image, alpha=result.alpha, recipe=result.settings))
    record = folder.record(cell.id)
    if record is None or not record.get("image"):
        return 0
    before = load_image(folder.path / "images" / f"{cell.id}.png")
    same = np.array_equal(before, load_image(result.to_pil()))
    print(f"{cell.id}: " + ("the same, bit for bit" if same else "differs"))
    return 0 if same else 1


def _studio(folder: SweepFolder, given: str | None) -> Studio:
    table = folder.read() or {}
    model, plan = table.get("model"), table.get("plan")
    if not isinstance(model, dict) or not isinstance(plan, dict):
        raise SettingError(f"{folder.path / 'sweep.json'}: does not say with which network it was made")
    try:
        return Studio(lambda: model_of(model, given), Plan(**plan))
    except TypeError as error:
        raise SettingError(f"{folder.path / 'sweep.json'}: has no usable plan ({error})") from None


def _find(cells: list[Cell], name: str) -> Cell:
    found = [cell for cell in cells if name and cell.id.startswith(name)]
    if len(found) != 1:
        raise SettingError(f"ID: got {name!r}, which begins the id of {len(found)} cells, expected one")
    return found[0]


def _shard(given: str | None) -> tuple[int, int]:
    """Parse "3/16" as (2, 16), with the first number counted from 0; None as (0, 1)."""
    if given is None:
        return 0, 1
    k, _, n = given.partition("/")
    if not (k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n)):
        raise SettingError(f"--shard: got {given!r}, expected K/N with K from 1 to N, such as 3/16")
    return int(k) - 1, int(n)


@contextmanager
def _interruptible() -> Iterator[Callback]:
    """Context with a callback that shows progress and ends the sweep after a signal; before its first call, at once."""
    with stopping() as stop, watching(stop, Cells()) as callback:
        try:
            yield callback
        except KeyboardInterrupt:
            callback.show.close()


def _interrupted(folder: Path) -> int:
    print(f"\njaxstyle: interrupted; run the same again to go on, or `jaxstyle sweep status {folder}`", file=sys.stderr)
    return STOPPED


def _tell(summary: Summary) -> int:
    counts = ", ".join(f"{number} {status}" for status, number in sorted(summary.counts.items()))
    print(f"{summary.folder}: {counts}")
    if summary.stopped:
        return _interrupted(summary.folder)
    if {*UNSOUND} & summary.counts.keys():
        print(f"jaxstyle: `jaxstyle sweep status {summary.folder}` says what failed", file=sys.stderr)
        return 1
    return 0
