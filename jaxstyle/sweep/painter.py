"""Paints cells: groups those that one program can run into batches, and writes each result as soon as it is there."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax

from jaxstyle.errors import JaxstyleError, is_out_of_memory
from jaxstyle.objective.recipe import Recipe
from jaxstyle.sweep.batch import Batch, end
from jaxstyle.sweep.cells import Cell
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.measure import Measures, Metric
from jaxstyle.sweep.records import write_failed, write_finished
from jaxstyle.sweep.studio import Studio
from jaxstyle.sweep.width import program_width
from jaxstyle.transfer.memory import go_on_smaller
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.run import Run
from jaxstyle.transfer.state_file import as_arrays, from_arrays

CHECKPOINT_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepProgress:
    """The progress of a sweep.

    On a Ray cluster `running` counts the cells of all tasks; `step`, `steps` and `seconds` are 0.

    Attributes:
        done: the number of finished cells, including those of earlier runs.
        cells: the number of all cells.
        failed: the number of cells among `done` that have no picture.
        running: the number of cells in the current batch, which is at `step` of `steps`.
        seconds: seconds since the start.
    """

    done: int
    cells: int
    failed: int
    running: int
    step: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class SweepSettings:
    """Settings of how a sweep is run. They are arguments of `run_sweep`, whose docstring explains them."""

    batch: int | str = "auto"
    devices: tuple[jax.Device, ...] = ()
    metrics: bool | Mapping[str, Metric] = True
    checkpoint: float = CHECKPOINT_SECONDS
    callback: Callable[[SweepProgress], bool | None] | None = None
    judged: tuple[Recipe, ...] = ()  # further recipes whose layers the metrics must not use


class CellPainter:
    """Paints cells batch by batch, and keeps track of the state of each cell."""

    def __init__(self, cells: Sequence[Cell], folder: SweepFolder, studio: Studio, settings: SweepSettings):
        self.folder, self.studio, self.settings = folder, studio, settings
        recipes = [*settings.judged, *(cell.job.recipe for cell in cells)]
        more = settings.metrics if isinstance(settings.metrics, Mapping) else {}
        self.measure = Measures(studio, recipes, more) if settings.metrics else None
        self.started, self.total = time.perf_counter(), len(cells)
        found = {cell.id: folder.record(cell.id) for cell in cells}
        self.statuses = {cell: str(record["status"]) for cell, record in found.items() if record is not None}
        self.checkpoints = folder.checkpoints()
        self.lanes: dict[str, Reached] = {}  # {id of a cell that was begun: where it continues}
        self.widths: dict[Any, int] = {}  # {structure: lanes of its program}, reduced where memory was short

    def run(self, mine: Sequence[Cell]) -> bool:
        """Paint the cells of `mine` that are not finished; return whether the callback stopped it."""
        waiting = [cell for cell in mine if cell.id not in self.statuses]
        while waiting:
            groups: dict[Any, list[Cell]] = {}
            for cell in waiting:
                try:
                    groups.setdefault((self.studio.structure(cell.job), *self._at(cell)), []).append(cell)
                except JaxstyleError as error:
                    self._fail(cell, error)
            again: list[Cell] = []
            for (structure, *_), group in groups.items():
                if self._paint(structure, group, again):
                    return True
            waiting = again
        return False

    def _paint(self, structure: Any, group: list[Cell], again: list[Cell]) -> bool:
        """Paint cells of one structure at the same step, batch by batch; return whether the callback stopped it.

        Cells that have to be done again are added to `again`.
        """
        rest = list(group)
        while rest:
            width = self._width(structure, group)
            most = width * len(self.settings.devices)
            most = most if self.settings.batch == "auto" else min(most, int(self.settings.batch))
            with self._claimed(rest, most) as batch:
                try:
                    stopped = self._batch(batch, width)
                except Exception as error:
                    self._smaller(structure, width, batch, error, again)
                    continue
                if stopped:
                    return True
        return False

    def _smaller(self, structure: Any, width: int, batch: list[Cell], error: Exception, again: list[Cell]) -> None:
        """Handle an error of a batch: if memory was short, halve the width and add the cells to `again`.

        The cells fail if the width cannot be halved. Any other error is raised again.
        """
        halves = iter([width // 2] if width > 1 else [])
        try:
            self.widths[structure] = go_on_smaller(error, halves, "%d cells at a time on each device")
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            for cell in batch:
                self._fail(cell, error)
        else:
            again += batch

    def _width(self, structure: Any, group: Sequence[Cell]) -> int:
        if structure not in self.widths:
            run = self.studio.run(group[0].job)
            self.widths[structure] = program_width(
                run.levels[-1].shape, len(group), self.settings.devices, self.studio.plan
            )
        return self.widths[structure]

    @contextmanager
    def _claimed(self, rest: list[Cell], most: int) -> Iterator[list[Cell]]:
        """Take up to `most` cells from `rest` that no other process holds or has finished, and hold their locks."""
        held: dict[str, int] = {}
        batch: list[Cell] = []
        try:
            while rest and len(batch) < most:
                cell = rest.pop(0)
                handle = self.folder.claim(cell.id)
                if handle is None:
                    continue
                held[cell.id] = handle
                record = self.folder.record(cell.id)  # another process may have finished it in the meantime
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
        """Paint a batch; return whether the callback stopped it, after saving a checkpoint of its cells."""
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
        """The runs of the cells, without those that have failed because their pictures cannot be read any more."""
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
        """Report the progress to the callback; return whether it asks to stop."""
        if self.settings.callback is None:
            return False
        failed = sum(status == "failed" for status in self.statuses.values())
        seconds = time.perf_counter() - self.started
        progress = SweepProgress(len(self.statuses), self.total, failed, running, step, steps, seconds)
        return bool(self.settings.callback(progress))

    def _fail(self, cell: Cell, error: Exception) -> None:
        write_failed(self.folder, cell, error)
        self.statuses[cell.id] = "failed"

    def _save(self, cells: list[Cell], batch: Batch) -> None:
        self.folder.save_checkpoint({c.id: as_arrays(at) for c, at in zip(cells, batch.lanes, strict=True)})

    def _at(self, cell: Cell) -> tuple[int, int, bool]:
        """(level, step, whether all values are finite so far): equal for cells that may run together."""
        if cell.id not in self.lanes and cell.id not in self.checkpoints:
            return 0, 0, True
        lane = self._lane(cell, self.studio.run(cell.job))
        return (*lane.at, bool(lane.state.finite))

    def _lane(self, cell: Cell, run: Run) -> Reached:
        """The state that a cell continues from: from this process, from a checkpoint, or from the beginning."""
        if cell.id in self.lanes:
            return self.lanes[cell.id]
        path = self.checkpoints.get(cell.id)
        arrays = None if path is None else self.folder.load_checkpoint(path, cell.id)
        if arrays is not None:
            try:
                return from_arrays(run, arrays)
            except (KeyError, ValueError, TypeError) as error:
                log.warning("%s: does not fit cell %s (%s), which begins again", path, cell.id, error)
        return run.begun()
