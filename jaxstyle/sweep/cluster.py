"""Runs a sweep on a Ray cluster: one task for each batch of cells, whose files are sent back to this process."""

import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import jax

from jaxstyle.errors import JaxstyleError, SettingError
from jaxstyle.objective.plan import Plan
from jaxstyle.sweep.cells import Cell, resolve
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.grid import Grid
from jaxstyle.sweep.painter import SweepProgress
from jaxstyle.sweep.records import write_failed
from jaxstyle.sweep.remote import Files, paint_remotely, pictures_of
from jaxstyle.sweep.run import Summary, check_options, count
from jaxstyle.sweep.studio import Studio

RETRIES = 5
"""The number of times that a batch is given to another worker after its worker was lost."""
BATCH = 16
"""The number of cells of a task when `batch` is "auto"."""


def run_on_ray(
    grid: Grid,
    out: str | os.PathLike[str],
    *,
    model: Any,
    address: str | None = None,
    batch: int | str = "auto",
    resume: bool = True,
    plan: Plan = Plan(),  # noqa: B008
    metrics: bool = True,
    shard: tuple[int, int] = (0, 1),
    callback: Callable[[SweepProgress], bool | None] | None = None,
) -> Summary:
    """Run a sweep on the workers of a Ray cluster: the same cells and files as `run_sweep`, written by this process.

    A task receives a batch of cells with the pictures they need and returns the cells' files, so the machines need no
    shared file system. It takes one GPU if the cluster has any, else all CPUs of a machine. If a worker is lost,
    another one does its batch again from the beginning.

    Args:
        grid, out, model, batch, resume, plan, metrics, shard, callback: as for `run_sweep`.
        address: the cluster's address, HOST:PORT or "auto". None or "local" starts a cluster on this machine and ends
            it afterwards.

    Returns:
        The summary, as from `run_sweep`.

    Raises:
        SettingError: as `run_sweep`; Ray is not installed; or no cluster answers at the address.
    """
    check_options(grid, batch, shard)
    folder, studio = SweepFolder(out), Studio(model, plan)
    folder.make()
    # A network on this process's GPU would take the memory of the worker that has that GPU.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        cells = resolve(grid, studio, folder, resume=resume)
        with _connected(address) as ray:
            size = batch if isinstance(batch, int) else BATCH
            driver = _Driver(ray, folder, studio, size, metrics, len(cells), callback)
            stopped = driver.run(cells, cells[shard[0] :: shard[1]])
    folder.write_results(cell.id for cell in cells)
    return Summary(folder.path, count(folder, [cell.id for cell in cells]), stopped)


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    try:
        import ray
    except ImportError as error:
        raise SettingError("--ray: needs Ray; install the extra: pip install 'jaxstyle[cluster]'") from error
    local = address in (None, "local")
    if not local:
        _check_answers(str(address))
    options: dict[str, Any] = {"include_dashboard": False} if local else {"address": address}
    os.environ.setdefault("RAY_worker_niceness", "0")  # else Ray's workers yield to every other process
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # JAX warns of forks, but Ray's children start new programs
            ray.init(log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingError(f"--ray: no cluster answers at {address!r} ({error})") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise SettingError if nothing listens at the address; Ray would try for minutes and then end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise SettingError(
            f"--ray: no cluster answers at {address!r} ({error}); expected HOST:PORT, auto or local"
        ) from None


@dataclass
class _Driver:
    ray: Any
    folder: SweepFolder
    studio: Studio
    batch: int
    metrics: bool
    total: int
    callback: Callable[[SweepProgress], bool | None] | None

    def run(self, cells: Sequence[Cell], mine: Sequence[Cell]) -> bool:
        """Distribute the cells of `mine` that are not finished; return whether the callback stopped it."""
        self.done = {cell.id for cell in cells if self.folder.record(cell.id) is not None}
        self.failed, self.started = 0, time.perf_counter()
        shared = self.ray.put((self.studio.given, self.studio.plan, [cell.job.recipe for cell in cells]))
        resources, slots = self._resources()
        paint = self.ray.remote(max_retries=RETRIES, max_calls=0, **resources)(paint_remotely)
        waiting, running = self._batches(mine), dict[Any, list[Cell]]()
        with ExitStack() as locks:
            while True:
                while len(running) <= slots and (part := next(waiting, None)) is not None:
                    held = self._claimed(part, locks)
                    if held:
                        running[paint.remote(shared, held, pictures_of(held), self.metrics)] = held
                if not running:
                    return False
                ready, _ = self.ray.wait(list(running), timeout=1.0)
                for reference in ready:
                    self._take(running.pop(reference), reference)
                if self._ended(sum(map(len, running.values()))) and running:
                    for reference in running:
                        self.ray.cancel(reference, force=True)
                    return True

    def _batches(self, mine: Sequence[Cell]) -> Iterator[list[Cell]]:
        """Yield the cells that are not finished, up to `batch` cells of one structure at a time."""
        groups: dict[Any, list[Cell]] = {}
        for cell in mine:
            if cell.id in self.done:
                continue
            try:
                groups.setdefault(self.studio.structure(cell.job), []).append(cell)
            except JaxstyleError as error:
                self._fail(cell, error)
        for group in groups.values():
            for start in range(0, len(group), self.batch):
                yield group[start : start + self.batch]

    def _claimed(self, part: list[Cell], locks: ExitStack) -> list[Cell]:
        """The cells of `part` that no other process holds or has finished, with locks held until the sweep ends."""
        held = []
        for cell in part:
            handle = self.folder.claim(cell.id)
            if handle is not None:
                locks.callback(self.folder.release, handle)
                if self.folder.record(cell.id) is None:
                    held.append(cell)
        return held

    def _take(self, held: list[Cell], reference: Any) -> None:
        """Write the files that a task returned; if it raised an error, record its cells as failed."""
        try:
            files: Files = self.ray.get(reference)
        except Exception as error:  # raised by a worker, or by Ray because too many workers were lost
            for cell in held:
                self._fail(cell, error)
            return
        for name in sorted(files, key=lambda name: name.startswith("records/")):  # records last: they mark cells done
            self.folder.write(name, files[name])
        self.done |= {cell.id for cell in held}
        self.failed += sum((self.folder.record(cell.id) or {}).get("status") == "failed" for cell in held)
        self.folder.clear(cell.id for cell in held)

    def _fail(self, cell: Cell, error: Exception) -> None:
        write_failed(self.folder, cell, error)
        self.done.add(cell.id)
        self.failed += 1

    def _resources(self) -> tuple[dict[str, float], int]:
        """(the Ray resources of one task, the number of tasks that run at once)."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        if gpus:
            return {"num_gpus": 1}, gpus
        cpus = min(node.get("CPU", 1) for node in nodes)
        return {"num_cpus": cpus}, max(1, len(nodes))

    def _ended(self, running: int) -> bool:
        if self.callback is None:
            return False
        seconds = time.perf_counter() - self.started
        return bool(self.callback(SweepProgress(len(self.done), self.total, self.failed, running, 0, 0, seconds)))
