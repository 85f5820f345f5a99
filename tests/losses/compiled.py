"""Losses as one program each: an operation at a time, compiling takes several times as long."""

import jax

value_of = jax.jit(lambda loss, found, target: loss(found, target), static_argnums=0)
target_of = jax.jit(lambda loss, found: loss.target(found), static_argnums=0)
gradient_of = jax.jit(jax.grad(lambda loss, found, target: loss(found, target), argnums=1), static_argnums=0)
