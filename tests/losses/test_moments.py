import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.losses.moments import EPSILON, MomentLoss

pytestmark = pytest.mark.device

LOSSES = [MomentLoss("relu1_1"), MomentLoss("relu1_1", covariance=True)]
both = pytest.mark.parametrize("loss", LOSSES, ids=["std", "covariance"])


def draw(seed, shape=(6, 5, 4)):
    return np.random.default_rng(seed).normal(size=shape) * 2 + 1


def oracle(covariance, features, style):
    def moments(x):
        x = x.reshape(-1, x.shape[-1])
        return x.mean(0), np.cov(x.T) if covariance else np.sqrt(x.var(0, ddof=1) + EPSILON)

    return sum(np.mean((a - b) ** 2) for a, b in zip(moments(features), moments(style), strict=True))


def test_closed_form(x64):
    features = jnp.asarray([[[0.0, 5.0]], [[4.0, 5.0]]])  # means 2 and 5; variances 8 and 0
    mean, std = LOSSES[0].target(features)
    np.testing.assert_allclose(mean, [2, 5])
    np.testing.assert_allclose(std, np.sqrt([8 + EPSILON, EPSILON]))
    np.testing.assert_allclose(LOSSES[1].target(features)[1], [[8, 0], [0, 0]])
    # Twice the features: means differ by 2 and 5, covariance by 24.
    np.testing.assert_allclose(LOSSES[1](2 * features, LOSSES[1].target(features)), (4 + 25) / 2 + 24**2 / 4)


@both
def test_oracle(loss, x64):
    features, style = draw(0), draw(1, (3, 7, 4))
    value = loss(jnp.asarray(features), loss.target(jnp.asarray(style)))
    np.testing.assert_allclose(value, oracle(loss.covariance, features, style), rtol=1e-10)


@both
def test_gradient(loss, x64):
    target = loss.target(jnp.asarray(draw(1)))
    check_grads(jax.jit(lambda f: loss(f, target)), (jnp.asarray(draw(0)),), order=1, modes=["rev"], rtol=1e-5)


@both
def test_zero_at_its_own_target_wherever_the_pixels_are(loss, x64):
    features = draw(0)
    shuffled = np.random.default_rng(2).permutation(features.reshape(-1, 4)).reshape(5, 6, 4)
    assert float(loss(jnp.asarray(shuffled), loss.target(jnp.asarray(features)))) < 1e-25


@both
@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 1, 4)])
def test_gradient_is_finite_without_variation(loss, value, shape):
    constant = jnp.full(shape, value)
    for target in (loss.target(constant), loss.target(jnp.asarray(draw(1), jnp.float32))):
        assert np.isfinite(jax.grad(loss)(constant, target)).all()


@both
def test_bfloat16_features_are_summed_in_float32(loss):
    features = jnp.asarray(draw(0, (64, 64, 4)), jnp.bfloat16)
    mean, spread = loss.target(features)
    assert mean.dtype == spread.dtype == jnp.float32
    np.testing.assert_allclose(mean, features.astype(jnp.float32).mean((0, 1)), rtol=1e-5)
    assert jax.grad(loss)(features, (mean + 1, spread)).dtype == jnp.bfloat16


@both
def test_the_target_does_not_grow_with_the_picture(loss):
    assert sum(leaf.size for leaf in loss.target(jnp.zeros((64, 64, 4)))) <= 20
