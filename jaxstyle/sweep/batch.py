"""Batches of cells: runs of one structure as lanes of one program, from their current states to their results."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxstyle.errors import JaxstyleError
from jaxstyle.optimize.loop import CAPACITY
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.pyramid import coarse_to_fine
from jaxstyle.optimize.state import Info, State
from jaxstyle.sweep.lanes import grow_lanes, lane, mesh_of, run_lanes, spread, stack, stack_objectives
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.run import Run

SECONDS = 0.5
"""About how long one chunk of steps takes. Between chunks the clock is read, and the callback is called."""


def next_steps(done: int, seconds: float) -> int:
    """The number of steps of the next chunk, after a chunk of `done` steps took so many seconds."""
    return max(1, int(SECONDS * done / seconds))


def end(run: Run, at: Reached) -> Result:
    """The result of a run that has reached `at`."""
    return run.result(at.state, "done" if bool(at.state.finite) else "not finite", [list(part) for part in at.infos])


@dataclass
class Batch:
    """Runs of one structure at the same level and step, which are painted together.

    The program has `width` lanes on each device, whatever the number of runs, so that it is compiled only once. Spare
    lanes repeat the last run and are marked as not finite, so they take no time on CPUs.

    Attributes:
        runs: the runs, at most `width * len(devices)`.
        begun: where each run begins; afterwards `lanes` says where it is.
        width: lanes of the program on each device.
        devices: the devices.
        failed: {index of a run: why it has no result}. A failed run does not affect the others.
    """

    runs: Sequence[Run]
    begun: list[Reached]
    width: int
    devices: Sequence[jax.Device]
    failed: dict[int, JaxstyleError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mesh = mesh_of(self.devices)
        self._ahead: State | None = None  # stacked states on the devices that are newer than `begun`
        self._alive = [bool(at.state.finite) for at in self.begun]  # whether the stacked states have a lane's newest

    @property
    def lanes(self) -> list[Reached]:
        """Where each run is. The states are fetched from the devices: some megabytes for each run."""
        self._fetch()
        return self.begun

    def paint(self) -> Iterator[tuple[int, int]]:
        """Paint to the end, and yield (level, step) after each chunk of steps."""
        start, _ = self.begun[0].at
        states = self._filled([at.state for at in self.begun])
        states = states._replace(finite=states.finite & (jnp.arange(len(states.finite)) < len(self.runs)))
        levels = coarse_to_fine(len(self.runs[0].levels), states, self._steps, self._grown, start=start)
        for level, states, infos in levels:
            yield level, self._note(level, states, infos)

    def _steps(self, level: int, states: State) -> Iterator[tuple[State, Info]]:
        """Do the rest of a level's steps, chunk by chunk, until no lane is finite; nothing if all runs have failed."""
        objectives = self._objectives(level)
        if objectives is None:
            return
        averages = self._filled([jnp.asarray(run.recipe.average) for run in self.runs])
        run, optimizers = partial(run_lanes, mesh=self._mesh, **self.runs[0].how), self._optimizers(level)
        n = 1
        done = max((at.at[1] for at in self.lanes if at.level == level and at.state.finite), default=0)
        rest = self.runs[0].levels[level].steps - done
        while rest > 0 and bool(jnp.any(states.finite)):
            n, started = min(n, CAPACITY, rest), time.perf_counter()
            states, infos = run(states, objectives, optimizers, averages, n)
            infos = jax.tree.map(lambda column, n=n: column[:, :n], jax.device_get(infos))
            rest, taken = rest - n, time.perf_counter() - started
            yield states, infos
            n = next_steps(n, taken)

    def _objectives(self, level: int) -> Any:
        """The stacked objectives of all lanes at a level; None if all runs have failed.

        A run whose objective cannot be made is added to `failed`, and another run's objective takes its lane.
        """
        found: list[Any] = []
        for i, run in enumerate(self.runs):
            try:
                found.append(None if i in self.failed else run.objective(level))
            except JaxstyleError as error:
                self.failed[i] = error
                found.append(None)
        usable = next((each for each in found if each is not None), None)
        if usable is None:
            return None
        return stack_objectives(self._fill([usable if each is None else each for each in found]), self._mesh)

    def _note(self, level: int, states: State, infos: Info) -> int:
        """Note the end of a chunk of steps, and return the step; a lane that was already not finite stays as it was.

        The states remain on the devices, unless a lane is finite no more.
        """
        self._ahead, (steps, finite) = states, jax.device_get((states.step, states.finite))
        for i in (i for i, alive in enumerate(self._alive) if alive):
            at, done = self.begun[i], sum(len(info.total) for info in self.begun[i].infos[-1])
            ran = int(steps[i]) - done + (not finite[i])
            info = jax.tree.map(lambda column, i=i, ran=ran: column[i, :ran], infos)
            self.begun[i] = Reached(level, at.state, (*at.infos[:-1], (*at.infos[-1], info)))
        still = [alive and bool(finite[i]) for i, alive in enumerate(self._alive)]
        if still != self._alive:
            self._fetch()
            self._alive = still
        return int(steps.max())

    def _fetch(self) -> None:
        """Bring the newest states from the devices into `begun`."""
        if self._ahead is None:
            return
        here, self._ahead = jax.device_get(self._ahead), None
        for i in (i for i, alive in enumerate(self._alive) if alive):
            self.begun[i] = self.begun[i]._replace(state=lane(here, i))

    def _grown(self, level: int, states: State) -> State:
        """The first states of a level, from the last states of the level before."""
        shape, details = self.runs[0].levels[level].shape, [run.detail(level) for run in self.runs]
        stacked = None if details[0] is None else self._filled(details)
        self._ahead = states = grow_lanes(states, self._optimizers(level), stacked, shape=shape, **self.runs[0].how)
        for i in (i for i, alive in enumerate(self._alive) if alive):
            at = self.begun[i]
            self.begun[i] = Reached(level, at.state, (*at.infos, ()))
        return states

    def _optimizers(self, level: int) -> Optimizer:
        return self._filled([run.optimizer(level) for run in self.runs])

    def _filled(self, trees: Sequence[Any]) -> Any:
        return spread(stack(self._fill(trees)), self._mesh)

    def _fill(self, trees: Sequence[Any]) -> list[Any]:
        """The list extended to the program's number of lanes, by repeating its last item."""
        return [*trees, *[trees[-1]] * (self.width * len(self.devices) - len(trees))]
