"""Running a sweep: cells that are not finished, in batches, each result written as soon as there is one."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from jaxstyle.errors import ImageError, JaxstyleError, SettingError, is_out_of_memory
from jaxstyle.plan import Plan
from jaxstyle.recipe import Recipe
from jaxstyle.run import Run
from jaxstyle.sweep.batch import Batch, Lane, as_arrays, begin, end, from_arrays
from jaxstyle.sweep.cells import Cell, resolve
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.grid import Grid
from jaxstyle.sweep.measure import Measures, Metric
from jaxstyle.sweep.records import write_failed, write_finished
from jaxstyle.sweep.studio import Studio
from jaxstyle.sweep.width import program_width

CHECKPOINT_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where a sweep is.

    Attributes:
        done: cells that are finished, those of earlier runs too.
        cells: all cells.
        failed: of `done`, those that have no picture.
        running: cells in the present batch, which is at `step` of `steps`.
        seconds: since the start.
    """

    done: int
    cells: int
    failed: int
    running: int
    step: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Summary:
    """What became of a sweep's cells, {status: how many}, and whether the callback ended it before all were done."""

    folder: Path
    counts: dict[str, int]
    stopped: bool

    @property
    def complete(self) -> bool:
        """Whether every cell has a picture."""
        return set(self.counts) <= {"done"}


def run_sweep(
    grid: Grid,
    out: str | os.PathLike[str],
    *,
    model: Any,
    batch: int | str = "auto",
    devices: Sequence[jax.Device] | None = None,
    resume: bool = True,
    plan: Plan = Plan(),  # noqa: B008
    metrics: bool | Mapping[str, Metric] = True,
    shard: tuple[int, int] = (0, 1),
    checkpoint: float = CHECKPOINT_SECONDS,
    callback: Callable[[Progress], bool | None] | None = None,
) -> Summary:
    """Paint every cell of a grid into a folder; cells that are finished there are left as they are.

    Cells that differ only in what a compiled program takes as a number (weights, seeds, learning rates, pictures of
    one size) run together as lanes of one program, spread over the devices. A cell's bits do not depend on the batch it
    was in, nor on the devices, as long as `width` in its record is the same. A cell that cannot be painted is recorded
    as failed, and harms no other. Two processes may work on one folder.

    Args:
        grid: the cells.
        out: the folder; made where it is missing.
        model: the network, what `load_vgg19` takes, or a function that gives one.
        batch: cells at a time; "auto" as many as run well and fit into the memory.
        devices: to spread the lanes over; all local ones by default.
        resume: go on where an earlier call ended; False refuses a folder with finished cells.
        plan: how cells are computed.
        metrics: measure every result, see `jaxstyle.metrics`; {name: function of (result, content)} adds others.
        shard: (k, n): only every n-th cell, from the k-th on: for n machines that share the folder.
        checkpoint: seconds between two savings of where the running cells are.
        callback: called with `Progress` between chunks of steps; returning True saves where they are, and ends.

    Raises:
        SettingError: a setting that does not fit; a folder of other cells, or whose pictures have changed since.
        WeightsError: the network.
    """
    check_options(grid, batch, shard)
    folder, studio = SweepFolder(out), Studio(model, plan)
    folder.make()
    cells = resolve(grid, studio, folder, resume=resume)
    settings = Settings(batch, tuple(devices or jax.local_devices()), metrics, checkpoint, callback)
    return paint_cells(cells, cells[shard[0] :: shard[1]], folder, studio, settings)


def check_options(grid: Any, batch: Any, shard: tuple[int, int]) -> None:
    """Raise SettingError for what `run_sweep` does not take."""
    if not isinstance(grid, Grid):
        raise SettingError(f"grid: got {type(grid).__name__}, expected a Grid")
    if batch != "auto" and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise SettingError(f'batch: got {batch!r}, expected "auto" or a number of cells')
    if not 0 <= shard[0] < shard[1]:
        raise SettingError(f"shard: got {shard}, expected (k, n) with 0 <= k < n")


