import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from compiled import gradient_of, target_of, value_of
from jax.test_util import check_grads

from jaxstyle.losses.gaussian import EPSILON, GaussianWassersteinLoss, root_trace
from jaxstyle.weights.random_features import dead_leaves

pytestmark = pytest.mark.device

LOSS = GaussianWassersteinLoss("relu1_1")
value_and_gradient = jax.jit(jax.value_and_grad(LOSS))
features_at = jax.jit(lambda model, image, layer: model.features(image, (layer,))[layer], static_argnums=2)


def draw(seed, shape=(6, 7, 5), scale=1.0):
    random = np.random.default_rng(seed)
    channels = shape[-1]
    mixed = random.normal(size=shape) @ random.normal(size=(channels, channels)) + random.normal(size=channels)
    return np.maximum(mixed * scale, 0)


def statistics(features):
    flat = np.float64(features).reshape(-1, features.shape[-1])
    mean = flat.mean(0)
    return mean, flat.T @ flat / len(flat) - np.outer(mean, mean) + EPSILON * np.eye(len(mean))


def oracle(features, style):
    (mean, a), (other, b) = statistics(features), statistics(style)
    root = scipy.linalg.sqrtm(b)
    cross = scipy.linalg.sqrtm(root @ a @ root).real
    return np.mean((mean - other) ** 2) + np.mean(np.diag(a + b - 2 * cross))


def test_closed_form_one_channel(x64):
    features, style = jnp.asarray([1.0, 3.0]).reshape(2, 1, 1), jnp.asarray([0.0, 8.0]).reshape(1, 2, 1)
    expected = (2 - 4) ** 2 + (np.sqrt(1 + EPSILON) - np.sqrt(16 + EPSILON)) ** 2
    np.testing.assert_allclose(value_of(LOSS, features, target_of(LOSS, style)), expected, rtol=1e-12)


def test_root_trace_of_diagonal_matrices(x64):
    a, b = jnp.diag(jnp.asarray([4.0, 9.0, 1e-4])), jnp.diag(jnp.asarray([25.0, 1e-4, 1e-4]))
    np.testing.assert_allclose(root_trace(a, b, jnp.asarray(1e-4)), 10 + 0.03 + 1e-4, rtol=1e-12)


@pytest.mark.parametrize("shape", [(6, 7, 5), (3, 3, 24), (9, 9, 24)], ids=["full", "fewer pixels", "same"])
def test_oracle(shape, x64):
    features, style = draw(0, shape), draw(1, (8, 5, shape[-1]))
    value = value_of(LOSS, jnp.asarray(features), target_of(LOSS, jnp.asarray(style)))
    np.testing.assert_allclose(value, oracle(features, style), rtol=1e-6)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("pixels", [4, 30])
def test_float32_without_full_rank_and_with_dead_channels(pixels, scale):
    alive = np.random.default_rng(3).random(64) > 0.3
    features, style = draw(0, (pixels, pixels, 64), scale) * alive, draw(1, (8, 9, 64), scale) * alive[::-1]
    value = value_of(LOSS, jnp.asarray(features, jnp.float32), target_of(LOSS, jnp.asarray(style, jnp.float32)))
    rounding = 1e-4 if scale <= 1 else 3e-3  # there the norms exceed 1e-4 / 1.2e-7
    np.testing.assert_allclose(value, oracle(features, style), rtol=rounding)


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1"])
@pytest.mark.parametrize("kind", ["stripes", "halves", "one colour"])
def test_pictures_of_two_colours_have_finite_values_and_gradients(imagenet, kind, layer):
    """Their covariances have low rank, and rounding leaves eigenvalues of -26 times 1.2e-7 of the norm."""
    picture, other = np.zeros((256, 256, 3), np.float32), dead_leaves(np.random.default_rng(2), 256).astype(np.float32)
    picture[:, {"stripes": slice(None, None, 16), "halves": slice(128, None), "one colour": slice(None)}[kind]] = 1

    def features(image):
        return features_at(imagenet, jnp.asarray(image), layer)

    loss = GaussianWassersteinLoss(layer)
    for a, b in [(picture, other), (other, picture), (picture, picture)]:
        value, gradient = value_and_gradient(features(a), loss.target(features(b)))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        reach = np.abs(gradient).max() * gradient.shape[0] * gradient.shape[1]
        assert reach < 1e3 * np.abs(features(b)).max()  # a transport map, not rounding noise over a tiny pivot


