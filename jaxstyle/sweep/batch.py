"""Batches of cells: runs of one structure as lanes of one program, from their current states to their results."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

from jaxstyle.errors import JaxstyleError
from jaxstyle.optimize.loop import CAPACITY
from jaxstyle.optimize.pyramid import coarse_to_fine
from jaxstyle.optimize.state import Info
from jaxstyle.sweep.lanes import lanes_on
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
    """Runs of one structure at the same level and step, which are painted together as lanes.

    Attributes:
        runs: the runs, at most `width * len(devices)`.
        begun: where each run begins; afterwards `lanes` says where it is.
        width: the most lanes on each device.
        devices: the devices.
        failed: {index of a run: why it has no result}. A failed run does not affect the others.
    """

    runs: Sequence[Run]
    begun: list[Reached]
    width: int
    devices: Sequence[jax.Device]
    failed: dict[int, JaxstyleError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lanes = lanes_on(self.devices, self.width)
        self._ahead: Any = None  # states on the devices that are newer than `begun`
        self._alive = [bool(at.state.finite) for at in self.begun]  # whether those on the devices are a lane's newest

    @property
    def lanes(self) -> list[Reached]:
        """Where each run is. The states are fetched from the devices: some megabytes for each run."""
        self._fetch()
        return self.begun

    def paint(self) -> Iterator[tuple[int, int]]:
        """Paint to the end, and yield (level, step) after each chunk of steps."""
        start, _ = self.begun[0].at
        states = self._lanes.place([at.state for at in self.begun])
        levels = coarse_to_fine(len(self.runs[0].levels), states, self._steps, self._grown, start=start)
        for level, states, infos in levels:
            yield level, self._note(level, states, infos)

    def _steps(self, level: int, states: Any) -> Iterator[tuple[Any, dict[int, Info]]]:
        """Do the rest of a level's steps, chunk by chunk, until no lane is finite; nothing if all runs have failed."""
        objectives = self._objectives(level)
        if objectives is None:
            return
        averages = self._lanes.place([run.recipe.average for run in self.runs])
        optimizers, how, n = self._optimizers(level), self.runs[0].how, 1
        done = max((at.at[1] for at in self.lanes if at.level == level and at.state.finite), default=0)
        rest = self.runs[0].levels[level].steps - done
        while rest > 0 and any(self._alive):
            n, started = min(n, CAPACITY, rest), time.perf_counter()
            states, infos = self._lanes.run(states, objectives, optimizers, averages, n, how)
            rest, taken = rest - n, time.perf_counter() - started
            yield states, infos
            n = next_steps(n, taken)

    def _objectives(self, level: int) -> Any:
        """The objectives of all lanes at a level; None if all runs have failed.

        A run whose objective cannot be made is added to `failed`, and another run's objective takes its lane.
        """
        found: list[Any] = []
        at = self.lanes if self.runs[0].recipe.matches else self.begun
        for i, run in enumerate(self.runs):
            try:
                found.append(None if i in self.failed else run.objective(level, at[i].state.begin))
            except JaxstyleError as error:
                self.failed[i] = error
                found.append(None)
        usable = next((each for each in found if each is not None), None)
        if usable is None:
            return None
        return self._lanes.objectives([usable if each is None else each for each in found])

    def _note(self, level: int, states: Any, infos: dict[int, Info]) -> int:
        """Note the end of a chunk of steps, and return the step; a lane that was already not finite stays as it was.

        The states remain on the devices, unless a lane is finite no more.
        """
        self._ahead, (steps, finite) = states, self._lanes.progress(states)
        for i in (i for i, alive in enumerate(self._alive) if alive):
            at, done = self.begun[i], sum(len(info.total) for info in self.begun[i].infos[-1])
            ran = int(steps[i]) - done + (not finite[i])
            info = jax.tree.map(lambda column, ran=ran: column[:ran], infos[i])
            self.begun[i] = Reached(level, at.state, (*at.infos[:-1], (*at.infos[-1], info)))
        still = [alive and bool(finite[i]) for i, alive in enumerate(self._alive)]
        if still != self._alive:
            self._fetch()
            self._alive = still
        return int(max(steps))

    def _fetch(self) -> None:
        """Bring the newest states from the devices into `begun`."""
        if self._ahead is None:
            return
        here, self._ahead = self._lanes.fetch(self._ahead), None
        for i in (i for i, alive in enumerate(self._alive) if alive):
            self.begun[i] = self.begun[i]._replace(state=here[i])

    def _grown(self, level: int, states: Any) -> Any:
        """The first states of a level, from the last states of the level before."""
        shape, growth = self.runs[0].levels[level].shape, [run.growth(level) for run in self.runs]
        details = self._lanes.place([each["detail"] for each in growth])
        how = self.runs[0].how | {"growing": growth[0]["growing"]}
        self._ahead = states = self._lanes.grow(states, self._optimizers(level), details, shape, how)
        for i in (i for i, alive in enumerate(self._alive) if alive):
            at = self.begun[i]
            self.begun[i] = Reached(level, at.state, (*at.infos, ()))
        return states

    def _optimizers(self, level: int) -> Any:
        return self._lanes.place([run.optimizer(level) for run in self.runs])