def paint_cells(
    cells: Sequence[Cell], mine: Sequence[Cell], folder: SweepFolder, studio: Studio, settings: "Settings"
) -> Summary:
    """Paint those of `mine` that are not finished."""
    sweep = _Sweep(cells, folder, studio, settings)
    stopped = sweep.run(mine)
    folder.write_results(cell.id for cell in cells)
    return Summary(folder.path, count(folder, [cell.id for cell in cells]), stopped)


def count(folder: SweepFolder, cells: Sequence[str]) -> dict[str, int]:
    """{status: how many of the cells}, "pending" for those without a record."""
    found: dict[str, int] = {}
    for cell in cells:
        status = str((folder.record(cell) or {}).get("status", "pending"))
        found[status] = found.get(status, 0) + 1
    return found


@dataclass(frozen=True)
class Settings:
    """How a sweep is run; see `run_sweep`."""

    batch: int | str = "auto"
    devices: tuple[jax.Device, ...] = ()
    metrics: bool | Mapping[str, Metric] = True
    checkpoint: float = CHECKPOINT_SECONDS
    callback: Callable[[Progress], bool | None] | None = None
    judged: tuple[Recipe, ...] = ()  # recipes beside the cells', whose layers do not judge either


class _Sweep:
    """One call's work: which cells are where."""

    def __init__(self, cells: Sequence[Cell], folder: SweepFolder, studio: Studio, settings: Settings):
        self.folder, self.studio, self.settings = folder, studio, settings
        recipes = [*settings.judged, *(cell.job.recipe for cell in cells)]
        more = settings.metrics if isinstance(settings.metrics, Mapping) else {}
        self.measure = Measures(studio, recipes, more) if settings.metrics else None
        self.started, self.total = time.perf_counter(), len(cells)
        found = {cell.id: folder.record(cell.id) for cell in cells}
        self.statuses = {cell: str(record["status"]) for cell, record in found.items() if record is not None}
        self.checkpoints = folder.checkpoints()
        self.lanes: dict[str, Lane] = {}  # of cells that go on from where they are
        self.widths: dict[Any, int] = {}  # that were found to fit, after a program that did not

    def run(self, mine: Sequence[Cell]) -> bool:
        """Whether the callback ended it."""
        waiting = [cell for cell in mine if cell.id not in self.statuses]
        while waiting:
            groups: dict[Any, list[Cell]] = {}
            for cell in waiting:
                try:
                    groups.setdefault((self.studio.structure(cell.job), *self._at(cell)), []).append(cell)
                except ImageError as error:
                    self._fail(cell, error)
            again: list[Cell] = []
            for (structure, *_), group in groups.items():
                if self._paint(structure, group, again):
                    return True
            waiting = again
        return False

    def _paint(self, structure: Any, group: list[Cell], again: list[Cell]) -> bool:
        """Paint cells of one structure and place, batch by batch; those to be done again are put into `again`."""
        rest = list(group)
        while rest:
            width = self._width(structure, group)
            most = width * len(self.settings.devices)
            most = most if self.settings.batch == "auto" else min(most, int(self.settings.batch))
            with self._claimed(rest, most) as batch:
                try:
                    stopped = self._batch(batch, width)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                    self._smaller(structure, width, batch, error, again)
                    continue
                if stopped:
                    return True
        return False

    def _smaller(self, structure: Any, width: int, batch: list[Cell], error: Exception, again: list[Cell]) -> None:
        """After an allocator refused."""
        if width == 1:
            for cell in batch:
                self._fail(cell, error)
            return
        self.widths[structure] = width // 2
        log.warning("out of memory; going on with %d cells at a time on each device", width // 2)
        again += batch

    def _width(self, structure: Any, group: Sequence[Cell]) -> int:
        if structure not in self.widths:
            run = self.studio.run(group[0].job)
            self.widths[structure] = program_width(run.levels[-1].shape, len(group), self.settings.devices)
        return self.widths[structure]

    @contextmanager
    def _claimed(self, rest: list[Cell], most: int) -> Iterator[list[Cell]]:
        """The next cells that no other process has or has finished, taken from `rest`."""
        held: dict[str, int] = {}
        batch: list[Cell] = []
        try:
            while rest and len(batch) < most:
                cell = rest.pop(0)
                handle = self.folder.claim(cell.id)
                if handle is None:
                    continue
                held[cell.id] = handle
                record = self.folder.record(cell.id)  # another may have finished it in the meantime
                if record is None:
                    batch.append(cell)
                else:
                    self.statuses[cell.id] = str(record["status"])
            yield batch
        finally:
            self.folder.clear([cell for cell in held if cell in self.statuses])
            for handle in held.values():
                self.folder.release(handle)

    def _batch(self, cells: list[Cell], width: int) -> bool:
        """Paint a batch; whether the callback ended it, and where its cells are is saved."""
        started, prepared = time.perf_counter(), self._prepared(cells)
        cells, runs = list(prepared), list(prepared.values())
        lanes = [self._lane(cell, run) for cell, run in prepared.items()]
        if not cells:
            return False
        batch = Batch(runs, lanes, width, self.settings.devices)
        saved, steps = started, sum(level.steps for level in runs[0].levels)
        try:
            for level, step in batch.paint():
                done = sum(each.steps for each in runs[0].levels[:level]) + step
                if self._ended(len(cells), done, steps) and done < steps:
                    self._save(cells, batch)
                    return True
                if time.perf_counter() - saved > self.settings.checkpoint:
                    self._save(cells, batch)
                    saved = time.perf_counter()
        except Exception:
            self.lanes |= {cell.id: lane for cell, lane in zip(cells, batch.lanes, strict=True) if any(lane.infos)}
            raise
        self._finish(cells, batch, (time.perf_counter() - started) / len(cells))
        return self._ended(0, 0, 0)

    def _prepared(self, cells: list[Cell]) -> dict[Cell, Run]:
        """The runs of those whose pictures can still be read."""
        found = {}
        for cell in cells:
            try:
                found[cell] = self.studio.run(cell.job)
            except JaxstyleError as error:
                self._fail(cell, error)
        return found

    def _finish(self, cells: list[Cell], batch: Batch, seconds: float) -> None:
        how = {"lanes": len(cells), "width": batch.width, "devices": len(batch.devices)}
        about: dict[str, Any] = {"seconds": round(seconds, 3), "batch": how}
        results = {i: end(run, batch.lanes[i]) for i, run in enumerate(batch.runs) if i not in batch.failed}
        pairs = {i: (batch.runs[i], result) for i, result in results.items()}
        measured = self.measure(pairs, batch.width) if self.measure else {}
        for i, cell in enumerate(cells):
            if i in batch.failed:
                self._fail(cell, batch.failed[i])
                continue
            write_finished(self.folder, cell, batch.runs[i], results[i], about | {"metrics": measured.get(i, {})})
            self.statuses[cell.id] = results[i].status
            self.lanes.pop(cell.id, None)

    def _ended(self, running: int, step: int, steps: int) -> bool:
        """Report; whether the callback wants no more."""
        if self.settings.callback is None:
            return False
        failed = sum(status == "failed" for status in self.statuses.values())
        seconds = time.perf_counter() - self.started
        progress = Progress(len(self.statuses), self.total, failed, running, step, steps, seconds)
        return bool(self.settings.callback(progress))

    def _fail(self, cell: Cell, error: Exception) -> None:
        write_failed(self.folder, cell, error)
        self.statuses[cell.id] = "failed"

    def _save(self, cells: list[Cell], batch: Batch) -> None:
        self.folder.save_checkpoint({c.id: as_arrays(at) for c, at in zip(cells, batch.lanes, strict=True)})

    def _at(self, cell: Cell) -> tuple[int, int, bool]:
        """(level, step, whether it is finite): cells that run together are at the same."""
        if cell.id not in self.lanes and cell.id not in self.checkpoints:
            return 0, 0, True
        lane = self._lane(cell, self.studio.run(cell.job))
        return (*lane.at, bool(lane.state.finite))

    def _lane(self, cell: Cell, run: Run) -> Lane:
        """Where a cell is: as it was in this process, as a checkpoint says, or at its beginning."""
        if cell.id in self.lanes:
            return self.lanes[cell.id]
        path = self.checkpoints.get(cell.id)
        arrays = None if path is None else self.folder.load_checkpoint(path, cell.id)
        if arrays is not None:
            try:
                return from_arrays(run, arrays)
            except (KeyError, ValueError, TypeError) as error:
                log.warning("%s: does not fit cell %s (%s), which begins again", path, cell.id, error)
        return begin(run)