def test_gradient(x64):
    target = target_of(LOSS, jnp.asarray(draw(1)))
    check_grads(
        jax.jit(lambda f: value_of(LOSS, f, target)), (jnp.asarray(draw(0)),), order=1, modes=["rev"], rtol=1e-5
    )


def test_gradient_with_respect_to_the_target(x64):
    features = jnp.asarray(draw(0))
    check_grads(
        jax.jit(lambda s: value_of(LOSS, features, target_of(LOSS, s))),
        (jnp.asarray(draw(1)),),
        order=1,
        modes=["rev"],
        rtol=1e-5,
    )


def test_gradient_where_eigenvalues_coincide(x64):
    white = jnp.asarray(np.concatenate([np.eye(4), -np.eye(4)])[None])  # covariance I / 4
    target = target_of(LOSS, 3 * white)
    # Each channel's spread is W2 of 1/2 and 3/2: the gradient pulls every feature straight outwards.
    gradient = gradient_of(LOSS, white, target)
    transport = np.sqrt((9 / 4 + EPSILON) / (1 / 4 + EPSILON))
    np.testing.assert_allclose(gradient, white * (1 - transport) * 2 / 8 / 4, atol=1e-12)


def test_float32_gradient_is_float64s():
    features, style = draw(0, (4, 4, 24)), draw(1, (9, 9, 24))
    single = gradient_of(LOSS, jnp.asarray(features, jnp.float32), target_of(LOSS, jnp.asarray(style, jnp.float32)))
    with jax.enable_x64(True):
        double = gradient_of(LOSS, jnp.asarray(features), target_of(LOSS, jnp.asarray(style)))
    single, double = np.asarray(single), np.asarray(double)
    assert np.linalg.norm(single - double) < 1e-3 * np.linalg.norm(double)


def test_zero_at_its_own_target_wherever_the_pixels_are(x64):
    features = draw(0)
    shuffled = np.random.default_rng(2).permutation(features.reshape(-1, 5)).reshape(7, 6, 5)
    assert abs(float(value_of(LOSS, jnp.asarray(shuffled), target_of(LOSS, jnp.asarray(features))))) < 1e-13


def test_blended_targets_are_the_mixture_s(x64):
    styles = [jnp.asarray(draw(seed)) for seed in (1, 2)]
    blended = jax.tree.map(lambda a, b: (a + b) / 2, *(target_of(LOSS, style) for style in styles))
    mixture = target_of(LOSS, jnp.concatenate(styles))
    for got, expected in zip(blended, mixture, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e4])
@pytest.mark.parametrize("shape", [(4, 4, 5), (1, 1, 5)])
def test_value_and_gradient_are_finite_without_variation(value, shape):
    constant = jnp.full(shape, value)
    for target in (target_of(LOSS, constant), target_of(LOSS, jnp.asarray(draw(1), jnp.float32))):
        for pair in ((constant, target), (jnp.asarray(draw(1), jnp.float32), target_of(LOSS, constant))):
            assert all(np.isfinite(found).all() for found in value_and_gradient(*pair))


@pytest.mark.parametrize("seed", range(8))
def test_float32_never_loses_positive_definiteness(seed):
    scale = 10.0 ** np.random.default_rng(seed).uniform(-3, 4)
    features, style = (draw(s, (3, 4, 96), scale) + 10 * scale * (seed % 3) for s in (seed, seed + 100))
    value, gradient = value_and_gradient(
        jnp.asarray(features, jnp.float32), target_of(LOSS, jnp.asarray(style, jnp.float32))
    )
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_bfloat16_features_are_summed_in_float32():
    features = jnp.asarray(draw(0), jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in target_of(LOSS, features))
    assert value_of(LOSS, features, target_of(LOSS, features + 1)).dtype == jnp.float32


def test_the_target_does_not_grow_with_the_picture():
    assert sum(leaf.size for leaf in target_of(LOSS, jnp.zeros((64, 64, 5)))) == 30
