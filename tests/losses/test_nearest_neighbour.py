import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.losses.hypercolumn import hypercolumns
from jaxstyle.losses.nearest_neighbour import BLOCK, NearestNeighbourLoss, nearest
from jaxstyle.losses.positions import sample_positions

LAYERS = ("relu1_1", "relu2_1")


def maps(seed, size=(12, 10)):
    random = np.random.default_rng(seed)
    h, w = size
    return tuple(jnp.asarray(random.normal(size=s)) for s in ((h, w, 3), (h // 2, w // 2, 5)))


def oracle_columns(found, samples):
    balanced = tuple(np.asarray(each) / each.shape[2] for each in found)
    x = np.asarray(hypercolumns(tuple(map(jnp.asarray, balanced)), sample_positions(*found[0].shape[:2], samples)))
    return x - x.mean(0)


def cosine(a, b):
    return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_closed_form():
    # Centred, the style points up and down, the picture up, down, left and right.
    style = jnp.asarray([[[0.0, 1.0], [0.0, 3.0]]])
    cross = jnp.asarray([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])
    loss = NearestNeighbourLoss(("relu1_1",))
    assert float(loss((cross,), loss.target((style,)))) == pytest.approx(0.5)


@pytest.mark.parametrize("size", [(12, 10), (9, 20)])
def test_oracle(size, x64):
    loss = NearestNeighbourLoss(LAYERS, samples=30)
    found, style = maps(0), maps(1, size)
    x, y = oracle_columns(found, 30), oracle_columns(style, 30)
    wanted = np.mean([min(cosine(a, b) for b in y) for a in x])
    np.testing.assert_allclose(loss(found, loss.target(style)), wanted, rtol=1e-5)


def test_vanishes_at_its_target(x64):
    loss = NearestNeighbourLoss(LAYERS, samples=30)
    found = tuple(100 * each for each in maps(0))
    assert float(loss(found, loss.target(found))) < 1e-10


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_blocks_do_not_change_the_match(count):
    random = np.random.default_rng(0)
    rows, candidates = (random.normal(size=(n, 4)).astype(np.float32) for n in (count, 50))
    np.testing.assert_array_equal(nearest(jnp.asarray(rows), jnp.asarray(candidates)), (rows @ candidates.T).argmax(1))


def test_the_match_is_a_constant_for_the_gradient(x64):
    loss = NearestNeighbourLoss(("relu1_1",), samples=30)
    (found,), (style,) = maps(0)[:1], maps(1)[:1]
    target = loss.target((style,))
    matched = target[0][nearest(loss.target((found,))[0], target[0])]

    def fixed(picture):
        return jnp.mean(1 - jnp.sum(loss.target((picture,))[0] * matched, axis=1))

    np.testing.assert_allclose(jax.grad(lambda f: loss((f,), target))(found), jax.grad(fixed)(found), rtol=1e-10)
