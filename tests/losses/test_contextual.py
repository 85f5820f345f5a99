import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.losses.contextual import ContextualLoss, contextual_similarity
from jaxstyle.losses.hypercolumn import hypercolumns
from jaxstyle.losses.positions import sample_positions


def features(seed, size=(9, 8)):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(*size, 5)))


def oracle(x, y, bandwidth):
    """Mechrez et al. 2018, eq. 1-5, one pair at a time."""
    x, y = x - y.mean(0), y - y.mean(0)
    affinities = []
    for a in x:
        d = np.asarray([(1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)) / 2 for b in y])
        w = np.exp((1 - d / (d.min() + 1e-5)) / bandwidth)
        affinities.append(w / w.sum())
    return -np.log(np.max(affinities, axis=0).mean())


def test_closed_form():
    # Nothing stands out: every affinity is 1/m.
    assert float(contextual_similarity(jnp.ones((3, 4)), 0.5)) == pytest.approx(0.25)
    # Twice as far as the nearest, with bandwidth h = 1: weights 1 and 1/e.
    distances = jnp.asarray([[1.0, 2.0], [2.0, 1.0]])
    assert float(contextual_similarity(distances, 1.0)) == pytest.approx(np.e / (1 + np.e), rel=1e-4)


@pytest.mark.parametrize("bandwidth", [0.1, 0.5])
@pytest.mark.parametrize("size", [(9, 8), (14, 5)])
def test_oracle(size, bandwidth, x64):
    loss = ContextualLoss("relu3_2", bandwidth, samples=30)
    found, style = features(0), features(1, size)
    x, y = (np.asarray(hypercolumns((each,), sample_positions(*each.shape[:2], 30))) for each in (found, style))
    np.testing.assert_allclose(loss(found, loss.target(style)), oracle(x, y, bandwidth), rtol=1e-5)


def test_vanishes_at_its_target(x64):
    loss = ContextualLoss("relu3_2")
    assert abs(float(loss(features(0), loss.target(features(0))))) < 1e-10


def test_places_do_not_matter(x64):
    loss = ContextualLoss("relu3_2")
    shuffled = jnp.asarray(
        np.random.default_rng(2).permutation(np.asarray(features(0)).reshape(-1, 5)).reshape(8, 9, 5)
    )
    np.testing.assert_allclose(
        loss(shuffled, loss.target(features(1))), loss(features(0), loss.target(features(1))), rtol=1e-10
    )


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_bandwidth_is_named(bandwidth):
    with pytest.raises(SettingError, match="bandwidth"):
        ContextualLoss("relu3_2", bandwidth)
