"""Textures: the style's statistics at any size, without seams."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from jaxstyle.analysis import texture, texture_layers
from jaxstyle.errors import SettingError
from jaxstyle.losses import MomentLoss
from jaxstyle.losses.gram import gram_matrix
from jaxstyle.networks.model import features_of

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def brick():
    return np.float32(data.brick()[:64, :64, None].repeat(3, 2)) / 255 * np.float32([1, 0.6, 0.4])


def distance(model, layer, one, other):
    a, b = (gram_matrix(features_of(model, jnp.asarray(each), {layer})[layer]) for each in (one, other))
    return float(jnp.sum((a - b) ** 2) / jnp.sum(b**2))


def test_it_has_the_styles_statistics(embedded, brick):
    found = texture(embedded, brick, size=(48, 64), layers=LAYERS, steps=40, seed=1)
    assert found.picture.shape == (48, 64, 3) and found.picture.min() >= 0 and found.picture.max() <= 1
    assert len(found.total) == 40 and found.total[-1] < 0.02 * found.total[0]
    noise = np.random.default_rng(0).normal(0.5, 0.1, (48, 64, 3)).astype(np.float32)
    average = embedded.with_changes(pooling="average")
    for layer in LAYERS:
        assert distance(average, layer, found.picture, brick) < 0.1 * distance(average, layer, noise, brick)
    again = texture(embedded, brick, size=(48, 64), layers=LAYERS, steps=40, seed=1)
    np.testing.assert_array_equal(again.picture, found.picture)
    assert not np.array_equal(texture(embedded, brick, (48, 64), layers=LAYERS, steps=1).picture, found.picture)


def test_tiles_have_no_seam(embedded, brick):
    """The gradient across the seam is as strong as elsewhere; without `tileable` it is much stronger."""

    def seam(picture):
        steps = np.abs(np.diff(np.tile(picture, (2, 2, 1)), axis=0)).mean((1, 2))
        across = np.abs(np.diff(np.tile(picture, (2, 2, 1)), axis=1)).mean((0, 2))
        return max(steps[31] / steps[:31].mean(), across[31] / across[:31].mean())

    options = {"layers": LAYERS, "steps": 40, "seed": 2}
    tile = texture(embedded, brick, 32, tileable=True, **options).picture
    plain = texture(embedded, brick, 32, **options).picture
    assert seam(tile) < 1.5 < 1.8 < seam(plain)


def test_several_styles_and_losses(embedded, brick):
    other = np.float32(data.grass()[:64, :64, None].repeat(3, 2)) / 255
    options = {"layers": LAYERS[:2], "steps": 20}
    mixed = texture(embedded, [brick, other], 32, blend=(1, 1), **options).picture
    grams = [distance(embedded, "relu1_1", mixed, each) for each in (brick, other)]
    alone = texture(embedded, brick, 32, **options).picture
    assert grams[0] > 2 * distance(embedded, "relu1_1", alone, brick)
    assert grams[1] < distance(embedded, "relu1_1", alone, other)
    assert texture(embedded, brick, 32, loss=MomentLoss, **options).total[-1] < 0.2


def test_layers_from_the_first_on(embedded, brick):
    found = texture_layers(embedded, brick, LAYERS, size=32, steps=5)
    assert list(found) == list(LAYERS)
    np.testing.assert_array_equal(
        found["relu2_1"].picture, texture(embedded, brick, 32, layers=LAYERS[:2], steps=5).picture
    )


def test_a_callback_ends_it(embedded, brick):
    seen = []

    def callback(step, total):
        seen.append((step, total))
        return step >= 1

    found = texture(embedded, brick, 32, layers=LAYERS[:1], steps=30, callback=callback)
    assert [step for step, _ in seen] == [1] and len(found.total) == 1 and seen[0][1] == found.total[0]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size": 8}, "size: got 8, expected"),
        ({"size": (32, 32, 3)}, "size: got"),
        ({"size": 40.5}, "size: got 40.5"),
        ({"layers": ()}, "layers: got"),
        ({"layers": "relu1_1"}, "layers: got 'relu1_1'"),
        ({"layers": ("relu9_1",)}, "no layer 'relu9_1'"),
        ({"steps": 0}, "steps: got 0"),
        ({"seed": 0.5}, "seed: got 0.5"),
        ({"size": 34, "tileable": True}, "expected multiples of 4"),
        ({"loss": lambda layer: 3}, "loss: got int, expected a frozen dataclass"),
    ],
)
def test_what_is_refused(embedded, brick, options, error):
    with pytest.raises(SettingError, match=error):
        texture(embedded, brick, **{"size": 32, "layers": LAYERS} | options)
