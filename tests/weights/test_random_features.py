import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.networks.vgg import VGG19
from jaxstyle.weights.layout import CONVOLUTIONS
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.random_features import dead_leaves, random_weights


def test_the_same_numbers_every_time():
    first, second = random_weights(), read_weights("random")
    assert first.sha256 == second.sha256 and first.layers == CONVOLUTIONS
    assert all(np.array_equal(first.arrays[key], second.arrays[key]) for key in first.arrays)


def test_activations_have_unit_scale_on_photographs():
    data = pytest.importorskip("skimage.data")
    model = VGG19(random_weights())
    layers = [layer for layer in model.layers if layer.startswith("relu")]
    features = jax.jit(lambda picture: model.features(picture, layers))
    photographs = (data.astronaut(), data.coffee()[:, :400], data.chelsea()[:, :300])
    shrunk = [
        jnp.asarray(p[: len(p) // 32 * 32 : 2, : p.shape[1] // 32 * 32 : 2] / 255, jnp.float32) for p in photographs
    ]
    means = np.mean([[float(f.mean()) for f in features(p).values()] for p in shrunk], 0)
    assert (means > 0.5).all() and (means < 2).all(), means


def test_no_channel_is_dead_on_pictures_like_its_own():
    model = VGG19(random_weights())
    picture = jnp.asarray(dead_leaves(np.random.default_rng(3), 96), jnp.float32)
    for layer, features in model.features(picture, ["relu1_1", "relu2_2", "relu3_4"]).items():
        assert float((features.max((0, 1)) > 0).mean()) > 0.95, layer


def test_dead_leaves_are_pictures():
    picture = dead_leaves(np.random.default_rng(0), 40)
    assert picture.shape == (40, 40, 3)
    assert picture.min() >= 0 and picture.max() <= 1 and picture.std() > 0.05
