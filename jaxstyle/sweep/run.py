"""`run_sweep`: paints the cells of a grid into a folder, except those that are already finished there."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.objective.plan import Plan
from jaxstyle.runtime.installation import require_right_numbers
from jaxstyle.sweep.cells import Cell, resolve
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.grid import Grid
from jaxstyle.sweep.measure import Metric, check_metrics
from jaxstyle.sweep.painter import CHECKPOINT_SECONDS, CellPainter, SweepProgress, SweepSettings
from jaxstyle.sweep.studio import Studio


@dataclass(frozen=True)
class Summary:
    """The outcome of a sweep.

    Attributes:
        folder: the sweep's folder.
        counts: {status: number of cells}; "pending" counts those without a record.
        stopped: whether the callback stopped the sweep.
    """

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
    callback: Callable[[SweepProgress], bool | None] | None = None,
) -> Summary:
    """Paint every cell of a grid into a folder; cells that are already finished there are not painted again.

    Cells that differ only in values that a compiled program takes as inputs (weights, seeds, learning rates, pictures
    of one size) share one program and run together, spread over the devices. On CPUs a cell has the bits of `stylize`,
    whatever the other cells of its batch. On accelerators they may depend on `width` in its record, the number of lanes
    on each device. A cell that cannot be painted is recorded as failed and does not affect the others. Several
    processes may work on one folder.

    Args:
        grid: the cells to paint.
        out: the folder for pictures and records; it is made if missing.
        model: the network, in any form that `load_vgg19` accepts, or a function that returns one.
        batch: the most cells that run at a time; "auto" chooses as many as run well and fit into memory.
        devices: the devices to spread the lanes over; by default all local ones.
        resume: continue where an earlier call ended. False refuses a folder with finished cells.
        plan: how cells are computed.
        metrics: whether every result is measured, see `jaxstyle.metrics`. A dict {name: function of (result, content)}
            adds metrics to these.
        shard: (k, n) with 0 <= k < n: paint only every n-th cell, beginning with cell k. For n machines that share the
            folder.
        checkpoint: seconds between two checkpoints of the running cells.
        callback: called with a `SweepProgress` between chunks of steps. If it returns True, a checkpoint of the running
            cells is saved and the sweep ends.

    Returns:
        The summary: the number of cells of each status, and whether the callback stopped the sweep.

    Raises:
        SettingError: a setting is not usable; the folder was made with another network or plan, holds other things, or
            its pictures have changed.
        WeightsError: the network cannot be loaded.
        InstallationError: the installed JAX computes wrong numbers.
    """
    require_right_numbers()
    check_options(grid, batch, shard)
    check_metrics(metrics)
    if devices is not None and not devices:
        raise SettingError("devices: got none, expected at least one; leave it out for all local ones")
    folder, studio = SweepFolder(out), Studio(model, plan)
    folder.make()
    cells = resolve(grid, studio, folder, resume=resume)
    chosen = tuple(jax.local_devices() if devices is None else devices)
    settings = SweepSettings(batch, chosen, metrics, checkpoint, callback)
    return paint_cells(cells, cells[shard[0] :: shard[1]], folder, studio, settings)


def check_options(grid: Any, batch: Any, shard: tuple[int, int]) -> None:
    """Raise SettingError unless `run_sweep` accepts these arguments."""
    if not isinstance(grid, Grid):
        raise SettingError(f"grid: got {type(grid).__name__}, expected a Grid")
    if batch != "auto" and not is_whole(batch, 1):
        raise SettingError(f'batch: got {batch!r}, expected "auto" or a number of cells')
    if not 0 <= shard[0] < shard[1]:
        raise SettingError(f"shard: got {shard}, expected (k, n) with 0 <= k < n")


def paint_cells(
    cells: Sequence[Cell], mine: Sequence[Cell], folder: SweepFolder, studio: Studio, settings: SweepSettings
) -> Summary:
    """Paint the cells of `mine` that are not finished, and write `results.jsonl` for all `cells`."""
    stopped = CellPainter(cells, folder, studio, settings).run(mine)
    folder.write_results(cell.id for cell in cells)
    return Summary(folder.path, count(folder, [cell.id for cell in cells]), stopped)


def count(folder: SweepFolder, cells: Sequence[str]) -> dict[str, int]:
    """{status: number of cells}, with "pending" for cells without a record."""
    found: dict[str, int] = {}
    for cell in cells:
        status = str((folder.record(cell) or {}).get("status", "pending"))
        found[status] = found.get(status, 0) + 1
    return found
