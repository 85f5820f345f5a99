"""`Progress`, which a callback gets while a picture is painted."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from jaxstyle.transfer.result import Result


@dataclass(frozen=True)
class Progress:
    """How far a run has come, given to the callback between chunks of steps.

    Attributes:
        step: number of steps done, at all levels together.
        steps: number of steps asked for, at all levels together.
        total: value of the objective (the weighted total) before the last step.
        values: unweighted value of each term before the last step.
        seconds: seconds since the start, compilation included.
        content: what the content terms add to the total.
        style: what the style terms add to the total.
        level: index of the pyramid level, from 0.
        levels: number of pyramid levels, which are painted one after the other.
        size: the level's (height, width); the result's own at the last level.
        preparing: after a level's last step the (height, width) of the next level, which is being prepared; else None.
        make_image: returns the picture as it is, at the level's size.
        make_result: returns the result as it would be if the run ended now, at the result's own size.
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
