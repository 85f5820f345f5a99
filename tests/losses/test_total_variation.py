"""Total variation: each published form by hand, by loops in NumPy, and by the gradient that its program computes."""

from typing import get_args

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.losses.total_variation import Form, TotalVariation

FORMS = get_args(Form)


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def oracle(x, form):
    """By the definitions, pixel by pixel."""
    h, w, c = x.shape
    right = [x[i, j + 1] - x[i, j] for i in range(h) for j in range(w - 1)]
    below = [x[i + 1, j] - x[i, j] for i in range(h - 1) for j in range(w)]
    if form == "squared":
        return sum(np.sum(np.square(d)) / (len(d) * c) for d in (right, below) if d)
    if form == "absolute":
        return np.abs(right).sum() + np.abs(below).sum()
    if form in ("corner", "power"):
        pairs = [(x[i, j + 1] - x[i, j], x[i + 1, j] - x[i, j]) for i in range(h - 1) for j in range(w - 1)]
        if form == "corner":
            return np.square(pairs).sum() / 2
        return sum(np.sum((across**2 + down**2) ** 1.25) for across, down in pairs)

    def at(i, j):
        return x[min(max(i, 0), h - 1), min(max(j, 0), w - 1)]

    squares = [(i, j) for i in range(-1, h) for j in range(-1, w)]
    diagonal = [at(i + 1, j + 1) - at(i, j) for i, j in squares]
    other = [at(i + 1, j) - at(i, j + 1) for i, j in squares]
    straight = np.square(right).sum() / (h * w * c) + np.square(below).sum() / (h * w * c)
    return 2 * (straight / 3 + np.mean(np.square(diagonal)) / 12 + np.mean(np.square(other)) / 12)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("squared", 0.5**2),  # every dx is 0.5
        ("absolute", 3 * 2 * 3 * 0.5),  # 3 rows, 2 steps, 3 channels
        ("corner", 0.5 * 2 * 2 * 3 * 0.25),  # the last row has no neighbour below
        ("power", 2 * 2 * 3 * 0.25**1.25),
        # dx on 2 of 3 columns; each diagonal on the 4 x 2 of the 4 x 4 squares that straddle a step
        ("replicate", 2 * (0.25 * 2 / 3 / 3 + 2 * 0.25 * 2 / 4 / 12)),
    ],
)
def test_a_ramp(form, expected):
    ramp = jnp.broadcast_to(0.5 * jnp.arange(3.0)[None, :, None], (3, 3, 3))
    np.testing.assert_allclose(TotalVariation(form=form)(ramp), expected, rtol=1e-6)
    np.testing.assert_allclose(TotalVariation(form=form)(ramp.transpose(1, 0, 2)), expected, rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(5, 7, 3), (6, 4, 8), (2, 2, 1), (1, 6, 3), (6, 1, 3), (1, 1, 3)])
def test_oracle(form, shape):
    x, loss = picture(*shape), TotalVariation(form=form)
    with jax.enable_x64(True):
        value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.asarray(x), ())
        assert value.dtype == jnp.float64 and jnp.isfinite(gradient).all()
        np.testing.assert_allclose(value, oracle(x, form), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gradients(form):
    with jax.enable_x64(True):
        loss = TotalVariation(form=form)
        check_grads(lambda x: loss(jnp.asarray(x)), (jnp.asarray(picture(5, 6, 3)),), order=1, modes=["rev"])


def test_corner_has_the_gradient_that_neural_style_adds():
    x = picture(6, 5, 3)
    dx, dy = x[:-1, :-1] - x[:-1, 1:], x[:-1, :-1] - x[1:, :-1]
    expected = np.zeros_like(x)
    expected[:-1, :-1] += dx + dy
    expected[:-1, 1:] -= dx
    expected[1:, :-1] -= dy
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.grad(TotalVariation(form="corner"))(jnp.asarray(x)), expected, atol=1e-12)


def test_absolute_does_not_pull_on_equal_neighbours():
    steps = jnp.array([0.2, 0.2, 0.6, 0.6])[None, :, None]
    np.testing.assert_array_equal(jax.grad(TotalVariation(form="absolute"))(steps)[0, :, 0], [0, -1, 1, 0])


@pytest.mark.parametrize("form", FORMS)
def test_constant_pictures_are_at_the_minimum(form):
    value, gradient = jax.jit(jax.value_and_grad(TotalVariation(form=form)))(jnp.full((5, 6, 3), 0.7))
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize(("form", "power"), [("squared", 2), ("absolute", 1), ("corner", 2), ("replicate", 2)])
def test_what_a_weight_published_for_255_is_multiplied_by(form, power):
    x, loss = jnp.asarray(picture(5, 6, 3), jnp.float32), TotalVariation(form=form)
    np.testing.assert_allclose(loss(255 * x), 255**power * loss(x), rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_jit_and_vmap(form):
    x, loss = jnp.asarray(picture(3, 6, 5, 3), jnp.float32), TotalVariation(form=form)
    single = jnp.stack([loss(image, loss.target(image)) for image in x])
    np.testing.assert_allclose(jax.vmap(lambda image: loss(image, loss.target(image)))(x), single, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(loss)(x[0]), single[0], rtol=1e-6)


def test_the_default_is_the_squared_form():
    assert TotalVariation() == TotalVariation("input", "squared")


def test_unknown_form(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as it is for users
    with pytest.raises(SettingError, match="form: got 'absolut'; did you mean 'absolute'"):
        TotalVariation(form="absolut")
