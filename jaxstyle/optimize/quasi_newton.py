"""L-BFGS without a line search, as in PyTorch and Lua's optim, which neural-style and Gatys' code use."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

CURVATURE = 1e-10
"""A pair of differences is kept only where its product s.y is above this, so that the direction leads downhill."""


class LBFGSState(NamedTuple):
    """Optimiser state: the last m pairs of differences, flattened, in a ring buffer, and their dot products.

    Attributes:
        history: rows 0 to m - 1 are the last steps s, rows m to 2m - 1 the changes y of the gradient that they made.
        products: dot products of the rows of `history` with each other.
        kept: number of pairs that were ever kept.
        scale: factor of the identity that is the first guess of the inverse Hessian: s.y / y.y of the newest pair.
        gradient: gradient of the step before.
        update: what the step before added to the parameters.
        steps: number of steps done.
    """

    history: Float[Array, "pairs n"]
    products: Float[Array, "pairs pairs"]
    kept: Int[Array, ""]
    scale: Float[Array, ""]
    gradient: Float[Array, " n"]
    update: Float[Array, " n"]
    steps: Int[Array, ""]


def lbfgs(learning_rate: Any, memory: int, *, unit: float = 1.0) -> optax.GradientTransformationExtraArgs:
    """Make an L-BFGS transformation whose updates are `learning_rate` times the quasi-Newton direction.

    The first update is min(1, 1 / |g|_1) times that, for the gradient g. Nocedal's two loops (1980) are run with the
    rules of `torch.optim.LBFGS` without line search: a pair is kept only where s.y > 1e-10 (optax keeps all, and may
    then step uphill), and the newest pair scales the first guess of the inverse Hessian. The loops run on coefficients
    of the remembered vectors (Chen et al. 2014, "Large-scale L-BFGS using MapReduce"): the vectors themselves are read
    twice a step, in two matrix products.

    Args:
        learning_rate: factor of the updates, a number or a traced scalar.
        memory: m, the most pairs that are remembered.
        unit: number of units of the published code's parameters that make one of ours: 255 where its pixels run to 255.
            Only the first step depends on it.
    """

    def init(params: Any) -> LBFGSState:
        flat, _ = ravel_pytree(params)
        zero = jnp.zeros_like(flat)
        return LBFGSState(
            jnp.zeros((2 * memory, flat.size), flat.dtype),
            jnp.zeros((2 * memory, 2 * memory), flat.dtype),
            jnp.zeros((), int),
            jnp.ones((), flat.dtype),
            zero,
            zero,
            jnp.zeros((), int),
        )

    def update(updates: Any, state: LBFGSState, params: Any = None, **extra: Any) -> tuple[Any, LBFGSState]:
        gradient, unravel = ravel_pytree(updates)
        state, of_gradient = _remember(state, gradient)
        first = state.steps == 0
        step = jnp.where(first, jnp.minimum(1, unit / jnp.abs(gradient).sum()) / unit**2, 1) * learning_rate
        new = (step * _direction(state, gradient, of_gradient)).astype(gradient.dtype)
        return unravel(new), state._replace(gradient=gradient, update=new, steps=state.steps + 1)

    return optax.GradientTransformationExtraArgs(init, update)


def _remember(state: LBFGSState, gradient: Float[Array, " n"]) -> tuple[LBFGSState, Float[Array, " pairs"]]:
    """Add the newest pair to the state if it may be kept; return also the products of all rows with the gradient."""
    memory = len(state.history) // 2
    change = gradient - state.gradient
    curvature = _dot(change, state.update)
    keep = (state.steps > 0) & (curvature > CURVATURE)
    slot = state.kept % memory
    pair = jnp.stack([state.update, change])
    rows = jnp.stack([slot, slot + memory])
    history = state.history.at[rows].set(jnp.where(keep, pair, state.history[rows]))
    found = jnp.matmul(history, jnp.stack([*pair, gradient], 1), precision="highest")
    products = state.products.at[rows].set(found[:, :2].T).at[:, rows].set(found[:, :2])
    new = state._replace(
        history=history,
        products=jnp.where(keep, products, state.products),
        kept=state.kept + keep,
        scale=jnp.where(keep, curvature / _dot(change, change), state.scale),
    )
    return new, found[:, 2]


def _direction(
    state: LBFGSState, gradient: Float[Array, " n"], of_gradient: Float[Array, " pairs"]
) -> Float[Array, " n"]:
    """Quasi-Newton direction: minus the estimate of the inverse Hessian times the gradient."""
    memory = len(state.history) // 2
    pairs = jnp.minimum(state.kept, memory)
    # Coefficients of the rows; the gradient's own is -1, and -scale after the first loop.
    share = jnp.zeros_like(of_gradient)

    def newest_first(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        share, alphas = carry
        slot = (state.kept - 1 - i) % memory
        alpha = (state.products[slot] @ share - of_gradient[slot]) / state.products[slot, slot + memory]
        return share.at[slot + memory].add(-alpha), alphas.at[slot].set(alpha)

    def oldest_first(i: Array, share: Array) -> Array:
        slot = (state.kept - pairs + i) % memory
        row = slot + memory
        beta = (state.products[row] @ share - state.scale * of_gradient[row]) / state.products[slot, row]
        return share.at[slot].add(alphas[slot] - beta)

    share, alphas = lax.fori_loop(0, pairs, newest_first, (share, jnp.zeros(memory, share.dtype)))
    share = lax.fori_loop(0, pairs, oldest_first, share * state.scale)
    return jnp.matmul(share, state.history, precision="highest") - state.scale * gradient


def _dot(a: Float[Array, " n"], b: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.vdot(a, b, precision="highest")
