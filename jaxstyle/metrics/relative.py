"""Relative squared distances: how far from a target, in units of the target's own squared length."""

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float


def relative_distance(found: Float[Array, "..."], target: Float[Array, "..."]) -> Float[Array, ""]:
    """`sum((found - target)^2) / sum(target^2)`: 0 at the target, 1 for an array of zeros.

    For content and Gram losses this is the same as `Term(relative=True)`. If both are all zeros it is 0.
    """
    size = jnp.maximum(jnp.sum(target**2), jnp.finfo(target.dtype).tiny)
    return jnp.sum((found - target) ** 2) / size


def mean_distance(found: Mapping[str, Array], targets: Mapping[str, Array]) -> Float[Array, ""]:
    """The mean of `relative_distance` over the layers of `targets`, so that every layer counts the same."""
    each = [relative_distance(found[layer], target) for layer, target in targets.items()]
    return jnp.mean(jnp.stack(each))
