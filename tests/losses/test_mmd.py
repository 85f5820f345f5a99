import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import gradient_of, target_of, value_of
from jax.test_util import check_grads
from jaxtyping import TypeCheckError
from scipy.spatial.distance import cdist

from jaxstyle.errors import SettingError
from jaxstyle.losses.gram import GramLoss
from jaxstyle.losses.mmd import BLOCK, MMDLoss

KERNELS = ("linear", "polynomial", "gaussian")
every = pytest.mark.parametrize("loss", [MMDLoss("relu1_1", kernel) for kernel in KERNELS], ids=KERNELS)
GAUSSIAN = MMDLoss("relu1_1")


def draw(seed, shape=(6, 5, 4)):
    return np.random.default_rng(seed).gamma(1.5, size=shape)


def oracle(kernel, features, style):
    x, y = (np.float64(a).reshape(-1, a.shape[-1]) for a in (features, style))
    k = {
        "linear": lambda a, b: a @ b.T / a.shape[1],
        "polynomial": lambda a, b: (a @ b.T / a.shape[1]) ** 2,
        "gaussian": lambda a, b: np.exp(-cdist(a, b, "sqeuclidean") / cdist(y, y, "sqeuclidean").mean()),
    }[kernel]
    return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()


def test_closed_form(x64):
    features, style = jnp.full((1, 1, 2), 2.0), jnp.asarray([[[0.0, 0.0], [2.0, 0.0]]])
    linear, polynomial = (MMDLoss("relu1_1", kernel) for kernel in ("linear", "polynomial"))
    np.testing.assert_allclose(value_of(linear, features, target_of(linear, style)), (1 + 4) / 2)
    np.testing.assert_allclose(
        value_of(polynomial, features, target_of(polynomial, style)), (2**2 + 4**2 + 4**2 + 4**2) / 4
    )
    # Mean squared pair distance 2; k(x, x) = 1; within the style (1 + e^-2) / 2; across, distances 8 and 4.
    expected = 1 + (1 + np.exp(-2)) / 2 - (np.exp(-4) + np.exp(-2))
    np.testing.assert_allclose(value_of(GAUSSIAN, features, target_of(GAUSSIAN, style)), expected)


@every
def test_oracle(loss, x64):
    features, style = draw(0, (20, 17, 4)), draw(1, (9, 8, 4)) + 1  # 340 positions: more than one block of rows
    value = value_of(loss, jnp.asarray(features), target_of(loss, jnp.asarray(style)))
    np.testing.assert_allclose(value, oracle(loss.kernel, features, style), rtol=1e-8)


def test_polynomial_is_the_gram_loss(x64):
    features, style = jnp.asarray(draw(0)), jnp.asarray(draw(1, (9, 8, 4)))
    loss, gram = MMDLoss("relu1_1", "polynomial"), GramLoss("relu1_1")
    expected = value_of(gram, features, target_of(gram, style))
    np.testing.assert_allclose(value_of(loss, features, target_of(loss, style)), expected, rtol=1e-12)
    np.testing.assert_allclose(oracle("polynomial", np.asarray(features), np.asarray(style)), expected, rtol=1e-10)


@every
def test_gradient(loss, x64):
    target = loss.target(jnp.asarray(draw(1)))
    check_grads(jax.jit(lambda f: loss(f, target)), (jnp.asarray(draw(0)),), order=1, modes=["rev"], rtol=1e-5)


@every
def test_zero_at_its_own_target_wherever_the_pixels_are(loss, x64):
    features = draw(0)
    shuffled = np.random.default_rng(2).permutation(features.reshape(-1, 4)).reshape(5, 6, 4)
    assert abs(float(value_of(loss, jnp.asarray(shuffled), target_of(loss, jnp.asarray(features))))) < 1e-14


@every
@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 1, 4)])
def test_gradient_is_finite_without_variation(loss, value, shape):
    constant = jnp.full(shape, value)
    for target in (target_of(loss, constant), target_of(loss, jnp.asarray(draw(1), jnp.float32))):
        assert np.isfinite(gradient_of(loss, constant, target)).all()


@every
def test_bfloat16_features_are_compared_in_float32(loss):
    features = jnp.asarray(draw(0), jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(loss.target(features)))
    assert loss(features, loss.target(features)).dtype == jnp.float32


@pytest.mark.parametrize("size", [(64, 64), (40, 160), (1, 3000), (3000, 1), (33, 32), (500, 3)])
def test_the_sample_is_bounded_distinct_and_spread(size):
    y, x = jnp.meshgrid(jnp.arange(size[0]), jnp.arange(size[1]), indexing="ij")
    sample = np.asarray(target_of(GAUSSIAN, jnp.stack([y, x], axis=-1).astype(jnp.float32))[0])
    assert 512 <= len(sample) <= 1024 and len(np.unique(sample, axis=0)) == len(sample)
    for axis, length in enumerate(size):
        assert sample[:, axis].min() <= length / 20 and sample[:, axis].max() >= length - 1 - length / 20


def test_a_sample_tells_styles_apart(x64):
    loss = MMDLoss("relu1_1", samples=256)
    same, other = draw(0, (64, 64, 4)), draw(1, (64, 64, 4)) * 1.5
    target = target_of(loss, jnp.asarray(same))
    assert float(value_of(loss, jnp.asarray(same), target)) == 0
    value = value_of(loss, jnp.asarray(other), target)
    np.testing.assert_allclose(value, oracle("gaussian", other, same), rtol=0.3)


def test_memory_is_bounded_by_blocks():
    loss, features = MMDLoss("relu1_1", samples=8192), jax.ShapeDtypeStruct((128, 64, 4), jnp.float32)
    target = jax.eval_shape(loss.target, features)
    compiled = jax.jit(jax.grad(loss)).lower(features, target).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 8 * BLOCK * 8192 * 4  # all pairs: 32 times a block


def test_an_unknown_kernel_and_an_empty_sample_are_errors():
    with pytest.raises((SettingError, TypeCheckError), match="gaussian"):
        MMDLoss("relu1_1", "gausian")
    with pytest.raises(SettingError, match="samples: got 0"):
        MMDLoss("relu1_1", samples=0)
