"""Bilinear resizing against closed forms."""

import jax.numpy as jnp
import numpy as np

from jaxstyle.networks.resize import bilinear


def test_bilinear_closed_form():
    ramp = jnp.asarray([0.0, 1.0]).reshape(1, 2, 1)
    np.testing.assert_allclose(bilinear(ramp, (1, 4))[0, :, 0], [0, 0.25, 0.75, 1], atol=1e-7)
    np.testing.assert_allclose(bilinear(ramp, (1, 4), corners=True)[0, :, 0], [0, 1 / 3, 2 / 3, 1], atol=1e-7)
    down = jnp.asarray([0.0, 1.0, 4.0, 9.0]).reshape(4, 1, 1)
    np.testing.assert_allclose(bilinear(down, (2, 1))[:, 0, 0], [0.5, 6.5])
    np.testing.assert_allclose(bilinear(down, (2, 1), corners=True)[:, 0, 0], [0, 9])
    np.testing.assert_allclose(bilinear(down, (1, 1), corners=True)[:, 0, 0], [0])
