"""Coarse to fine: the sizes a picture is painted at one after the other, and the step from one to the next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number, is_whole
from jaxstyle.image.decode import MAX_EDGE
from jaxstyle.optimize import loop
from jaxstyle.optimize.loop import State
from jaxstyle.optimize.optimizers import Optimizer

GRID = 16
"""Both edges of the earlier levels are multiples of it, so that many pictures share their compiled programs."""
LEAST = 32
"""The least edge of an earlier level: every layer of VGG19 to relu5_4 exists there, with any padding."""


@dataclass(frozen=True)
class Pyramid:
    """Sizes to paint at before the picture's own (Gatys et al. 2017, "coarse-to-fine"; Kolkin et al. 2019).

    The earlier levels' long edges are `smallest * ratio**k` whatever the picture, so that their programs serve other
    pictures too; the last of them is about sqrt(ratio) or more below the picture's own size. Smaller pictures have one
    level, as without a pyramid.

    Attributes:
        smallest: long edge of the first level in pixels, at least 32.
        ratio: between a level and the next, from 1.25 to 16.
        steps: of each level but the last, in units of the recipe's steps, which the last level takes.
        first_steps: of the first level, where there are several, in the same unit.
        content_decay: what the content weight is divided by from level to level; at the last it is the recipe's.
    """

    smallest: int = 128
    ratio: float = 2.0
    steps: float = 1.0
    first_steps: float = 1.0
    content_decay: float = 1.0

    def __post_init__(self) -> None:
        edge = self.smallest
        if not is_whole(edge, LEAST, MAX_EDGE):
            raise SettingError(
                f"pyramid.smallest: got {edge!r}, expected a whole number of pixels from {LEAST} to {MAX_EDGE}"
            )
        ranges = {
            "ratio": (1.25, 16),
            "steps": (0.001, 1000),
            "first_steps": (0.001, 1000),
            "content_decay": (0.01, 100),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not is_number(value, low, high):
                raise SettingError(f"pyramid.{name}: got {value!r}, expected a number from {low} to {high}")
            object.__setattr__(self, name, float(value))
        object.__setattr__(self, "smallest", int(edge))


@dataclass(frozen=True)
class Level:
    """One size of a pyramid.

    Attributes:
        shape: (height, width).
        steps: to be done at it.
        content: multiplies the recipe's content weight.
    """

    shape: tuple[int, int]
    steps: int
    content: float = 1.0


def levels(pyramid: Pyramid | None, shape: tuple[int, ...], steps: int) -> tuple[Level, ...]:
    """The levels of a picture, from small to its own `shape`, which the last one has exactly.

    Levels whose short edge would be under `LEAST` are left out; where there are no `steps`, so is all but the last.

    >>> [level.shape for level in levels(Pyramid(128), (600, 900), 300)]
    [(80, 128), (176, 256), (336, 512), (600, 900)]
    """
    last = Level((int(shape[0]), int(shape[1])), steps)
    if pyramid is None or steps == 0:
        return (last,)
    shapes = _coarse_shapes(pyramid, last.shape)
    shares = [pyramid.first_steps, *[pyramid.steps] * len(shapes)]
    earlier = (
        Level(shape, max(1, round(share * steps)), pyramid.content_decay ** (len(shapes) - i))
        for i, (shape, share) in enumerate(zip(shapes, shares, strict=False))
    )
    return (*earlier, last)


def _coarse_shapes(pyramid: Pyramid, own: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes (height, width) of the levels before the last; where the grid gives two the same, they are one."""
    edge, shapes = float(pyramid.smallest), {}
    while edge * pyramid.ratio**0.5 <= max(own):
        shape = on_grid(own, edge / max(own))
        # Rounded up, one may be almost the picture's own size.
        if min(own) * edge / max(own) > LEAST - GRID / 2 and max(shape) * pyramid.ratio**0.25 <= max(own):
            shapes[max(shape)] = shape
        edge *= pyramid.ratio
    return list(shapes.values())


def on_grid(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(height, width) of a picture of `shape` times `scale`, as multiples of `GRID`, at least `LEAST`."""
    # Rounded twice, so that float errors do not decide where an edge lies between two multiples.
    height, width = (max(LEAST, GRID * int(round(edge * scale / GRID, 6) + 0.5)) for edge in shape[:2])
    return height, width


def style_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(height, width) of a style at a level `scale` times the result's size; no edge falls below `LEAST` by it."""
    return on_grid(shape, max(scale, min(1.0, LEAST / min(shape[:2]))))


S = TypeVar("S")
R = TypeVar("R")


def coarse_to_fine(
    levels: int,
    state: S,
    steps: Callable[[int, S], Iterator[tuple[S, R]]],
    grown: Callable[[int, S], S],
    *,
    start: int = 0,
) -> Iterator[tuple[int, S, R]]:
    """Paint one level after the other: the steps of each, and between two the step from one to the next.

    It is the loop of one run as of a batch of them, which differ in what a state is and in how its steps are done.

    Args:
        levels: how many there are.
        state: where to begin.
        steps: does the steps of a level from a state on, and gives (state, report) after some of them each time.
        grown: makes the first state of a level from the last of the level before.
        start: the level of the state.

    Yields:
        (level, state, report) after some steps.
    """
    for level in range(start, levels):
        if level > start:
            state = grown(level, state)
        for state, report in steps(level, state):  # noqa: B020
            yield level, state, report


@partial(jax.jit, static_argnames=("shape", "clip"))
def grow(state: State, optimizer: Optimizer, shape: tuple[int, int], *, clip: bool = True) -> State:
    """The first state of the next level, of (height, width) `shape`.

    As crowsonkb/style-transfer-pytorch does it: the image starts at the averaged iterate and a new average begins; the
    optimiser says what it carries on (Adam its moments, L-BFGS nothing).

    Args:
        state: the last of the level before.
        optimizer: its settings.
        shape: (height, width) of the next level.
        clip: keep the image in [0, 1]; the bicubic kernel overshoots.
    """
    image = _resized(state.average, shape, "cubic")
    first = loop.init(jnp.clip(image, 0, 1) if clip else image, optimizer)

    def resize(values: Array, method: str) -> Array:
        return _resized(values, shape, method)

    return first._replace(optimizer=optimizer.carry(state.optimizer, first.optimizer, resize))


def _resized(values: Float[Array, "h w 3"], shape: tuple[int, int], method: str) -> Array:
    return jax.image.resize(values, (*shape, values.shape[-1]), method)
