"""The region loss and the content loss by saliency: closed forms, gradients through a network, recipes."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle import Plan, Recipe, Term, make_objective, stylize
from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, GramLoss, RegionLoss, SalientContentLoss
from jaxstyle.objective.recipe_file import load_recipe, to_toml
from jaxstyle.saliency import AggregatedActivations, GradCAM, PythonFunction, read_mask

ONE = AggregatedActivations(("relu5_1",))


def features(*shape, seed=0):
    return (jnp.asarray(np.random.default_rng(seed).uniform(0, 1, shape)),)


def red(image):
    return image[..., 0]


def blobs():
    """A large and a small bright part, apart."""
    return (jnp.full((8, 8, 2), 0.1).at[:5, :5].set(1.0).at[7, 7].set(1.0),)


def test_equal_pictures_have_no_distance():
    loss, x = RegionLoss(), (*features(8, 6, 4), *features(4, 3, 2))
    value, gradient = jax.value_and_grad(lambda x: loss(x, loss.target(x)))(x)
    assert value == 0 and all(np.isfinite(leaf).all() for leaf in gradient)


def test_closed_form_of_a_function():
    loss = RegionLoss(red, largest=False)
    content, image = jnp.zeros((4, 4, 3)), jnp.zeros((4, 4, 3)).at[:2, :, 0].set(0.5)
    np.testing.assert_allclose(loss((image,), loss.target((content,))), 0.25 / 2)


def test_without_largest_it_is_the_mean_square():
    loss, x, y = RegionLoss(ONE, largest=False), features(8, 6, 4), features(8, 6, 4, seed=1)
    np.testing.assert_allclose(loss(x, loss.target(y)), jnp.mean((ONE(x) - ONE(y)) ** 2), rtol=1e-6)


def test_lesser_components_are_left_free():
    loss, content = RegionLoss(red), (jnp.zeros((8, 8, 3)).at[:5, :5, 0].set(1.0).at[7, 7, 0].set(1.0),)
    wanted, weight = loss.target(content)
    expected = np.ones((8, 8))
    expected[7, 7] = 0
    np.testing.assert_array_equal(weight, expected)
    np.testing.assert_array_equal(wanted, content[0][..., 0])
    assert loss((content[0].at[7, 7].set(0.0),), (wanted, weight)) == 0  # nothing is asked there
    moved = content[0].at[7, 0, 0].set(1.0)  # but elsewhere it is
    np.testing.assert_allclose(loss((moved,), (wanted, weight)), 1 / 63, rtol=1e-6)


def test_gradient(x64):
    for loss in (RegionLoss(), RegionLoss(GradCAM((0.5, -0.2, 1.0, 0.1))), RegionLoss(red)):
        sizes = [(8, 6, 4), (4, 3, 2)] if len(loss.layers) == 2 else [(8, 6, 4)]
        x, y = (tuple(features(*size, seed=seed)[0] for size in sizes) for seed in (0, 1))
        target = loss.target(y)
        of = jax.jit(lambda x, loss=loss, target=target: loss(x, target))
        check_grads(of, (x,), order=1, modes=["rev"], eps=1e-6, rtol=1e-4)


def test_map_moves_to_the_contents(embedded, pictures):
    """Some steps down the gradient bring the maps together."""
    loss = RegionLoss(AggregatedActivations(("relu3_1",)))
    of = lambda x: (embedded.features(x, ("relu3_1",))["relu3_1"],)  # noqa: E731
    target = loss.target(of(pictures[0]))
    step = jax.jit(jax.value_and_grad(lambda x: loss(of(x), target)))
    image, values = pictures[1], []
    for _ in range(40):
        value, gradient = step(image)
        image = jnp.clip(image - 0.02 * jnp.sign(gradient), 0, 1)
        values.append(float(value))
    assert min(values) < values[0] / 5


def test_a_mask_has_no_distance():
    with pytest.raises(SettingError, match="a mask is the same for every picture"):
        RegionLoss(read_mask(np.ones((4, 4))))


@pytest.mark.parametrize("settings", [{"localizer": 3}, {"localizer": "nothing"}, {"largest": 1}])
def test_wrong_settings(settings, unchecked):
    for loss in (RegionLoss, SalientContentLoss) if "localizer" in settings else (RegionLoss,):
        with pytest.raises(SettingError, match=f"{next(iter(settings))}: got"):
            loss(**settings)


# --- content by saliency ------------------------------------------------------------------------------------------


def test_everywhere_salient_is_the_content_loss():
    loss = SalientContentLoss(localizer=read_mask(np.ones((4, 4))))
    x, y, image = features(8, 6, 4), features(8, 6, 4, seed=1), features(32, 24, 3)
    expected = ContentLoss()(x[0], y[0])
    np.testing.assert_allclose(loss((*x, *image), loss.target((*y, *image))), expected, rtol=1e-6)


def test_only_the_object_counts():
    half = np.zeros((8, 6), np.float32)
    half[:4] = 1
    loss = SalientContentLoss("relu3_1", read_mask(half))
    content, image = features(8, 6, 4)[0], jnp.zeros((8, 6, 3))
    target = loss.target((content, image))
    assert loss((content.at[4:].add(3.0), image), target) == 0
    np.testing.assert_allclose(loss((content.at[:4].add(3.0), image), target), 9, rtol=1e-6)
    np.testing.assert_allclose(loss((content.at[:1].add(3.0), image), target), 9 / 4, rtol=1e-6)


def test_a_map_of_zeros_asks_for_nothing():
    loss = SalientContentLoss("relu3_1", read_mask(np.zeros((4, 4))))
    content, image = features(8, 6, 4)[0], jnp.zeros((8, 6, 3))
    target = loss.target((content, image))
    value, gradient = jax.value_and_grad(lambda x: loss((x, image), target))(content + 1)
    assert value == 0 and not gradient.any()


# --- in recipes ---------------------------------------------------------------------------------------------------

LOSSES = [
    RegionLoss(),
    RegionLoss(ONE, largest=False),
    RegionLoss(GradCAM((0.25, -1.5), label=3)),
    SalientContentLoss(),
    SalientContentLoss("relu3_1", read_mask(np.eye(5))),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_recipe_and_back(loss, tmp_path):
    recipe = Recipe(content=(Term(loss, 2.0),), style=(Term(GramLoss("relu1_1")),))
    back = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert back == recipe and hash(back) == hash(recipe)
    (tmp_path / "recipe.toml").write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.toml") == recipe


def test_a_recipe_with_a_function_is_run_and_named_but_not_read_back(embedded, pictures, tmp_path):
    content = (Term(RegionLoss(red)), Term(ContentLoss("relu2_1")))
    recipe = Recipe(content=content, style=(Term(GramLoss("relu1_1")),), steps=2)
    result = stylize(np.asarray(pictures[0]), np.asarray(pictures[1]), model=embedded, recipe=recipe)
    saved = tmp_path / "recipe.toml"
    saved.write_text(to_toml(recipe), encoding="utf-8")
    assert result.status == "done" and "test_region.red" in saved.read_text(encoding="utf-8")
    with pytest.raises(SettingError, match=r"Python function '.*test_region\.red', which no file can hold"):
        load_recipe(saved)


def test_in_an_objective(embedded, pictures):
    terms = (Term(RegionLoss(ONE), 3.0), Term(SalientContentLoss("relu2_1", ONE)), Term(ContentLoss("relu2_2")))
    recipe = Recipe(content=terms, style=(Term(GramLoss("relu1_1")),))
    objective = make_objective(embedded, pictures[0], pictures[1], recipe)
    (_, values), gradient = jax.value_and_grad(lambda x: objective(x), has_aux=True)(pictures[0])
    assert values["region/relu5_1"] < 1e-6 and values["salient_content/relu2_1..relu5_1"] < 1e-6
    assert np.isfinite(gradient).all()
    assert objective(pictures[2])[1]["region/relu5_1"] > 1e-3


def test_not_in_bands(embedded, pictures):
    recipe = Recipe(content=(Term(RegionLoss(ONE)),), style=(Term(GramLoss("relu1_1")),))
    with pytest.raises(SettingError, match="rows: region/relu5_1"):
        make_objective(embedded, pictures[0], pictures[1], recipe, plan=Plan(rows=16))


def test_equal_settings_are_one_static_argument():
    assert RegionLoss("activations") == RegionLoss() and hash(RegionLoss("activations")) == hash(RegionLoss())
    assert RegionLoss(red) == RegionLoss(PythonFunction(red)) != RegionLoss(abs)
