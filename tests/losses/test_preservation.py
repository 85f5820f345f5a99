"""Preservation losses: closed forms of each estimator, what each is blind to, functions, bands, recipes."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle import Plan, Recipe, Term, make_objective
from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, GramLoss, LuminanceLoss, PreservationLoss
from jaxstyle.losses.preservation import ESTIMATORS, NO_EDGE, chroma, edges, luminance, shape


def picture(*size, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0, 1, (*size, 3)))


def blue(image):
    return image[..., 2]


def test_luminance_is_luma():
    np.testing.assert_allclose(luminance(jnp.array([[[1.0, 0.5, 0.25]]])), 0.299 + 0.587 / 2 + 0.114 / 4, rtol=1e-6)
    x, y = picture(7, 5), picture(7, 5, seed=1)
    loss, plain = PreservationLoss("luminance"), LuminanceLoss()
    np.testing.assert_allclose(loss(x, loss.target(y)), plain(x, plain.target(y)), rtol=1e-6)


def test_chroma_of_grey_is_nothing_and_light_does_not_matter():
    np.testing.assert_allclose(chroma(jnp.full((3, 4, 3), 0.7)), 0, atol=1e-6)
    x = picture(5, 6)
    np.testing.assert_allclose(chroma(x + 0.2), chroma(x), atol=1e-6)
    np.testing.assert_allclose(chroma(jnp.array([[[0.0, 0.0, 1.0]]]))[0, 0], [-0.114, 0.886], atol=1e-6)


def test_edges_of_slopes_and_steps():
    rows, columns = jnp.meshgrid(jnp.arange(9.0), jnp.arange(8.0), indexing="ij")
    slope = jnp.repeat((0.03 * rows + 0.04 * columns)[..., None], 3, axis=2)
    np.testing.assert_allclose(edges(slope)[1:-1, 1:-1], np.sqrt(0.05**2 + NO_EDGE**2), rtol=1e-4)
    step = jnp.zeros((6, 8, 3)).at[:, 4:].set(1.0)
    expected = np.full((6, 8), NO_EDGE)
    expected[:, 3:5] = np.sqrt(0.25 + NO_EDGE**2)
    np.testing.assert_allclose(edges(step), expected, rtol=1e-5)
    np.testing.assert_allclose(edges(1 - step), expected, rtol=1e-5)  # its sign does not matter


def test_silhouette_of_a_disc():
    rows, columns = np.mgrid[:48, :48]
    disc = (rows - 24) ** 2 + (columns - 24) ** 2 < 12**2
    ground, ink = np.array([0.2, 0.5, 0.9]), np.array([0.9, 0.4, 0.1])
    found = shape(jnp.asarray(np.where(disc[..., None], ink, ground)))
    share = disc.mean()  # d is the same inside and 0 outside: d / (d + share d)
    np.testing.assert_allclose(found[24, 24], 1 / (1 + share), rtol=0.02)
    np.testing.assert_allclose(found[:8], 0, atol=1e-4)
    swapped = shape(jnp.asarray(np.where(disc[..., None], ground, ink)))
    np.testing.assert_allclose(swapped, found, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(found > 0.5)[disc].mean() > 0.9, True)


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_gradient(name, x64):
    loss, target = PreservationLoss(name), PreservationLoss(name).target(picture(7, 9, seed=1))
    of = jax.jit(lambda x: loss(x, target))
    check_grads(of, (picture(7, 9),), order=1, modes=["rev"], eps=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", [*sorted(ESTIMATORS), blue])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (12, 1)])
def test_zero_with_zero_gradient_at_its_own_target(name, size):
    x, loss = picture(*size), PreservationLoss(name)
    slope = jax.jit(jax.value_and_grad(loss))
    target = jax.jit(loss.target)(x)
    value, gradient = slope(x, target)
    assert value < 1e-12 and np.abs(gradient).max() < 1e-6
    assert np.isfinite(slope(jnp.zeros_like(x), target)[1]).all()


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_jit_and_vmap(name):
    loss, x, y = PreservationLoss(name), picture(3, 8, 6), picture(3, 8, 6, seed=1)
    targets = jax.vmap(loss.target)(y)
    single = [loss(image, loss.target(content)) for image, content in zip(x, y, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(loss))(x, targets), jnp.stack(single), rtol=1e-5)


def test_a_function_of_the_picture():
    loss, x, y = PreservationLoss(blue), picture(5, 4), picture(5, 4, seed=1)
    np.testing.assert_allclose(loss(x, loss.target(y)), jnp.mean((x - y)[..., 2] ** 2), rtol=1e-6)
    assert loss == PreservationLoss(blue) and hash(loss) == hash(PreservationLoss(blue)) and not loss.additive


@pytest.mark.parametrize("name", ["chroma", "edges"])
def test_bands_are_the_whole(embedded, name, x64):
    content, style, image = (picture(96, 16, seed=seed) for seed in range(3))
    recipe = Recipe(content=(Term(PreservationLoss(name)),), style=(Term(GramLoss("relu1_1")),))
    whole, banded = (make_objective(embedded, content, style, recipe, plan=Plan(rows=n)) for n in (None, 16))
    np.testing.assert_allclose(banded(image)[0], whole(image)[0], rtol=1e-6)


def test_shape_and_functions_need_the_whole_picture(embedded, pictures):
    for estimator in ("shape", blue):
        recipe = Recipe(content=(Term(PreservationLoss(estimator)),), style=(Term(GramLoss("relu1_1")),))
        with pytest.raises(SettingError, match="rows: "):
            make_objective(embedded, pictures[0], pictures[1], recipe, plan=Plan(rows=16))


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_a_recipe_and_back(name):
    recipe = Recipe(
        content=(Term(PreservationLoss(name), 2.0), Term(ContentLoss())), style=(Term(GramLoss("relu1_1")),)
    )
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_function_is_saved_by_its_name_and_not_read_back():
    recipe = Recipe(content=(Term(PreservationLoss(blue)),), style=(Term(GramLoss("relu1_1")),))
    data = json.loads(json.dumps(recipe.to_dict()))
    assert data["content"][0]["estimator"]["name"].endswith("test_preservation.blue")
    with pytest.raises(SettingError, match=r"estimator: the recipe has the Python function .*, which no file can hold"):
        Recipe.from_dict(data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimator": "edge"}, "estimator: got 'edge'; did you mean 'edges'"),
        ({"estimator": 3}, "estimator: got 3; expected one of chroma, edges"),
        ({"layer": "relu1_1"}, "layer: got 'relu1_1', expected 'input'"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(SettingError, match=message):
        PreservationLoss(**settings)


def test_several_in_one_recipe(embedded, pictures):
    content = tuple(Term(PreservationLoss(estimator)) for estimator in ("edges", "chroma", blue))
    recipe = Recipe(content=content, style=(Term(GramLoss("relu1_1")),))
    values = make_objective(embedded, pictures[0], pictures[1], recipe)(pictures[2])[1]
    assert {"preservation_edges/input", "preservation_chroma/input", "preservation_blue/input"} < values.keys()
