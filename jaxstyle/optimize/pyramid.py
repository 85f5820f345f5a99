"""Coarse to fine: the sizes at which a picture is optimised one after the other, and growing from one to the next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number, is_whole, suggest
from jaxstyle.image.decode import MAX_EDGE
from jaxstyle.networks.resize import bilinear
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.parametrization import Parametrization, Pixels
from jaxstyle.optimize.state import State, init, step_key

GRID = 16
"""Number of pixels that both edges of earlier levels are multiples of, so that many pictures share programs."""
Growing = Literal["bicubic", "bilinear", "detail"]
LEAST = 32
"""Shortest edge of an earlier level, in pixels: every layer of VGG19 up to relu5_4 exists there, with any padding."""


@dataclass(frozen=True)
class Pyramid:
    """Sizes to optimise at before the picture's own (Gatys et al. 2017, "coarse-to-fine"; Kolkin et al. 2019).

    Unless `down` is set, the long edges of the earlier levels are `smallest * ratio**k` whatever the picture, so that
    their programs serve other pictures too; the last of them is smaller than the picture by a factor of about
    sqrt(ratio) or more. Smaller pictures have one level, as without a pyramid.

    Attributes:
        smallest: long edge of the first level in pixels, at least 32.
        ratio: ratio of a level's size to that of the level before, from 1.25 to 16.
        steps: steps of each level but the last, as a multiple (0.001 to 1000) of the recipe's steps, which the last
            level takes.
        first_steps: steps of the first level, if there are several, in the same unit.
        down: whether sizes count down from the picture's own by `ratio`, to at least `smallest`, as in crowsonkb's
            code. They are then no multiples of 16, and a picture's only size takes `first_steps` too.
        last_rate: factor (0.001 to 1000) of the optimiser's learning rate at the last level, if there are several.
        growing: how a picture grows from level to level: by "bicubic" or "bilinear" interpolation; with "detail" by
            bilinear interpolation, and the content's highest frequencies are added at the start of each level but the
            last, as in STROTSS.
        final_pass: whether a further level follows, at the picture's own size: with terms of its own, see `Term.at`.

    Raises:
        SettingError: a setting is out of range.
    """

    smallest: int = 128
    ratio: float = 2.0
    steps: float = 1.0
    first_steps: float = 1.0
    down: bool = False
    last_rate: float = 1.0
    growing: Growing = "bicubic"
    final_pass: bool = False

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
            "last_rate": (0.001, 1000),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not is_number(value, low, high):
                raise SettingError(f"pyramid.{name}: got {value!r}, expected a number from {low} to {high}")
            object.__setattr__(self, name, float(value))
        if self.growing not in get_args(Growing):
            raise SettingError(f"pyramid.growing: got {self.growing!r}; {suggest(self.growing, get_args(Growing))}")
        for name in ("down", "final_pass"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"pyramid.{name}: got {getattr(self, name)!r}, expected true or false")
        object.__setattr__(self, "smallest", int(edge))


@dataclass(frozen=True)
class Level:
    """One size of a pyramid.

    Attributes:
        shape: (height, width).
        steps: number of steps at this size.
        rate: factor of the optimiser's learning rate.
        detail: whether the content's highest frequencies are added at the start.
    """

    shape: tuple[int, int]
    steps: int
    rate: float = 1.0
    detail: bool = False


def levels(pyramid: Pyramid | None, shape: tuple[int, ...], steps: int) -> tuple[Level, ...]:
    """Levels of a picture, from small to its own `shape`, which the last one has exactly.

    Levels whose short edge would be under `LEAST` are left out. If `steps` is 0, there is only the last level.

    >>> [level.shape for level in levels(Pyramid(128), (600, 900), 300)]
    [(80, 128), (176, 256), (336, 512), (600, 900)]
    """
    last = Level((int(shape[0]), int(shape[1])), steps)
    if pyramid is None or steps == 0:
        return (last,)
    shapes = _shapes_below(pyramid, last.shape) if pyramid.down else _coarse_shapes(pyramid, last.shape)
    if pyramid.down and not shapes:
        last = replace(last, steps=max(1, round(pyramid.first_steps * steps)))
    shares = [pyramid.first_steps, *[pyramid.steps] * len(shapes)]
    earlier = [
        Level(shape, max(1, round(share * steps)), detail=pyramid.growing == "detail")
        for shape, share in zip(shapes, shares, strict=False)
    ]
    last = replace(last, rate=pyramid.last_rate) if earlier else last
    return (*earlier, last, *(last,) * pyramid.final_pass)


def _coarse_shapes(pyramid: Pyramid, own: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes (height, width) of the levels before the last; levels that the grid rounds to the same size become one."""
    edge, shapes = float(pyramid.smallest), {}
    while edge * pyramid.ratio**0.5 <= max(own):
        shape = on_grid(own, edge / max(own))
        # A size that is rounded up may be almost the picture's own: leave it out.
        if min(own) * edge / max(own) > LEAST - GRID / 2 and max(shape) * pyramid.ratio**0.25 <= max(own):
            shapes[max(shape)] = shape
        edge *= pyramid.ratio
    return list(shapes.values())


