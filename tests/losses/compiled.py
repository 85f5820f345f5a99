"""Losses as one program each: an operation at a time, compiling takes several times as long."""

import jax

value_of = jax.jit(lambda loss, found, target: loss(found, target), static_argnums=0)
target_of = jax.jit(lambda loss, found: own_target(loss, found), static_argnums=0)
gradient_of = jax.jit(jax.grad(lambda loss, found, target: loss(found, target), argnums=1), static_argnums=0)


def own_target(loss, found):
    """A loss's target of activations; for one that matches, matched with themselves."""
    target = loss.target(found)
    return loss.match(target, found) if loss.matches else target
