"""The point that a run has reached: all that is needed to go on from there."""

from typing import NamedTuple

from jaxstyle.optimize.state import Info, State


class Reached(NamedTuple):
    """The point that a run has reached.

    Attributes:
        level: index of the pyramid level, from 0.
        state: image, average and optimiser state at that level.
        infos: the reports so far: for each level up to this one, those of its chunks of steps, one after the other.
    """

    level: int
    state: State
    infos: tuple[tuple[Info, ...], ...]

    @property
    def at(self) -> tuple[int, int]:
        """(level, steps done at it), which is the same for runs of a sweep that are painted together."""
        return self.level, int(self.state.step)
