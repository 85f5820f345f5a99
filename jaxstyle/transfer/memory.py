"""Estimates how much memory a run takes before it starts, and chooses a plan that fits."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxstyle import optimize
from jaxstyle.errors import is_out_of_memory
from jaxstyle.objective.banded import named_terms
from jaxstyle.objective.make import make_objective, ready
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.runtime.free_memory import free_memory
from jaxstyle.runtime.heap import keep_heap

# A VGG19 to relu5_1 takes 1.8 to 2.6 kB a pixel, losses that compare positions more.
BYTES_PER_PIXEL = 8000
# Compiled for an H100 it takes 0.81 kB, and 0.42 in bfloat16, besides picture, targets and the optimiser's state.
ACCELERATORS_BYTES_PER_PIXEL = {"float32": 2400, "bfloat16": 1600}
MOST_NUMBERS = 2**31 - 1
"""The most numbers that an array of activations may have where cuDNN computes: it counts them in 32 bits."""
_CHANNELS = 64  # of VGG's widest arrays, those of the first block
_SHARE = 0.85  # of the free memory; other programs need the rest
_ROWS = (1024, 512, 256, 128, 64)

_MOST_NEEDED = 256
_needed: dict[Any, int] = {}  # {structure and shapes of a run: bytes its program needs besides its arguments}

log = logging.getLogger(__name__)


def estimate_memory(shape: tuple[int, int] | int, recipe: Recipe, *, model: Any, plan: Plan = Plan()) -> int:  # noqa: B008
    """Bytes that `stylize` holds while it optimises a picture of (height, width), the network included.

    These are the arrays that the run works on, and the temporaries of the compiled program by XLA's own account
    (`compiled.memory_analysis()`). The program is compiled for this, in 2 to 10 s, and the run then finds it ready. Not
    counted are the process with its libraries, some 0.3 GiB, and what an allocator wastes.

    Args:
        shape: (height, width), or the side of a square, in pixels.
        recipe: losses and optimiser.
        model: the network.
        plan: how the run is computed.

    Raises:
        SettingError: as for `make_objective`.
    """
    size = (shape, shape) if isinstance(shape, int) else tuple(shape)
    picture = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
    make = lambda model, content, style: make_objective(model, content, style, recipe, plan=plan)  # noqa: E731
    objective = jax.eval_shape(make, ready(model, recipe, plan), picture, picture)
    how: Any = {"parametrization": recipe.parametrization}
    state = jax.eval_shape(lambda image: optimize.init(image, recipe.optimizer, **how), picture)
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((state, objective)))
    leaves, structure = jax.tree.flatten((state, objective, recipe.optimizer))
    key = (
        structure,
        tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves),
        recipe.clip,
        recipe.parametrization,
    )
    if key not in _needed:
        how |= {"average": recipe.average, "clip": recipe.clip}
        program = optimize.compile_run(state, objective, recipe.optimizer, **how)
        analysis: Any = program.memory_analysis()
        while len(_needed) >= _MOST_NEEDED:
            _needed.pop(next(iter(_needed)))
        _needed[key] = analysis.temp_size_in_bytes + analysis.output_size_in_bytes
    return held + _needed[key]


def choose_plan(
    shape: tuple[int, int],
    recipe: Recipe,
    *,
    model: Any,
    available: int | None = None,
    plan: Plan = Plan(),  # noqa: B008
) -> Plan:
    """Choose the fastest plan that fits into memory; if none does, the one that takes the least.

    Small pictures get `plan` as it is, without an estimate. For large ones plans are compiled and their memory is
    estimated, the fastest first. The precision stays, as another one would change the picture.

    Args:
        shape: (height, width) of the result.
        recipe: losses and optimiser.
        model: the network.
        available: bytes that the run may take; by default what is free.
        plan: the first plan to try.
    """
    free = available_memory() if available is None else available
    plans = [each for each in (plan, *smaller_plans(plan, recipe, shape[0])) if fits_counters(shape, plan=each)]
    plans = plans or [*smaller_plans(plan, recipe, shape[0])][-1:] or [plan]
    if free is None or shape[0] * shape[1] * (BYTES_PER_PIXEL + _kept(recipe.optimizer)) < free:
        return plans[0]
    for smaller in plans:
        needed = estimate_memory(shape, recipe, model=model, plan=smaller)
        log.info("%s: needs %.1f of %.1f GiB", smaller, needed / 2**30, free / 2**30)
        if needed <= _SHARE * free:
            return smaller
    log.warning("%.1f GiB are free, and the smallest plan needs %.1f GiB", free / 2**30, needed / 2**30)
    return smaller


def fits_counters(shape: tuple[int, int], *, lanes: int = 1, plan: Plan = Plan()) -> bool:  # noqa: B008
    """Whether the device can count the numbers of the activations of so many pictures of (height, width) at a time."""
    if jax.default_backend() == "cpu":
        return True
    rows = shape[0] if plan.rows is None else min(shape[0], plan.rows + 256)  # the halos of a VGG19, and more
    return lanes * rows * shape[1] * _CHANNELS <= MOST_NUMBERS


def _kept(optimizer: Optimizer) -> float:
    """Bytes of the optimiser's state per pixel of the picture."""
    image = jax.ShapeDtypeStruct((16, 16, 3), jnp.float32)
    leaves = jax.tree.leaves(jax.eval_shape(optimizer.transform().init, image))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves) / 256


def smaller_plans(plan: Plan, recipe: Recipe, height: int) -> Iterator[Plan]:
    """Yield plans that take less and less memory, and more and more time."""
    on_cpu = jax.default_backend() == "cpu"
    exact = replace(plan, conv="exact") if on_cpu else plan
    if plan != exact:
        yield exact
    if not plan.remat and plan.rows is None and not on_cpu:  # XLA undoes it on CPUs
        yield replace(plan, remat=True)
    if recipe.normalize_gradients or not all(loss.additive for _, loss in named_terms(recipe)):
        return
    least = [rows for rows in _ROWS if rows < (plan.rows or height)]
    for rows in least:
        yield replace(plan, rows=rows, remat=False)
    if least and plan != exact:
        yield replace(exact, rows=least[-1], remat=False)


W = TypeVar("W")


def go_on_smaller(error: Exception, ways: Iterator[W], what: str = "%s") -> W:
    """Return the next of some ways to go on after memory ran out, and log a warning.

    A single picture goes on with smaller plans. A sweep paints fewer cells at a time, because the plan is part of the
    definition of its cells.

    Args:
        error: the error that was raised.
        ways: what to try, with less and less memory.
        what: text for the warning, with "%s" for the way.

    Raises:
        Exception: `error` itself, if it is no lack of memory or there is no way left.
    """
    way = next(ways, None) if is_out_of_memory(error) else None
    if way is None:
        raise error
    log.warning(f"out of memory; going on with {what}", way)
    return way


def keep_heap_for(shape: tuple[int, int]) -> None:
    """Call `keep_heap` on CPU if a picture of (height, width) takes less than a quarter of the free memory."""
    free = available_memory() if jax.default_backend() == "cpu" else None
    if free is not None and 4 * shape[0] * shape[1] * BYTES_PER_PIXEL < free:
        keep_heap()


def available_memory() -> int | None:
    """Bytes that are free on the first device that JAX computes on; None if that is not known."""
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        return stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None
    return free_memory()
