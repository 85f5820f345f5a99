"""The largest connected component of a mask, inside a compiled program."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int


def largest_component(mask: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    """Largest connected component of the positions that are True, diagonal neighbours included; all False for none.

    If two components have the same size, the result is the one whose last position comes later in reading order. It
    works under `jax.jit` and `jax.vmap`, so that targets can use it. It has no gradient. The time grows with the length
    of the longest path inside a component: it is made for the small maps of deep layers.

    >>> largest_component(jnp.array([[True, False, True], [False, False, True]])).astype(int).tolist()
    [[0, 0, 1], [0, 0, 1]]
    """
    labels = connected(mask)
    sizes = jnp.zeros(mask.size + 1, int).at[labels].add(mask.astype(int))
    last = mask.size - jnp.argmax(sizes[::-1])
    return mask & (labels == last)


def connected(mask: Bool[Array, "h w"]) -> Int[Array, "h w"]:
    """Label each position with its component: the index, from 1, of the component's last position; 0 outside."""
    first = jnp.where(mask, jnp.arange(1, mask.size + 1).reshape(mask.shape), 0)

    def spread(labels: Array) -> Array:
        x = jnp.pad(labels, 1)
        x = jnp.maximum(jnp.maximum(x[:-2], x[1:-1]), x[2:])
        return jnp.where(mask, jnp.maximum(jnp.maximum(x[:, :-2], x[:, 1:-1]), x[:, 2:]), 0)

    def step(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        return pair[1], spread(pair[1])

    return lax.while_loop(lambda pair: jnp.any(pair[0] != pair[1]), step, (first, spread(first)))[1]
