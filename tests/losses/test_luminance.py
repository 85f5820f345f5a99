"""The luminance loss: closed forms, NumPy, gradients, and what it does not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.image.color import luminance
from jaxstyle.losses.luminance import LuminanceLoss

LOSS = LuminanceLoss()


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize(("channel", "weight"), [(0, 0.299), (1, 0.587), (2, 0.114)])
def test_pure_colors_on_black(channel, weight):
    black = jnp.zeros((4, 5, 3))
    np.testing.assert_allclose(LOSS(black.at[..., channel].set(1), LOSS.target(black)), weight**2, rtol=1e-6)


def test_black_on_white_is_one():
    np.testing.assert_allclose(LOSS(jnp.zeros((3, 3, 3)), LOSS.target(jnp.ones((3, 3, 3)))), 1, rtol=1e-6)


def test_blind_to_chroma():
    content = jnp.asarray(picture(6, 7, 3), jnp.float32)
    chroma = jnp.asarray(picture(6, 7, seed=1), jnp.float32)[..., None] * jnp.array([[[0.114, 0.0, -0.299]]])
    np.testing.assert_allclose(LOSS(content + chroma, LOSS.target(content)), 0, atol=1e-12)


def test_oracle():
    x, y = picture(9, 8, 3), picture(9, 8, 3, seed=1)
    difference = [0.299 * (p[0] - q[0]) + 0.587 * (p[1] - q[1]) + 0.114 * (p[2] - q[2])
                  for p, q in zip(x.reshape(-1, 3), y.reshape(-1, 3), strict=True)]  # fmt: skip
    with jax.enable_x64(True):
        value = LOSS(jnp.asarray(x), LOSS.target(jnp.asarray(y)))
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, np.mean(np.square(difference)), rtol=1e-5)


def test_luma_is_that_of_the_color_module():
    x = picture(5, 6, 3).astype(np.float32)
    np.testing.assert_allclose(LOSS.target(jnp.asarray(x)), luminance(x), atol=1e-6)


def test_gradients():
    with jax.enable_x64(True):
        target = LOSS.target(jnp.asarray(picture(5, 4, 3, seed=1)))
        check_grads(lambda x: LOSS(jnp.asarray(x), target), (jnp.asarray(picture(5, 4, 3)),), order=1, modes=["rev"])


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (6, 5, 3)])
@pytest.mark.users_compiler
def test_zero_with_zero_gradient_at_its_own_target(shape):
    x = jnp.asarray(picture(*shape), jnp.float32)
    value, gradient = jax.value_and_grad(LOSS)(x, LOSS.target(x))
    assert value == 0 and not gradient.any()


def test_jit_and_vmap():
    x = jnp.asarray(picture(3, 6, 5, 3), jnp.float32)
    targets = jax.vmap(LOSS.target)(jnp.asarray(picture(3, 6, 5, 3, seed=1), jnp.float32))
    single = jnp.stack([LOSS(image, target) for image, target in zip(x, targets, strict=True)])
    np.testing.assert_allclose(jax.vmap(LOSS)(x, targets), single, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(LOSS)(x[0], targets[0]), single[0], rtol=1e-6)


def test_features_have_no_luma():
    with pytest.raises(SettingError, match="layer: got 'relu1_1'"):
        LuminanceLoss("relu1_1")