def _shapes_below(pyramid: Pyramid, own: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes (height, width) of the levels before the last, counted down from the picture's own."""
    shapes: list[tuple[int, int]] = []
    power = 1
    while (edge := round(max(own) / pyramid.ratio**power)) >= pyramid.smallest:
        shape = (max(1, round(own[0] * edge / max(own))), max(1, round(own[1] * edge / max(own))))
        if min(shape) < LEAST:
            break
        shapes, power = [shape, *shapes], power + 1
    return shapes


def on_grid(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Size (height, width) of `shape` times `scale`, with both edges multiples of `GRID` and at least `LEAST`."""
    # Rounded twice, so that float errors do not decide where an edge lies between two multiples.
    height, width = (max(LEAST, GRID * int(round(edge * scale / GRID, 6) + 0.5)) for edge in shape[:2])
    return height, width


def style_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Size (height, width) of a style at a level of `scale` times the result's size, with edges of at least `LEAST`."""
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
    """Optimise one level after the other: run the steps of each, and grow the state from each level to the next.

    The same loop serves one run and a batch of runs, which differ in what a state is and in how its steps are done.

    Args:
        levels: number of levels.
        state: state to begin from.
        steps: function (level, state) that runs the steps of a level and yields (state, report) after some of them.
        grown: function (level, state) that makes the first state of a level from the last state of the level before.
        start: level that `state` belongs to, from 0.

    Yields:
        (level, state, report) after some steps.
    """
    for level in range(start, levels):
        if level > start:
            state = grown(level, state)
        for state, report in steps(level, state):  # noqa: B020
            yield level, state, report


@partial(jax.jit, static_argnames=("shape", "clip", "parametrization", "growing"))
def grow(
    state: State,
    optimizer: Optimizer,
    shape: tuple[int, int],
    *,
    clip: bool = True,
    parametrization: Parametrization = Pixels(),  # noqa: B008
    detail: Float[Array, "h w 3"] | None = None,
    growing: Growing = "bicubic",
) -> State:
    """Make the first state of the next level, of (height, width) `shape`.

    As in crowsonkb/style-transfer-pytorch, the image starts at the averaged iterate, and a new average begins. The
    optimiser decides what it carries on (Adam its moments, L-BFGS nothing), but begins afresh where the parameters are
    no pixels. The random key is the one that the next step of the level before would have had.

    Args:
        state: last state of the level before.
        optimizer: settings of the optimiser, such as `Adam()`.
        shape: (height, width) of the next level.
        clip: whether to clip the image to [0, 1], which bicubic resizing overshoots.
        parametrization: what the optimiser changes.
        detail: what to add to the image.
        growing: how the image grows, see `Pyramid`.
    """
    image = _resized(state.average, shape, "cubic") if growing == "bicubic" else bilinear(state.average, shape)
    image = image if detail is None else image + detail
    keep = state.begin is not None
    first = init(jnp.clip(image, 0, 1) if clip else image, optimizer, parametrization=parametrization, keep=keep)
    first = first._replace(key=jax.random.key_data(step_key(state)))
    if not parametrization.clips:
        return first

    def resize(values: Array, method: str) -> Array:
        return _resized(values, shape, method)

    return first._replace(optimizer=optimizer.carry(state.optimizer, first.optimizer, resize))


def highest_frequencies(image: Float[Array, "h w 3"]) -> Float[Array, "h w 3"]:
    """What an image loses when it is reduced to half its size and enlarged again, both by bilinear interpolation."""
    height, width = image.shape[:2]
    return image - bilinear(bilinear(image, (max(height // 2, 1), max(width // 2, 1))), (height, width))


def _resized(values: Float[Array, "h w 3"], shape: tuple[int, int], method: str) -> Array:
    return jax.image.resize(values, (*shape, values.shape[-1]), method)
