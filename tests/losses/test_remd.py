import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.losses.hypercolumn import hypercolumns
from jaxstyle.losses.positions import sample_positions
from jaxstyle.losses.remd import HypercolumnMomentLoss, PaletteLoss, RelaxedEMDLoss, relaxed_emd

# The colour matrix of the authors' code, to the digits that it has there.
ROTATION = np.asarray(
    [[0.577350, 0.577350, 0.577350], [-0.577350, 0.788675, -0.211325], [-0.577350, -0.211325, 0.788675]]
)


def maps(seed, size=(12, 10)):
    random = np.random.default_rng(seed)
    h, w = size
    return tuple(jnp.asarray(random.normal(size=s)) for s in ((h, w, 3), (h // 2, w // 2, 5)))


def columns(found, samples):
    return np.asarray(hypercolumns(found, sample_positions(*found[0].shape[:2], samples)), np.float64)


def cosine(a, b):
    return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def oracle_remd(x, y, distance):
    there = np.mean([min(distance(a, b) for b in y) for a in x])
    back = np.mean([min(distance(a, b) for a in x) for b in y])
    return max(there, back)


def test_relaxed_emd_closed_form():
    assert float(relaxed_emd(jnp.asarray([[0.0, 1.0, 3.0], [2.0, 4.0, 5.0]]))) == pytest.approx(4 / 3)
    assert float(relaxed_emd(jnp.asarray([[1.0], [3.0]]))) == 2.0


def test_remd_closed_form():
    across, up = jnp.asarray([[[1.0, 0.0], [1.0, 0.0]]]), jnp.asarray([[[0.0, 1.0], [2.0, 0.0]]])
    loss = RelaxedEMDLoss(("relu1_1",))
    # All of `across` is in `up`, but half of `up` has nothing like it in `across`.
    assert float(loss((across,), loss.target((up,)))) == pytest.approx(0.5)
    assert float(loss((up,), loss.target((across,)))) == pytest.approx(0.5)


@pytest.mark.parametrize("size", [(12, 10), (9, 20)])
def test_remd_oracle(size, x64):
    loss = RelaxedEMDLoss(("relu1_1", "relu2_1"), samples=30)
    found, style = maps(0), maps(1, size)
    wanted = oracle_remd(columns(found, 30), columns(style, 30), cosine)
    np.testing.assert_allclose(loss(found, loss.target(style)), wanted, rtol=1e-5)


def test_remd_vanishes_at_its_target(x64):
    loss = RelaxedEMDLoss(("relu1_1", "relu2_1"), samples=30)
    found = tuple(10 * each for each in maps(0))
    assert float(loss(found, loss.target(found))) < 1e-10


def test_remd_does_not_see_the_size_of_features(x64):
    loss = RelaxedEMDLoss(("relu1_1", "relu2_1"))
    found = tuple(10 * each for each in maps(0))
    twice = tuple(2 * each for each in found)
    np.testing.assert_allclose(loss(twice, loss.target(maps(1))), loss(found, loss.target(maps(1))), rtol=1e-7)


def test_moments_closed_form():
    style, flat = jnp.asarray([[[1.0, 0.0], [3.0, 0.0]]]), jnp.zeros((1, 2, 2))
    loss = HypercolumnMomentLoss(("relu1_1",))
    mean, covariance, scale = loss.target((style,))
    np.testing.assert_allclose(mean, [2, 0])
    np.testing.assert_allclose(covariance, [[1, 0], [0, 0]])
    assert float(loss((flat,), (mean, covariance, scale))) == 1.25 and scale is None


def test_moments_oracle(x64):
    loss = HypercolumnMomentLoss(("relu1_1", "relu2_1"), samples=30)
    found, style = maps(0), maps(1, (20, 14))
    x, y = columns(found, 30), columns(style, 30)
    means, covariances = x.mean(0) - y.mean(0), np.cov(x.T, bias=True) - np.cov(y.T, bias=True)
    wanted = np.abs(means).mean() + np.abs(covariances).mean()
    np.testing.assert_allclose(loss(found, loss.target(style)), wanted, rtol=1e-5)


def test_moments_vanish_at_their_target(x64):
    loss = HypercolumnMomentLoss(("relu1_1", "relu2_1"), samples=30)
    assert float(loss(maps(0), loss.target(maps(0)))) == 0


def test_palette_closed_form():
    white, black, red = jnp.ones((2, 2, 3)), jnp.zeros((2, 2, 3)), jnp.zeros((2, 2, 3)).at[..., 0].set(1)
    loss = PaletteLoss()
    assert float(loss(white, loss.target(black))) == pytest.approx(1 + 1)  # black has no direction
    assert float(loss(white, loss.target(red))) == pytest.approx(1 - 1 / 3**0.5 + (2 / 3) ** 0.5)


def test_palette_oracle_in_the_authors_colours(x64):
    random = np.random.default_rng(0)
    found, style = random.uniform(size=(12, 10, 3)), random.uniform(size=(7, 15, 3))
    found[0, 0] = style[0, 0]  # one pair below the floor

    def distance(a, b):
        return cosine(a, b) + np.sqrt(max(np.sum((a - b) ** 2), 1e-5) / 3)

    x, y = (columns((jnp.asarray(picture),), 30) @ ROTATION.T for picture in (found, style))
    loss = PaletteLoss(samples=30)
    wanted = oracle_remd(x, y, distance)
    np.testing.assert_allclose(loss(jnp.asarray(found), loss.target(jnp.asarray(style))), wanted, rtol=1e-5)


def test_palette_floor_at_its_target(x64):
    picture = jnp.asarray(np.random.default_rng(0).uniform(0.6, 1, size=(12, 10, 3)))
    loss = PaletteLoss()
    assert float(loss(picture, loss.target(picture))) == pytest.approx((1e-5 / 3) ** 0.5, abs=1e-6)
