"""Paints a run level by level and step by step, with reports, until it is done or stopped."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import jax

from jaxstyle import optimize
from jaxstyle.objective.objective import Objective
from jaxstyle.optimize.pyramid import coarse_to_fine
from jaxstyle.optimize.state import Info, State
from jaxstyle.runtime.heap import trim_heap
from jaxstyle.transfer.background import Ahead
from jaxstyle.transfer.memory import go_on_smaller, smaller_plans
from jaxstyle.transfer.programs import remember
from jaxstyle.transfer.progress import Callback
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.result import Interrupted, Result
from jaxstyle.transfer.run import Run
from jaxstyle.transfer.verdict import Status


def paint(
    run: Run, callback: Callback | None = None, every: int = 10, start: Callable[[Run], Reached] | None = None
) -> Result:
    """Paint a run from its first image, or from the point where an earlier run was stopped, and return the result.

    Args:
        run: the run, from `prepare`.
        callback, every: see `stylize`.
        start: function that says where the run begins; by default before the first step.

    Raises:
        Interrupted: there was a KeyboardInterrupt after the first step; `result` has the picture so far.
    """
    remember((run.picture.rgb.shape, *(style.shape for style in run.inputs.styles)))
    with ExitStack() as left:
        painting = _Painting(run, run.begun() if start is None else start(run), every, left)
        try:
            status = painting.to_the_end(callback)
        except KeyboardInterrupt:
            if not any(painting.infos):
                raise
            raise Interrupted(painting.result("stopped")) from None
        return painting.result(status)


class _Painting:
    """How far a run has come: its state, and the reports of each level."""

    def __init__(self, run: Run, start: Reached, every: int, left: ExitStack) -> None:
        self.run, self.every, self.left = run, every, left
        self.start, self.state = start.level, start.state
        self.infos = [list(infos) for infos in start.infos]
        self.objective = run.objective(start.level, start.state.begin)
        self.ahead: Ahead[Objective | None]

    def result(self, status: Status) -> Result:
        """The result of the run as it is now."""
        return self.run.result(self.state, status, self.infos)

    def to_the_end(self, callback: Callback | None) -> Status:
        """Paint all levels, unless the callback ends the run before; return the status."""
        run, levels = self.run, len(self.run.levels)
        for level, state, info in coarse_to_fine(levels, self.state, self._steps, self._grown, start=self.start):
            self.infos[level].append(jax.device_get(info))
            self.state = state
            ended = callback is not None and bool(callback(run.progress(level, state, self.infos[level][-1])))
            if not bool(state.finite):
                return "not finite"
            if ended and run.before(level) + int(state.step) < run.before(levels):
                return "stopped"
        return "done" if bool(self.state.finite) else "not finite"

    def _steps(self, level: int, state: State) -> Iterator[tuple[State, Info]]:
        """Run the steps of a level; after its first ones, prepare the next level in the background."""
        if level == len(self.infos):
            self.infos.append([])
        following = level + 1 < len(self.run.levels)
        if following:
            self.ahead = self.left.enter_context(Ahead(partial(self.run.prepare, level + 1, _shapes(state))))
        for state, info in self._chunks(level, state, self.objective):  # noqa: B020
            if following:
                self.ahead.start()
            yield state, info

    def _grown(self, level: int, state: State) -> State:
        """Wait until a level is prepared, and return its first state."""
        objective, state = self.ahead.result(), self.run.grown(level, state)
        self.objective = self.run.objective(level, state.begin) if objective is None else objective
        return state

    def _chunks(self, level: int, state: State, objective: Objective) -> Iterator[tuple[State, Info]]:
        """Run a level's steps in chunks. If memory runs out, go on from the last image with smaller plans."""
        recipe, optimizer, before = self.run.recipe, self.run.optimizer(level), self.run.before(level)
        plans = smaller_plans(self.run.plan, recipe, self.run.levels[level].shape[0])
        while True:
            try:
                rest = self.run.levels[level].steps - int(state.step)
                steps: Any = partial(optimize.chunks, every=self.every, average=recipe.average, **self.run.how)
                done = before + int(state.step)
                for state, info in steps(state, objective, optimizer, rest, before=done):  # noqa: B020
                    if before + int(state.step) == done + 1:
                        trim_heap()  # gives back memory that the compiler left over
                    yield state, info
                return
            except Exception as error:
                plan = go_on_smaller(error, plans)
            objective = replace(self.run, plan=plan).objective(level, state.begin)


def _shapes(state: State) -> State:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), state)
