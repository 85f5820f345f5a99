"""How far a run has come: all that is needed to go on from there."""

from typing import NamedTuple

from jaxstyle.optimize.loop import Info, State


class Reached(NamedTuple):
    """Where a run is.

    Attributes:
        level: index of the pyramid level.
        state: image, average and optimiser state at that level.
        infos: what was reported so far: for each level up to this one its chunks of steps, one after the other.
    """

    level: int
    state: State
    infos: tuple[tuple[Info, ...], ...]

    @property
    def at(self) -> tuple[int, int]:
        """(level, step): runs of a sweep that are painted together are at the same."""
        return self.level, int(self.state.step)
