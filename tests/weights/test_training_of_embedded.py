"""The script that trains the embedded network: its pictures, its two tasks, and the folding of normalisation."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.networks.vgg import VGG19
from jaxstyle.weights.layout import CONVOLUTIONS, Weights
from jaxstyle.weights.random_features import INPUT

SCRIPTS = Path(__file__).parents[2] / "weights"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import made_up
    import photographs
    import pretext
    import train_embedded

    with jax.numpy_rank_promotion("allow"):
        yield {"made_up": made_up, "photographs": photographs, "pretext": pretext, "train": train_embedded}


def test_made_up_pictures_of_every_kind_are_the_same_each_time(scripts):
    made_up = scripts["made_up"]
    for seed in range(2 * len(made_up.KINDS)):
        picture = made_up.made_up(seed, 32)
        assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
        assert np.array_equal(picture, made_up.made_up(seed, 32)) and np.ptp(picture) > 0, seed


def test_tiles_are_cut_from_free_photographs(scripts):
    tiles = scripts["photographs"].tiles(96)
    assert tiles.shape[1:] == (96, 96, 3) and tiles.dtype == np.uint8 and len(tiles) > 300
    assert "motorcycle" not in " ".join(scripts["photographs"].NAMES)  # its licence is not a free one


def test_contrast_is_small_for_pairs_and_chance_for_equals(scripts):
    pretext, key = scripts["pretext"], jax.random.key(0)
    pairs = jnp.repeat(jax.random.uniform(key, (4, 1, 1, 8)), 2, 0) * jnp.ones((8, 3, 3, 8))
    embed = jax.random.normal(key, (16, 16))
    value, found = pretext.contrast_loss(pairs, embed)
    assert value < 0.2 and found == 1
    chance, _ = pretext.contrast_loss(jnp.ones((8, 3, 3, 8)), embed)
    assert chance == pytest.approx(np.log(7), rel=1e-3)


def test_variety_counts_directions_within_pictures(scripts):
    pretext, key = scripts["pretext"], jax.random.key(3)
    free = jax.random.normal(key, (4, 32, 32, 6))
    value, directions = pretext.variety_loss(free)
    assert directions == pytest.approx(6, rel=0.01) and value == pytest.approx(-np.log(6), abs=0.01)
    line = free[..., :1] * jnp.ones(6)
    assert pretext.variety_loss(line)[1] == pytest.approx(1, rel=1e-4)
    # What differs from picture to picture alone is no variety: it halves the share of the power.
    shifted = free + jnp.array([-1.0, 1, -1, 1])[:, None, None, None]
    assert pretext.variety_loss(shifted)[0] - value == pytest.approx(np.log(2), abs=0.05)


def test_patches_lie_under_their_positions(scripts):
    pretext = scripts["pretext"]
    pictures = jax.random.uniform(jax.random.key(1), (1, 32, 32, 3))
    assert np.array_equal(pretext.patches(pictures, "conv1_1"), pictures)
    third = pretext.patches(pictures, "conv3_1")
    assert np.array_equal(third[0, 2, 5], pictures[0, 8:12, 20:24].reshape(-1))
    assert pretext.patches(pictures, "conv5_1").shape == (1, 2, 2, 192)


def test_a_sample_is_pairs_of_crops_in_range(scripts, monkeypatch):
    pretext = scripts["pretext"]
    monkeypatch.setattr(pretext, "BATCH", 6)
    flat = [jnp.full((4, 48, 48, 3), level, jnp.uint8) for level in (60, 180)]
    found = pretext.sample(jax.random.key(2), *flat)
    assert found.shape == (6, pretext.CROP, pretext.CROP, 3)
    assert float(found.min()) >= 0 and float(found.max()) <= 1 and float(found.std((1, 2)).max()) < 1e-5


def test_folded_and_calibrated_it_is_the_normalised_network(scripts, monkeypatch):
    pretext, train = scripts["pretext"], scripts["train"]
    random = np.random.default_rng(3)
    pictures = [random.uniform(0, 1, (40, 48, 3)) for _ in range(2)]
    monkeypatch.setattr(train, "photographs", lambda: pictures)
    monkeypatch.setattr(train, "PHOTOGRAPH", 32)
    for script in (pretext, train):
        monkeypatch.setattr(script, "CONVOLUTIONS", CONVOLUTIONS[:5])
    banks = tuple((random.uniform(0, 1, (2, 32, 32, 3)) * 255).astype(np.uint8) for _ in range(2))
    parameters = pretext.init(jax.random.key(4))
    arrays = train.calibrated(parameters, tuple(map(jnp.asarray, banks)))
    model = VGG19(Weights({k: a.astype(np.float32) for k, a in arrays.items()}, INPUT, "reflect", "average"))
    both = np.concatenate([banks[0][::40], banks[1]]) / 255
    normalised = pretext.activations(parameters, jnp.asarray(both, jnp.float32))
    square = [jnp.asarray(train.resize(train.square(p), (32, 32))) for p in pictures]
    for layer in ("relu1_1", "relu2_2", "relu3_1"):
        found = np.stack([model.features(jnp.asarray(p, jnp.float32), [layer])[layer] for p in both])
        wanted = np.asarray(normalised[f"conv{layer[4:]}"])
        scale = (found * wanted).sum() / (wanted**2).sum()
        assert np.abs(found - scale * wanted).max() < 0.02 * found.max(), layer
        means = [float(model.features(p, [layer])[layer].mean()) for p in square]
        assert np.mean(means) == pytest.approx(1, abs=0.02)
