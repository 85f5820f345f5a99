"""CFSD, relative distances, and which layers are held out."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import ContentLoss, GramLoss, HypercolumnMomentLoss, TotalVariation
from jaxstyle.metrics import cfsd, held_out, relative_distance
from jaxstyle.metrics.similarity import sampled_columns
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective import presets
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.weights.layout import CONVOLUTIONS, TORCHVISION, Weights

RELUS = tuple(f"relu{conv[4:]}" for conv in CONVOLUTIONS)


def rows(seed, shape=(30, 8)):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def oracle_cfsd(found, content, scale):
    found, content = (np.asarray(each, np.float64) for each in (found, content))

    def probabilities(each):
        powers = np.exp(scale * each @ each.T)
        return powers / powers.sum(1, keepdims=True)

    p, q = probabilities(content), probabilities(found)
    return (p * np.log(p / q)).sum() / len(p)


def test_cfsd_closed_form():
    """Two positions, orthogonal in the content: P = softmax(1, 0); all alike in the picture: Q = 1/2."""
    content, found = jnp.eye(2), jnp.ones((2, 2))
    p = np.e / (np.e + 1)
    np.testing.assert_allclose(cfsd(found, content), p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p)), rtol=1e-6)


def test_cfsd_oracle():
    found, content = rows(0), rows(1)
    scale = 1 / (content**2).sum(1).mean()
    np.testing.assert_allclose(
        cfsd(jnp.asarray(found), jnp.asarray(content)), oracle_cfsd(found, content, scale), rtol=1e-4
    )


def test_cfsd_as_the_authors_have_it():
    """StyleID's code: F.kl_div of softmax(F F^T / c^2), summed."""
    found, content = (jnp.asarray(30 * rows(seed)) for seed in (0, 1))
    expected = 30 * oracle_cfsd(found, content, 1 / 64)
    np.testing.assert_allclose(30 * cfsd(found, content, scale=1 / 64), expected, rtol=1e-4)


def test_cfsd_is_blind_to_rotation_of_channels_and_units():
    found, content = jnp.asarray(rows(0)), jnp.asarray(rows(1))
    assert cfsd(content, content) == 0 and cfsd(content[:, ::-1], content) < 1e-6
    np.testing.assert_allclose(cfsd(57 * found, 57 * content), cfsd(found, content), rtol=1e-3)


def test_cfsd_of_nothing_and_of_other_shapes(unchecked):
    assert cfsd(jnp.zeros((4, 3)), jnp.zeros((4, 3))) == 0
    with pytest.raises(SettingError, match="found: got features of shape"):
        cfsd(jnp.zeros((4, 3)), jnp.zeros((5, 3)))


def test_sampled_columns():
    features = jnp.asarray(rows(0, (6, 5, 3)))
    np.testing.assert_array_equal(sampled_columns(features, 100), features.reshape(30, 3))
    assert len(sampled_columns(features, 7)) <= 7


def test_relative_distance_is_a_relative_terms():
    found, target = (jnp.asarray(rows(seed, (4, 5, 6))) for seed in (0, 1))
    content, gram = ContentLoss("relu4_1"), GramLoss("relu1_1")
    for loss in (content, gram):
        goal, nothing = loss.target(target), jnp.zeros_like(found)
        expected = loss(found, goal) / loss(nothing, goal)
        np.testing.assert_allclose(relative_distance(loss.target(found), goal), expected, rtol=1e-5)
    assert relative_distance(target, target) == 0 and relative_distance(nothing, target) == 1
    assert relative_distance(nothing, nothing) == 0


# --- held out ------------------------------------------------------------------------------------------------------


def recipe(content, style):
    return Recipe(
        content=tuple(Term(ContentLoss(layer)) for layer in content),
        style=tuple(Term(GramLoss(layer)) for layer in style),
        prior=(Term(TotalVariation()),),
    )


def test_default_recipe(embedded):
    content, style = held_out(presets.default(), embedded)
    assert content == ("relu4_3",) and style == ("relu1_2", "relu2_2", "relu3_2", "relu4_3", "relu5_2")


@pytest.mark.parametrize("preset", ["default", "embedded", "gatys", "crowsonkb", "strotss", "nnst"])
def test_no_layer_of_a_preset_is_judged_by(preset, embedded):
    made = getattr(presets, preset)()
    used = {term.name.partition("/")[2] for term in (*made.content, *made.style) if hasattr(term.loss, "layer")}
    content, style = held_out(made, embedded, [(64, 64)])
    assert content and style and not used & {*content, *style}


def test_the_nearest_and_the_shallower_of_two(embedded):
    assert held_out(recipe(["relu4_2"], []), embedded)[0] == ("relu4_1",)
    assert held_out(recipe(["relu1_1"], ["relu1_2"]), embedded)[0] == ("relu2_1",)
    assert held_out(recipe([], ["relu1_1"]), embedded)[0] == ("relu4_2",)
    assert held_out(recipe(["relu2_1", "relu3_2"], []), embedded)[0] == ("relu3_1",)


def test_one_judge_of_two_recipes(embedded):
    content, style = held_out([recipe(["relu4_2"], ["relu1_1"]), recipe(["relu2_1"], ["relu1_2"])], embedded)
    assert content == ("relu2_2", "relu4_1") and style == ("relu2_2", "relu3_2", "relu4_3", "relu5_2")


def test_all_layers_used(embedded):
    everything = Recipe(content=(), style=(Term(HypercolumnMomentLoss(RELUS)),))
    assert held_out(everything, embedded)[1] == ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
    some = Recipe(content=(), style=(Term(HypercolumnMomentLoss(RELUS[:8])),))
    assert held_out(some, embedded)[1] == ("relu4_2", "relu5_2")


def test_small_pictures_and_shallow_networks(embedded):
    assert held_out(presets.default(), embedded, [(64, 64), (9, 40)])[1] == ("relu1_2", "relu2_2", "relu3_2")
    kernels = {f"conv1_{i}/kernel": np.zeros((3, 3, (3, 4)[i - 1], 4), np.float32) for i in (1, 2)}
    biases = {f"conv1_{i}/bias": np.zeros(4, np.float32) for i in (1, 2)}
    shallow = VGG19(Weights(kernels | biases, TORCHVISION))
    assert held_out(presets.default(), shallow) == (("relu1_2",), ("relu1_2",))


def test_nothing_to_choose_from(embedded, unchecked):
    with pytest.raises(ImageError, match="got 1x1 pixels; relu1_1 needs at least 2"):
        held_out(presets.default(), embedded, [(1, 1)])
    with pytest.raises(SettingError, match="recipes: got none"):
        held_out([], embedded)
    with pytest.raises(SettingError, match="recipes: got str, expected Recipes"):
        held_out(["gatys"], embedded)
