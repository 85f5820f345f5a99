"""The Laplacian loss: closed forms, loops in NumPy, gradients, and pictures too small to have a Laplacian."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.losses.laplacian import LaplacianLoss, laplacian


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def oracle(x, y, pool):
    """By the definition, pixel by pixel."""
    values = []
    for image in (x, y):
        h, w = image.shape[0] // pool, image.shape[1] // pool
        blocks = [[image[i * pool : (i + 1) * pool, j * pool : (j + 1) * pool] for j in range(w)] for i in range(h)]
        small = np.array([[block.mean((0, 1)) for block in row] for row in blocks])
        values.append(
            [
                sum(
                    4 * p[i, j] - p[i - 1, j] - p[i + 1, j] - p[i, j - 1] - p[i, j + 1]
                    for p in small.transpose(2, 0, 1)
                )
                for i in range(1, h - 1)
                for j in range(1, w - 1)
            ]
        )
    return np.mean((np.array(values[0]) - np.array(values[1])) ** 2)


def test_one_bright_block():
    image = jnp.zeros((20, 20, 3)).at[8:12, 8:12].set(0.5)
    kernel = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    np.testing.assert_allclose(laplacian(image, 4), 1.5 * kernel, atol=1e-6)
    loss = LaplacianLoss()
    np.testing.assert_allclose(loss(image, loss.target(jnp.zeros_like(image))), 1.5**2 * 20 / 9, rtol=1e-6)


def test_blind_to_brightness_slopes_and_edges_of_equal_sum():
    content, loss = jnp.asarray(picture(17, 23, 3), jnp.float32), LaplacianLoss(pool=2)
    rows, columns = jnp.meshgrid(jnp.arange(17.0), jnp.arange(23.0), indexing="ij")
    slope = (0.01 * rows + 0.02 * columns)[..., None]
    trade = jnp.asarray(picture(17, 23, seed=1), jnp.float32)[..., None] * jnp.array([[[1.0, -0.5, -0.5]]])
    for changed in (content + 0.3, content + slope, content + trade):
        np.testing.assert_allclose(loss(changed, loss.target(content)), 0, atol=1e-10)


@pytest.mark.parametrize("pool", [1, 2, 4])
@pytest.mark.parametrize("shape", [(12, 12, 3), (15, 22, 3), (13, 14, 5)])
def test_oracle(shape, pool):
    x, y, loss = picture(*shape), picture(*shape, seed=1), LaplacianLoss(pool=pool)
    with jax.enable_x64(True):
        value = loss(jnp.asarray(x), loss.target(jnp.asarray(y)))
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, oracle(x, y, pool), rtol=1e-5)


def test_gradients():
    loss = LaplacianLoss(pool=2)
    with jax.enable_x64(True):
        target = loss.target(jnp.asarray(picture(9, 11, 3, seed=1)))
        check_grads(lambda x: loss(jnp.asarray(x), target), (jnp.asarray(picture(9, 11, 3)),), order=1, modes=["rev"])


def test_zero_with_zero_gradient_at_its_own_target():
    x, loss = jnp.asarray(picture(16, 20, 3), jnp.float32), LaplacianLoss()
    value, gradient = jax.value_and_grad(loss)(x, loss.target(x))
    assert value == 0 and not gradient.any()


def test_jit_and_vmap():
    loss = LaplacianLoss()
    x = jnp.asarray(picture(3, 16, 21, 3), jnp.float32)
    targets = jax.vmap(loss.target)(jnp.asarray(picture(3, 16, 21, 3, seed=1), jnp.float32))
    single = jnp.stack([loss(image, target) for image, target in zip(x, targets, strict=True)])
    np.testing.assert_allclose(jax.vmap(loss)(x, targets), single, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(loss)(x[0], targets[0]), single[0], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (3, 40, 3), (40, 7, 3), (11, 11, 3)])
def test_pictures_without_a_laplacian(shape):
    x, loss = jnp.asarray(picture(*shape), jnp.float32), LaplacianLoss()
    value, gradient = jax.value_and_grad(loss)(x, loss.target(1 - x))
    assert value == 0 and value.dtype == x.dtype and gradient.shape == shape and not gradient.any()


def test_equal_settings_are_one_static_argument():
    assert LaplacianLoss(pool=2) == LaplacianLoss("input", 2) and hash(LaplacianLoss()) == hash(LaplacianLoss())


@pytest.mark.parametrize("pool", [0, -4, 2.5, True, "4"])
def test_wrong_pool(pool, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as it is for users
    with pytest.raises(SettingError, match="pool: got"):
        LaplacianLoss(pool=pool)
