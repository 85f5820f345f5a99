"""One optimisation step: from a State to a new State, with the values that it reports."""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from jaxstyle.errors import SettingError
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.parametrization import Parametrization, Pixels

GENERATOR = "threefry2x32"
"""The random generator of a run, whatever the user has set in JAX, so that a recipe paints the same everywhere."""
Evaluate = Callable[[Array], tuple[Array, dict[str, Array]]]
"""An objective, image -> (total, {term: value}). As an argument of `run` it must be a pytree too, as `Objective` is.

If it has a true attribute `random`, its method `with_key(key)` gives the objective of each step, with that step's key.
"""


class State(NamedTuple):
    """State of a run, with all that it needs to continue: pass it back in to resume."""

    parameters: Any  # what the optimiser changes: the image itself, or what the parametrization makes of it
    average: Float[Array, "h w 3"]  # moving average of the images; the image itself where nothing is averaged
    optimizer: Any  # the optimiser's state
    key: UInt32[Array, "2"]  # random key; each step draws from one made of this and its number
    step: Int[Array, ""]  # number of steps done
    finite: Bool[Array, ""]  # False once a value was not finite: the state then stays at its last finite image
    begin: Float[Array, "h w 3"] | None = None  # the first image, where it is kept; in a pyramid, the level's


class Info(NamedTuple):
    """Values that a run reports, one per step, computed before the step's update.

    Where the number of steps is traced, the arrays have the length `capacity`, and are 0 beyond the steps done.
    """

    total: Float[Array, " n"]
    values: dict[str, Float[Array, " n"]]


def init(
    image: Float[Array, "h w 3"],
    optimizer: Optimizer,
    *,
    seed: int | Array = 0,
    parametrization: Parametrization = Pixels(),  # noqa: B008
    keep: bool = False,
) -> State:
    """Make the state before the first step.

    Args:
        image: the first image.
        optimizer: settings of the optimiser, such as `Adam()`.
        seed: random seed of losses that draw random numbers at every step, from 0 to 2**32 - 1.
        parametrization: what the optimiser changes: the pixels, or other parameters of the image.
        keep: whether the state keeps the image, for losses that match the style with it.
    """
    return _init(image, optimizer, jax.device_put(np.uint32(seed)), parametrization=parametrization, keep=keep)


@partial(jax.jit, static_argnames=("parametrization", "keep"))
def _init(image: Array, optimizer: Optimizer, seed: Array, *, parametrization: Parametrization, keep: bool) -> State:
    with jax.numpy_dtype_promotion("standard"):
        parameters = parametrization.parameters(image)
        begun = optimizer.transform().init(parameters)
    key = jax.random.key_data(jax.random.key(seed, impl=GENERATOR))
    begin = image if keep else None
    state = State(parameters, image, begun, key, jnp.zeros((), int), jnp.ones((), bool), begin)
    # Fixed dtypes, as `step` returns them: with a weakly typed zero the next call would compile another program.
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), state)


def step_key(state: State) -> Array:
    """The random key of a state's next step."""
    return jax.random.fold_in(jax.random.wrap_key_data(state.key, impl=GENERATOR), state.step)


def step(
    state: State,
    objective: Evaluate,
    optimizer: Optimizer,
    *,
    average: float | Array = 0.0,
    clip: bool = True,
    parametrization: Parametrization = Pixels(),  # noqa: B008
) -> tuple[State, Array, dict[str, Array]]:
    """Do one step: return the new state, and the objective's total and values at the old image.

    Args:
        state: from `init` or an earlier step.
        objective: image -> (total, {term: value}).
        optimizer: settings of the optimiser, such as `Adam()`.
        average: decay in [0, 1) of the exponential moving average of the images, bias-corrected as in Adam; 0 is none.
        clip: whether to clip the image to [0, 1] after the update; only where the parameters are pixels.
        parametrization: what the optimiser changes, as in `init`.
    """
    evaluate = evaluation(objective, state, parametrization)
    (total, values), gradient = jax.value_and_grad(evaluate, has_aux=True)(state.parameters)
    with jax.numpy_dtype_promotion("standard"):  # optax multiplies integers and floats, whatever JAX's user has set
        updates, opt_state = optimizer.transform().update(
            gradient, state.optimizer, state.parameters, value=total, grad=gradient, value_fn=lambda x: evaluate(x)[0]
        )
    parameters = jax.tree.map(partial(_moved, clip=clip), state.parameters, updates)
    image = parametrization.image(parameters, state.average.shape)
    share = (1 - average) / (1 - lax.pow(jnp.asarray(average, float), state.step + 1))
    mean = (1 - share) * state.average + share * image
    # Squares, because optimisers take them: where they overflow, updates vanish, and a run would seem to be finished.
    squares = jax.tree.map(jnp.square, gradient)
    finite = state.finite & jnp.isfinite(total) & _all_finite(parameters) & _all_finite(squares)
    new = State(parameters, mean.astype(image.dtype), opt_state, state.key, state.step + 1, finite, state.begin)
    frozen = state._replace(finite=finite)
    return jax.tree.map(partial(jnp.where, finite), new, frozen), total, values


def evaluation(objective: Any, state: State, parametrization: Parametrization) -> Evaluate:
    """The objective of the state's step as a function of the parameters, with its random numbers if it draws any."""
    now = objective.with_key(step_key(state)) if getattr(objective, "random", False) else objective
    return lambda parameters: now(parametrization.image(parameters, state.average.shape))


def _moved(values: Array, update: Array, clip: bool) -> Array:
    """The values after the update."""
    if jnp.shape(update) != values.shape:
        raise SettingError(f"optimizer: its update has the shape {jnp.shape(update)}, the picture {values.shape}")
    new = (values + update).astype(values.dtype)
    return jnp.clip(new, 0, 1) if clip else new


def _all_finite(tree: Any) -> Array:
    first, *rest = (jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
    return reduce(jnp.logical_and, rest, first)
