import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.losses import GramLoss, gram_matrix

pytestmark = pytest.mark.device


def test_gram_matrix_closed_form():
    features = jnp.asarray([[[1.0, 2.0]], [[3.0, 4.0]]])  # two pixels, two channels
    np.testing.assert_allclose(gram_matrix(features), [[5.0, 7.0], [7.0, 10.0]])


def test_loss_closed_form():
    ones = jnp.ones((4, 5, 3))
    loss = GramLoss("relu1_1")
    assert float(loss(2 * ones, loss.target(ones))) == 9.0


def test_sizes_may_differ_and_positions_do_not_matter(x64):
    random = np.random.default_rng(0)
    features = random.normal(size=(4, 6, 5))
    shuffled = random.permutation(features.reshape(-1, 5)).reshape(8, 3, 5)
    twice = np.concatenate([shuffled, shuffled])
    loss = GramLoss("relu1_1")
    assert float(loss(jnp.asarray(twice), loss.target(jnp.asarray(features)))) < 1e-20


def test_bfloat16_features_are_summed_in_float32():
    features = jnp.ones((64, 64, 2), jnp.bfloat16)
    assert gram_matrix(features).dtype == jnp.float32
    assert float(gram_matrix(features)[0, 1]) == 1.0
