"""The optimisation loop: many steps in one compiled program, in one go or in chunks, with their reports."""

import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxstyle.errors import SettingError
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.parametrization import Parametrization, Pixels
from jaxstyle.optimize.program import Program
from jaxstyle.optimize.state import Evaluate, Info, State, evaluation, step

CAPACITY = 100
"""Lengths of Info's arrays are multiples of this, so that few compiled programs serve all numbers of steps."""


def run_plain(
    state: State,
    objective: Evaluate,
    optimizer: Optimizer,
    steps: int | Array,
    *,
    capacity: int = CAPACITY,
    average: float | Array = 0.0,
    clip: bool = True,
    parametrization: Parametrization = Pixels(),  # noqa: B008
) -> tuple[State, Info]:
    """Run `steps` steps, but at most `capacity`: the function that `run` compiles, to be part of your own programs.

    `steps` may be traced. The function is pure, so `jax.vmap` over states and objectives makes a batch.
    """
    shapes = jax.eval_shape(evaluation(objective, state, parametrization), state.parameters)
    # Not NaN, which `jax_debug_nans` would take for a fault.
    total, values = jax.tree.map(lambda shape: jnp.zeros(capacity, shape.dtype), shapes)

    def body(i: Array, carry: tuple[State, Info]) -> tuple[State, Info]:
        state, info = carry
        state, now, row = step(state, objective, optimizer, average=average, clip=clip, parametrization=parametrization)
        return state, jax.tree.map(lambda column, value: column.at[i].set(value), info, Info(now, row))

    return lax.fori_loop(0, jnp.minimum(steps, capacity), body, (state, Info(total, values)))


_STATIC = ("capacity", "clip", "parametrization")
run_plain.__name__ = run_plain.__qualname__ = "run"
_together = jax.jit(run_plain, static_argnames=_STATIC)
_alone = Program(run_plain, static_argnames=_STATIC)


def run(
    state: State,
    objective: Evaluate,
    optimizer: Optimizer,
    steps: int | Array,
    *,
    capacity: int | None = None,
    average: float | Array = 0.0,
    clip: bool = True,
    parametrization: Parametrization = Pixels(),  # noqa: B008
) -> tuple[State, Info]:
    """Run `steps` steps in one compiled program; two runs after each other equal one long run bit for bit.

    Args:
        state: from `init`, or where an earlier run ended.
        objective: image -> (total, {term: value}); a pytree, such as `make_objective` gives.
        optimizer: settings of the optimiser, such as `Adam()`.
        steps: number of steps, at least 0. A program serves all numbers up to the same multiple of 100.
        capacity: the most steps there may be, at least `steps`. It is needed only where `steps` is traced by a
            transformation of your own; then at most `capacity` steps are done, and Info's arrays have that length.
        average: see `step`.
        clip: see `step`.
        parametrization: see `step`.

    Raises:
        SettingError: `steps` is no whole number of at least 0, or `capacity` is too small or missing.
    """
    capacity = _capacity(steps, capacity)
    optimizer, n, average = _on_device((optimizer, steps, average))
    settings = {"average": average, "clip": clip, "parametrization": parametrization}
    state, info = _together(state, objective, optimizer, n, capacity=capacity, **settings)
    return state, info if isinstance(steps, jax.core.Tracer) else _first(info, int(steps))


def _first(info: Info, steps: int) -> Info:
    """The values of the first steps. Slices with brackets would send their bounds to the device."""
    return jax.tree.map(lambda column: lax.slice_in_dim(column, 0, steps), info)


def _on_device(settings: Any) -> Any:
    """The settings with Python's numbers moved to the device, openly: `jax_transfer_guard` may forbid it otherwise."""
    return jax.tree.map(lambda leaf: jax.device_put(leaf) if isinstance(leaf, int | float) else leaf, settings)


def _capacity(steps: int | Array, given: int | None) -> int:
    """Length of Info's arrays, enough for all steps. Raises SettingError rather than leave steps out."""
    if isinstance(steps, jax.core.Tracer):
        if given is None:
            raise SettingError("capacity: `steps` is traced, so say the most steps there may be, such as capacity=300")
        return given
    if isinstance(steps, bool) or int(steps) != steps or steps < 0:
        raise SettingError(f"steps: got {steps!r}, expected a whole number, at least 0")
    if given is not None and given < steps:
        raise SettingError(f"capacity: got {given} for {steps} steps, expected at least as many; or leave it out")
    return max(1, -(-int(steps) // CAPACITY)) * CAPACITY if given is None else given


def chunks(
    state: State,
    objective: Evaluate,
    optimizer: Optimizer,
    steps: int,
    *,
    every: int = 10,
    seconds: float = 1.0,
    average: float = 0.0,
    clip: bool = True,
    parametrization: Parametrization = Pixels(),  # noqa: B008
    before: int = 0,
) -> Iterator[tuple[State, Info]]:
    """Run `steps` steps in chunks, yielding (state, info) after each, and end early once a value is not finite.

    Chunks end after the first step, at every multiple of `every` (in a count of steps that starts from `before`), after
    100 steps, and about every `seconds` where steps are slow. How a run is cut into chunks does not change its bits.
    The Info of a chunk has NumPy arrays of the steps it did, including one that failed.

    Raises:
        SettingError: `every` is below 1.
    """
    if every < 1:
        raise SettingError(f"every: got {every}, expected at least 1 step between two reports")
    done, most = 0, 1
    how: Any = {"clip": clip, "parametrization": parametrization}
    finite, at = jax.device_get((state.finite, state.step))
    while done < steps and finite:
        n, started = min(most, CAPACITY, steps - done, every - (before + done) % every), time.perf_counter()
        state, info = run_alone(state, objective, optimizer, float(average), n, **how)
        # All in one transfer, and cut on the host: each length would be a program, each value a wait for the device.
        finite, now, info = jax.device_get((state.finite, state.step, info))
        ran, at = n if finite else int(now) - int(at) + 1, now
        yield state, jax.tree.map(lambda column, ran=ran: column[:ran], info)
        most = max(1, int(seconds * n / (time.perf_counter() - started)))
        done += n


def run_alone(
    state: State, objective: Evaluate, optimizer: Optimizer, average: Any, steps: int, **how: Any
) -> tuple[State, Info]:
    """Run at most `CAPACITY` steps by the program of `chunks`; Info's arrays are 0 beyond the steps done."""
    optimizer, average = _on_device((optimizer, average))
    return _alone(state, objective, optimizer, jax.device_put(steps), average=average, **how)


def compile_run(
    state: State,
    objective: Evaluate,
    optimizer: Optimizer,
    *,
    average: float = 0.0,
    clip: bool = True,
    parametrization: Parametrization = Pixels(),  # noqa: B008
) -> jax.stages.Compiled:
    """Compile the program that `chunks` runs, so that it finds it ready; arrays may be `jax.ShapeDtypeStruct`s."""
    settings = {"average": float(average), "clip": clip, "parametrization": parametrization}
    return _alone.lower(state, objective, optimizer, 1, **settings).compile()
