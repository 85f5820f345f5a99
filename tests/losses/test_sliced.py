import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.losses import sliced
from jaxstyle.losses.sliced import SlicedWassersteinLoss

LOSS = SlicedWassersteinLoss("relu1_1")


def draw(seed, shape=(6, 5, 4)):
    return np.random.default_rng(seed).gamma(1.5, size=shape)


def directions(loss, channels):
    vectors = np.float64(
        jax.random.normal(jax.random.key(loss.seed), (loss.directions or channels, channels), "float32")
    )
    return vectors / np.sqrt((vectors**2).sum(1, keepdims=True))


def oracle(loss, features, style):
    costs = []
    for direction in directions(loss, features.shape[-1]):
        ours, theirs = (np.sort((x * direction).sum(-1).ravel()) for x in (features, style))
        at = np.linspace(0, 1, ours.size)
        costs.append(np.mean((ours - np.interp(at, np.linspace(0, 1, theirs.size), theirs)) ** 2))
    return np.mean(costs)


def test_closed_form_one_channel(x64):
    features, style = jnp.asarray([3.0, 1.0]).reshape(2, 1, 1), jnp.asarray([6.0, 9.0]).reshape(1, 2, 1)
    np.testing.assert_allclose(LOSS(features, LOSS.target(style)), (5**2 + 6**2) / 2)  # 1 to 6, 3 to 9, either way


def test_a_shift_costs_its_square_along_each_direction(x64):
    features, shift = draw(0), np.asarray([1.0, -2.0, 0.5, 3.0])
    value = LOSS(jnp.asarray(features + shift), LOSS.target(jnp.asarray(features)))
    np.testing.assert_allclose(value, np.mean((directions(LOSS, 4) @ shift) ** 2), rtol=1e-10)


@pytest.mark.parametrize("shape", [(6, 5, 4), (9, 8, 4), (2, 3, 4)], ids=["same", "larger", "smaller"])
@pytest.mark.parametrize("loss", [LOSS, SlicedWassersteinLoss("relu1_1", directions=11, seed=3)])
@pytest.mark.users_compiler
def test_oracle(loss, shape, x64):
    features, style = draw(0), draw(1, shape)
    value = loss(jnp.asarray(features), loss.target(jnp.asarray(style)))
    np.testing.assert_allclose(value, oracle(loss, features, style), rtol=1e-10)


def test_gradient(x64):
    target = LOSS.target(jnp.asarray(draw(1)))
    check_grads(
        jax.jit(lambda f: LOSS(f, target)), (jnp.asarray(draw(0)),), order=1, modes=["rev"], eps=1e-7, rtol=1e-5
    )


def test_zero_at_its_own_target_wherever_the_pixels_are(x64):
    features = draw(0)
    shuffled = np.random.default_rng(2).permutation(features.reshape(-1, 4)).reshape(5, 6, 4)
    assert float(LOSS(jnp.asarray(shuffled), LOSS.target(jnp.asarray(features)))) < 1e-25


def test_the_seed_chooses_the_directions_and_the_dtype_does_not():
    features, style = draw(0), draw(1)
    single, other = (
        loss(jnp.asarray(features, jnp.float32), loss.target(jnp.asarray(style, jnp.float32)))
        for loss in (LOSS, SlicedWassersteinLoss("relu1_1", seed=1))
    )
    with jax.enable_x64(True):
        double = LOSS(jnp.asarray(features), LOSS.target(jnp.asarray(style)))
    np.testing.assert_allclose(single, double, rtol=1e-5)
    assert abs(float(single - other)) > 1e-3


@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 1, 4)])
def test_gradient_is_finite_without_variation(value, shape):
    constant = jnp.full(shape, value)
    for target in (LOSS.target(constant), LOSS.target(jnp.asarray(draw(1), jnp.float32))):
        assert np.isfinite(jax.grad(LOSS)(constant, target)).all()


def test_bfloat16_features_are_compared_in_float32():
    features = jnp.asarray(draw(0), jnp.bfloat16)
    assert LOSS.target(features).dtype == LOSS(features, LOSS.target(features)).dtype == jnp.float32


def test_fewer_quantiles_bound_the_target_for_styles_of_any_size(x64):
    features, style = draw(0, (40, 30, 4)), draw(1, (50, 40, 4)) * 2
    bounded = SlicedWassersteinLoss("relu1_1", quantiles=256)
    target = bounded.target(jnp.asarray(style))
    assert target.shape == bounded.target(jnp.asarray(features)).shape == (4, 256)
    assert LOSS.target(jnp.asarray(style)).shape == (4, 2000)
    np.testing.assert_allclose(bounded(jnp.asarray(features), target), oracle(LOSS, features, style), rtol=0.05)


def test_blocks_change_memory_and_nothing_else(monkeypatch, x64):
    features, target = jnp.asarray(draw(0)), LOSS.target(jnp.asarray(draw(1)))
    whole = jax.value_and_grad(LOSS)(features, target)
    monkeypatch.setattr(sliced, "BLOCK", 90)  # three of the four directions at a time
    for got, expected in zip(jax.value_and_grad(LOSS)(features, target), whole, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(LOSS.target(jnp.asarray(draw(1))), target, rtol=1e-12)


def test_memory_is_bounded_by_blocks(monkeypatch):
    loss = SlicedWassersteinLoss("relu1_1", directions=64)
    monkeypatch.setattr(sliced, "BLOCK", 4 * 128 * 128)  # four directions
    shapes = (jax.ShapeDtypeStruct((128, 128, 8), jnp.float32), jax.ShapeDtypeStruct((64, 128 * 128), jnp.float32))
    temporary = jax.jit(loss).lower(*shapes).compile().memory_analysis().temp_size_in_bytes
    assert temporary < 10 * 4 * 128 * 128 * 4  # ten times a block; all directions at once would be 16 times one


@pytest.mark.parametrize("setting", ["directions", "quantiles"])
def test_bad_numbers_are_an_error(setting):
    with pytest.raises(SettingError, match=f"{setting}: got 0"):
        SlicedWassersteinLoss("relu1_1", **{setting: 0})
