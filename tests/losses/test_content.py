import jax.numpy as jnp

from jaxstyle.losses import ContentLoss


def test_closed_form():
    loss = ContentLoss("relu1_1")
    target = loss.target(jnp.zeros((2, 3, 4)))
    assert float(loss(jnp.full((2, 3, 4), 3.0), target)) == 9.0
    assert float(loss(jnp.zeros((2, 3, 4)), target)) == 0.0
