"""Tiles see their own copies."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.analysis.wrapped import wrap
from jaxstyle.errors import SettingError
from jaxstyle.networks.model import features_of

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def tile(pictures):
    return pictures[0][:16, :24]


def test_activations_are_those_of_an_endless_plane(embedded, tile):
    wrapped = wrap(embedded, LAYERS, tile.shape)
    reach = max(embedded.geometry(layer).halo for layer in LAYERS)
    assert wrapped.margin >= reach and wrapped.margin % 4 == 0
    found, plane = features_of(wrapped, tile, LAYERS), features_of(embedded, jnp.tile(tile, (7, 5, 1)), LAYERS)
    for layer, stride in zip(LAYERS, (1, 2, 4), strict=True):
        height, width = 16 // stride, 24 // stride
        middle = plane[layer][3 * height : 4 * height, 2 * width : 3 * width]
        assert found[layer].shape == middle.shape
        np.testing.assert_allclose(found[layer], middle, atol=1e-4 * float(jnp.abs(middle).max()))
        assert wrapped.geometry(layer) == embedded.geometry(layer)
    assert wrapped.layers == embedded.layers and wrapped.name.endswith(", wrapped")


def test_a_moved_tile_has_moved_activations(embedded, tile):
    wrapped = wrap(embedded, LAYERS, tile.shape)
    moved = features_of(wrapped, jnp.roll(tile, (4, 8), (0, 1)), LAYERS)
    for layer, stride in zip(LAYERS, (1, 2, 4), strict=True):
        expected = jnp.roll(features_of(wrapped, tile, LAYERS)[layer], (4 // stride, 8 // stride), (0, 1))
        np.testing.assert_allclose(moved[layer], expected, atol=1e-4 * float(jnp.abs(expected).max()))


def test_edges_must_be_multiples_of_strides(embedded):
    with pytest.raises(SettingError, match="size: got 24x18 for a tile, expected multiples of 4 for these layers"):
        wrap(embedded, LAYERS, (18, 24))
    assert wrap(embedded, ("relu1_1",), (17, 23)).margin >= 1
