"""Hypercolumn matching against a NumPy statement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.losses import HypercolumnMatchLoss
from jaxstyle.networks.resize import bilinear

LAYERS = ("relu1_1", "relu2_1")


def maps(seed, size=(16, 12)):
    random = np.random.default_rng(seed)
    h, w = size
    return tuple(jnp.asarray(random.normal(size=s)) for s in ((h, w, 3), (h // 2, w // 2, 5)))


def columns(found, balanced=None):
    """Every fourth pixel of maps over their channels; relative to the first layer's, which no cosine sees."""
    shape = tuple(edge // 4 for edge in found[0].shape[:2])
    resized = [np.asarray(bilinear(each, shape, corners=True)).reshape(-1, each.shape[2]) for each in found]
    scales = [np.sqrt(np.mean(np.asarray(each) ** 2)) for each in balanced or ()] or [1] * len(found)
    return np.concatenate([each / each.shape[1] / s for each, s in zip(resized, scales, strict=True)], axis=1)


def units(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def oracle(found, content, style, balanced=None):
    candidates, sought = columns(style, balanced), columns(content, balanced)
    nearest = (units(sought - sought.mean(0)) @ units(candidates - candidates.mean(0)).T).argmax(1)
    return np.mean(1 - np.sum(units(columns(found, balanced)) * units(candidates[nearest]), axis=1))


@pytest.mark.parametrize("balanced", [False, True])
def test_oracle(x64, balanced):
    loss = HypercolumnMatchLoss(LAYERS, turns=False, balanced=balanced)
    found, content, style = maps(0), maps(1), maps(2, (20, 24))
    target = loss.match(loss.target(style), content)
    assert target[0].shape == (12, 8)
    wanted = oracle(found, content, style, style if balanced else None)
    np.testing.assert_allclose(loss(found, target), wanted, rtol=1e-6)


def test_turned_styles_are_further_candidates(x64):
    loss, found = HypercolumnMatchLoss(LAYERS, balanced=True), maps(0)
    assert loss.matches and loss.turned and not HypercolumnMatchLoss(LAYERS, turns=False).turned
    one, other = loss.part(maps(1)), loss.part(maps(2, (12, 8)))
    rows, scale = loss.join([one, other])
    assert rows.shape == (12 + 6, 8)
    np.testing.assert_array_equal(scale, one[1])
    np.testing.assert_allclose(rows[12:], other[0] * one[1][None])
    target = loss.match((rows, scale), maps(2, (12, 8)))
    np.testing.assert_allclose(target[0], units(np.asarray(rows[12:])), rtol=1e-6)
    assert loss(found, loss.match((rows, scale), found)) > 0


def test_a_picture_that_has_the_matched_features_is_at_zero(x64):
    loss, style = HypercolumnMatchLoss(LAYERS), tuple(100 * each for each in maps(3))
    assert float(loss(style, loss.match(loss.target(style), style))) < 1e-10


def test_gradient(x64):
    loss, found = HypercolumnMatchLoss(LAYERS), maps(0)
    target = loss.match(loss.target(maps(1)), maps(2))
    check_grads(jax.jit(lambda f: loss(f, target)), (found,), order=1, modes=["fwd", "rev"], eps=1e-6)


def test_tiny_maps_have_one_hypercolumn(x64):
    loss, found = HypercolumnMatchLoss(LAYERS), maps(0, (2, 2))
    assert loss.match(loss.target(found), found)[0].shape == (1, 8)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"layers": "relu1_1"}, "layers: got 'relu1_1', expected a tuple"),
        ({"layers": ()}, "layers: got"),
        ({"turns": 1}, "turns: got 1, expected true or false"),
        ({"balanced": "no"}, "balanced: got 'no'"),
        ({"share": 1.5}, "share: got 1.5, expected a number from 0 to 1"),
    ],
)
def test_what_is_refused(settings, error):
    with pytest.raises(SettingError, match=error):
        HypercolumnMatchLoss(**{"layers": LAYERS} | settings)
