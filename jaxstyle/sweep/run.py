"""`run_sweep`: a grid's cells into a folder, as far as they are not there."""

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
from jaxstyle.sweep.measure import Metric
from jaxstyle.sweep.painter import CHECKPOINT_SECONDS, CellPainter, SweepProgress, SweepSettings
from jaxstyle.sweep.studio import Studio


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
    callback: Callable[[SweepProgress], bool | None] | None = None,
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
        callback: called with `SweepProgress` between chunks of steps; returning True saves where they are, and ends.

    Raises:
        SettingError: a setting that does not fit; a folder of other cells, or whose pictures have changed since.
        WeightsError: the network.
    """
    require_right_numbers()
    check_options(grid, batch, shard)
    folder, studio = SweepFolder(out), Studio(model, plan)
    folder.make()
    cells = resolve(grid, studio, folder, resume=resume)
    settings = SweepSettings(batch, tuple(devices or jax.local_devices()), metrics, checkpoint, callback)
    return paint_cells(cells, cells[shard[0] :: shard[1]], folder, studio, settings)


def check_options(grid: Any, batch: Any, shard: tuple[int, int]) -> None:
    """Raise SettingError for what `run_sweep` does not take."""
    if not isinstance(grid, Grid):
        raise SettingError(f"grid: got {type(grid).__name__}, expected a Grid")
    if batch != "auto" and not is_whole(batch, 1):
        raise SettingError(f'batch: got {batch!r}, expected "auto" or a number of cells')
    if not 0 <= shard[0] < shard[1]:
        raise SettingError(f"shard: got {shard}, expected (k, n) with 0 <= k < n")


def paint_cells(
    cells: Sequence[Cell], mine: Sequence[Cell], folder: SweepFolder, studio: Studio, settings: SweepSettings
) -> Summary:
    """Paint those of `mine` that are not finished."""
    stopped = CellPainter(cells, folder, studio, settings).run(mine)
    folder.write_results(cell.id for cell in cells)
    return Summary(folder.path, count(folder, [cell.id for cell in cells]), stopped)


def count(folder: SweepFolder, cells: Sequence[str]) -> dict[str, int]:
    """{status: how many of the cells}, "pending" for those without a record."""
    found: dict[str, int] = {}
    for cell in cells:
        status = str((folder.record(cell) or {}).get("status", "pending"))
        found[status] = found.get(status, 0) + 1
    return found
