import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import gradient_of, target_of, value_of
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.losses.histogram import HistogramLoss, interpolate, match

LOSS = HistogramLoss("relu1_1")


def draw(seed, shape=(6, 5, 4)):
    return np.random.default_rng(seed).gamma(1.5, size=shape)


def oracle(features, style, bins):
    total = 0.0
    for channel in range(features.shape[-1]):
        values, other = features[..., channel].ravel(), style[..., channel].ravel()
        kept = np.quantile(other, np.arange(bins) / (bins - 1))
        ranks = np.argsort(np.argsort(values))
        remapped = np.interp(ranks / (values.size - 1), np.arange(bins) / (bins - 1), kept)
        total += np.mean((values - remapped) ** 2)
    return total / features.shape[-1]


def test_closed_form(x64):
    features = jnp.asarray([3.0, 1.0, 2.0]).reshape(1, 3, 1)
    style = jnp.asarray([20.0, 10.0, 30.0]).reshape(3, 1, 1)
    loss = HistogramLoss("relu1_1", bins=3)
    np.testing.assert_allclose(match(features.ravel(), target_of(loss, style)[0]), [30, 10, 20])
    np.testing.assert_allclose(value_of(loss, features, target_of(loss, style)), (27**2 + 9**2 + 18**2) / 3)


@pytest.mark.parametrize(("size", "count"), [(5, 5), (5, 9), (9, 4), (7, 2)])
def test_interpolation(size, count, x64):
    values = np.sort(draw(0, (size,)))
    expected = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, size), values)
    np.testing.assert_allclose(interpolate(jnp.asarray(values), count), expected, rtol=1e-12)


def test_interpolation_of_one_value_and_to_one():
    np.testing.assert_array_equal(interpolate(jnp.asarray([4.0]), 3), [4, 4, 4])
    np.testing.assert_array_equal(interpolate(jnp.asarray([1.0, 3.0]), 1), [2])


@pytest.mark.parametrize("bins", [2, 16, 256])
def test_oracle(bins, x64):
    features, style = draw(0), draw(1, (9, 8, 4))
    loss = HistogramLoss("relu1_1", bins)
    value = value_of(loss, jnp.asarray(features), target_of(loss, jnp.asarray(style)))
    np.testing.assert_allclose(value, oracle(features, style, bins), rtol=1e-10)


def test_gradient_and_that_the_remap_is_a_constant(x64):
    features, target = jnp.asarray(draw(0)), target_of(LOSS, jnp.asarray(draw(1)))
    check_grads(jax.jit(lambda f: value_of(LOSS, f, target)), (features,), order=1, modes=["rev"], eps=1e-7, rtol=1e-5)
    flat = features.reshape(-1, 4)
    matched = jnp.stack([match(flat[:, c], target[c]) for c in range(4)], axis=1)
    np.testing.assert_allclose(gradient_of(LOSS, features, target).reshape(-1, 4), 2 * (flat - matched) / flat.size)


def test_zero_at_its_own_target_with_as_many_bins_as_pixels(x64):
    features = draw(0)
    shuffled = np.random.default_rng(2).permutation(features.reshape(-1, 4)).reshape(5, 6, 4)
    exact = HistogramLoss("relu1_1", bins=30)
    assert float(value_of(exact, jnp.asarray(shuffled), target_of(exact, jnp.asarray(features)))) == 0
    assert float(value_of(LOSS, jnp.asarray(shuffled), target_of(LOSS, jnp.asarray(features)))) < 1e-3 * features.var()


@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 1, 4)])
def test_gradient_is_finite_without_variation(value, shape):
    constant = jnp.full(shape, value)
    for target in (target_of(LOSS, constant), target_of(LOSS, jnp.asarray(draw(1), jnp.float32))):
        assert np.isfinite(gradient_of(LOSS, constant, target)).all()
    assert float(value_of(LOSS, constant, target_of(LOSS, constant))) == 0


def test_bfloat16_features_are_compared_in_float32():
    features = jnp.asarray(draw(0), jnp.bfloat16)
    assert LOSS.target(features).dtype == LOSS(features, LOSS.target(features)).dtype == jnp.float32


def test_the_target_is_bounded_whatever_the_sizes():
    assert LOSS.target(jnp.zeros((64, 64, 4))).shape == LOSS.target(jnp.zeros((3, 2, 4))).shape == (4, 256)


def test_too_few_bins_are_an_error():
    with pytest.raises(SettingError, match="bins: got 1"):
        HistogramLoss("relu1_1", bins=1)
