import jax.numpy as jnp
import numpy as np

from jaxstyle.losses.hypercolumn import hypercolumns
from jaxstyle.losses.positions import sample_positions
from jaxstyle.losses.self_similarity import SelfSimilarityLoss


def maps(seed):
    random = np.random.default_rng(seed)
    return tuple(jnp.asarray(random.normal(size=s)) for s in ((12, 10, 3), (6, 5, 5)))


def oracle(found, samples):
    x = np.asarray(hypercolumns(found, sample_positions(12, 10, samples)), np.float64)
    distances = np.asarray([[1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in x] for a in x])
    return distances / distances.sum(0)


def test_closed_form():
    apart = jnp.asarray([[[1.0, 0.0], [0.0, 1.0]]])
    third = jnp.asarray([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]])
    loss = SelfSimilarityLoss(("relu1_1",))
    np.testing.assert_allclose(loss.target((apart,))[0], [[0, 1], [1, 0]], atol=1e-5)
    np.testing.assert_allclose(
        loss.target((third,))[0], [[0, 0.5, 2 / 3], [1 / 3, 0, 1 / 3], [2 / 3, 0.5, 0]], atol=1e-5
    )
    # Columns (0, 1/3, 2/3), (1/2, 0, 1/2), (2/3, 1/3, 0) against the same with the first two pixels swapped.
    swapped = third[:, jnp.asarray([1, 0, 2])]
    np.testing.assert_allclose(loss((swapped,), loss.target((third,))), (1 / 3 + 1 / 3 + 2 / 3) / 3, atol=1e-5)


def test_oracle(x64):
    loss = SelfSimilarityLoss(("relu1_1", "relu2_1"), samples=30)
    found, content = maps(0), maps(1)
    a, b = oracle(found, 30), oracle(content, 30)
    np.testing.assert_allclose(loss(found, loss.target(content)), np.abs(a - b).mean() * len(a), rtol=1e-5)


def test_vanishes_at_its_target_and_is_blind_to_brightness(x64):
    loss = SelfSimilarityLoss(("relu1_1", "relu2_1"), samples=30)
    found = tuple(10 * each for each in maps(0))
    assert float(loss(found, loss.target(found))) == 0
    assert float(loss(tuple(3 * each for each in found), loss.target(found))) < 1e-8


def test_one_flat_colour_has_no_structure():
    loss = SelfSimilarityLoss(("relu1_1",))
    flat = jnp.full((8, 8, 3), 0.3)
    assert float(jnp.abs(loss.target((flat,))[0]).sum(0).max()) < 0.2
