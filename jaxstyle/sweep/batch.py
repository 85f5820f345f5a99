"""Batches of cells: runs of one structure as lanes of one program, from their current states to their results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxstyle.errors import JaxstyleError
from jaxstyle.optimize.loop import CAPACITY, Info, State
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.pyramid import coarse_to_fine
from jaxstyle.sweep.lanes import grow_lanes, lane, mesh_of, run_lanes, spread, stack, stack_objectives
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.run import Run

STEPS_AT_ONCE = 10
"""The most steps of one chunk. Between chunks the clock is read, and the callback is called."""


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
        lanes: where each run is.
        width: lanes of the program on each device.
        devices: the devices.
        failed: {index of a run: why it has no result}. A failed run does not affect the others.
    """

    runs: Sequence[Run]
    lanes: list[Reached]
    width: int
    devices: Sequence[jax.Device]
    failed: dict[int, JaxstyleError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mesh = mesh_of(self.devices)

    def paint(self) -> Iterator[tuple[int, int]]:
        """Paint to the end, and yield (level, step) after each chunk of steps, when `lanes` are up to date."""
        start, _ = self.lanes[0].at
        states = self._filled([at.state for at in self.lanes])
        states = states._replace(finite=states.finite & (jnp.arange(len(states.finite)) < len(self.runs)))
        levels = coarse_to_fine(len(self.runs[0].levels), states, self._steps, self._grown, start=start)
        for level, states, infos in levels:
            self._note(level, states, infos)
            yield level, max(at.at for at in self.lanes)[1]

    def _steps(self, level: int, states: State) -> Iterator[tuple[State, Info]]:
        """Do the rest of a level's steps, chunk by chunk, until no lane is finite; nothing if all runs have failed."""
        objectives = self._objectives(level)
        if objectives is None:
            return
        averages = self._filled([jnp.asarray(run.recipe.average) for run in self.runs])
        run = partial(run_lanes, mesh=self._mesh, clip=self.runs[0].recipe.clip)
        done = max((at.at[1] for at in self.lanes if at.level == level and at.state.finite), default=0)
        rest = self.runs[0].levels[level].steps - done
        while rest > 0 and bool(jnp.any(states.finite)):
            n = min(STEPS_AT_ONCE, CAPACITY, rest)
            states, infos = run(states, objectives, self._optimizers(), averages, n)
            rest -= n
            yield states, Info(infos.total[:, :n], {name: column[:, :n] for name, column in infos.values.items()})

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

    def _note(self, level: int, states: State, infos: Info) -> None:
        """Update `lanes` after a chunk of steps; a lane that was already not finite stays as it was."""
        states, infos = jax.device_get((states, infos))
        for i, at in enumerate(self.lanes):
            if not bool(at.state.finite):
                continue
            new = lane(states, i)
            ran = int(new.step) - int(at.state.step) + (not new.finite)
            info = jax.tree.map(lambda column, i=i, ran=ran: column[i, :ran], infos)
            self.lanes[i] = Reached(level, new, (*at.infos[:-1], (*at.infos[-1], info)))

    def _grown(self, level: int, states: State) -> State:
        """The first states of a level, from the last states of the level before."""
        shape, clip = self.runs[0].levels[level].shape, self.runs[0].recipe.clip
        states = grow_lanes(states, self._optimizers(), shape, clip=clip)
        here = jax.device_get(states)
        for i, at in enumerate(self.lanes):
            if bool(at.state.finite):
                self.lanes[i] = Reached(level, lane(here, i), (*at.infos, ()))
        return states

    def _optimizers(self) -> Optimizer:
        return self._filled([run.recipe.optimizer for run in self.runs])

    def _filled(self, trees: Sequence[Any]) -> Any:
        return spread(stack(self._fill(trees)), self._mesh)

    def _fill(self, trees: Sequence[Any]) -> list[Any]:
        """The list extended to the program's number of lanes, by repeating its last item."""
        return [*trees, *[trees[-1]] * (self.width * len(self.devices) - len(trees))]
