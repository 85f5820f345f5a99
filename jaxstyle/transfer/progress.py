"""What a callback is told while a picture is painted."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from jaxstyle.transfer.result import Result


@dataclass(frozen=True)
class Progress:
    """Where a run is, handed to the callback between chunks of steps.

    Attributes:
        step: steps done, of `steps`.
        steps: steps asked for, at all levels.
        total: the objective's value before the last step.
        values: each term's, unweighted.
        seconds: since the start, compilation included.
        content: what the content terms add to the total.
        style: what the style terms add to the total.
        level: index of the level, of `levels`.
        levels: how many sizes there are, one after the other.
        size: the level's (height, width); the result's own at the last level.
        preparing: after a level's last step the next level's (height, width), which is made ready now; else None.
        make_image: the picture as it is at this level.
        make_result: the run as it would be if it ended now, at the result's own size.
    """

    step: int
    steps: int
    total: float
    values: dict[str, float]
    seconds: float
    content: float
    style: float
    level: int
    levels: int
    size: tuple[int, int]
    preparing: tuple[int, int] | None
    make_image: Callable[[], np.ndarray] = field(repr=False)
    make_result: Callable[[], Result] = field(repr=False)

    @property
    def image(self) -> Float[np.ndarray, "h w 3"]:
        """The picture at the level's size, RGB in [0, 1]."""
        return self.make_image()


Callback = Callable[[Progress], bool | None]
