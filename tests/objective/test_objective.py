import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import ImageError, JaxstyleError, SettingError
from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.blend import blend_shares
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.presets import default
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.runtime.reference import objective_gradient
from jaxstyle.weights.random_features import dead_leaves, random_weights

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.fixture(scope="module")
def absolute() -> Recipe:
    return Recipe(
        content=(Term(ContentLoss("relu4_2"), 0.5, relative=False),),
        style=tuple(Term(GramLoss(layer), 1 + i, relative=False) for i, layer in enumerate(STYLE)),
        prior=(Term(TotalVariation(), 3.0, relative=False),),
    )


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_value_and_gradient_against_numpy_float64(x64, absolute, pooling):
    weights = dataclasses.replace(random_weights(), padding="zero", pooling=pooling)
    random = np.random.default_rng(2)
    image, content, style = (dead_leaves(random, 34) for _ in range(3))
    model = jax.tree.map(lambda a: a.astype(jnp.float64), VGG19(weights))
    objective = make_objective(model, jnp.asarray(content), jnp.asarray(style), absolute)
    (total, values), gradient = jax.value_and_grad(lambda x: objective(x), has_aux=True)(jnp.asarray(image))
    expected, expected_gradient = objective_gradient(
        weights,
        image,
        content,
        style,
        content_layers={"relu4_2": 0.5},
        style_layers={layer: 1.0 + i for i, layer in enumerate(STYLE)},
        total_variation=3.0,
    )
    np.testing.assert_allclose(total, expected, rtol=1e-9)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-9 * np.abs(expected_gradient).max())
    np.testing.assert_allclose(sum(objective.weights[name] * values[name] for name in values), total, rtol=1e-12)


def test_the_numpy_gradient_itself_against_finite_differences():
    weights = dataclasses.replace(random_weights(), padding="zero", pooling="max")
    random = np.random.default_rng(3)
    content, style = (dead_leaves(random, 18) for _ in range(2))
    image = random.uniform(size=(18, 18, 3))  # without flat parts, where a maximum has no derivative
    layers = {"content_layers": {"relu2_2": 1.0}, "style_layers": {"relu1_1": 1.0, "relu3_1": 1.0}}
    value = lambda x: objective_gradient(weights, x, content, style, **layers, total_variation=1.0)  # noqa: E731
    direction = random.standard_normal(image.shape)
    step = 1e-7 * direction
    numeric = (value(image + step)[0] - value(image - step)[0]) / 2e-7
    np.testing.assert_allclose((value(image)[1] * direction).sum(), numeric, rtol=1e-5)


def test_jit_equals_eager(embedded, pictures, absolute):
    objective = make_objective(embedded, pictures[0], pictures[1], absolute)
    eager, jitted = objective(pictures[2]), jax.jit(lambda o, x: o(x))(objective, pictures[2])
    assert eager[1].keys() == jitted[1].keys()
    for got, expected in zip(jax.tree.leaves(jitted), jax.tree.leaves(eager), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_vmap_of_three_pictures_equals_three_single_runs(embedded, pictures, absolute):
    objective = make_objective(embedded, pictures[0], pictures[1], absolute)
    gradient = jax.jit(jax.grad(lambda x: objective(x)[0]))
    single = jnp.stack([gradient(picture) for picture in pictures])
    batched = jax.jit(jax.vmap(gradient))(jnp.stack(pictures))
    np.testing.assert_allclose(batched, single, atol=1e-5 * float(jnp.abs(single).max()))


def test_an_objective_is_an_argument_so_that_one_program_serves_all(embedded, pictures):
    traces = []

    @jax.jit
    def total(objective, image):
        traces.append(1)
        return objective(image)[0]

    recipe = default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    first = total(make_objective(embedded, pictures[0], pictures[1], recipe), pictures[2])
    other = dataclasses.replace(recipe, style_weight=3.0, content_weight=0.0)
    second = total(make_objective(embedded, pictures[1], pictures[0], other), pictures[2])
    assert len(traces) == 1
    assert first != second


def test_many_objectives_in_one_vmap(embedded, pictures):
    recipe = default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    objectives = [
        make_objective(embedded, picture, pictures[0], dataclasses.replace(recipe, style_weight=weight))
        for picture, weight in zip(pictures, (1.0, 2.0, 3.0), strict=True)
    ]
    varied = [{name: getattr(o, name) for name in ("targets", "scales", "weights")} for o in objectives]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *varied)
    total = lambda leaves, image: dataclasses.replace(objectives[0], **leaves)(image)[0]  # noqa: E731
    expected = [o(p)[0] for o, p in zip(objectives, pictures, strict=True)]
    np.testing.assert_allclose(jax.vmap(total)(stacked, jnp.stack(pictures)), jnp.stack(expected), rtol=1e-5)


def test_relative_terms_are_one_for_an_empty_picture_and_zero_at_the_target(embedded, pictures):
    recipe = default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    objective = make_objective(embedded, pictures[0], pictures[0], recipe)
    for name, value in objective(pictures[0])[1].items():
        assert name.startswith("total") or value < 1e-10
    for name, loss in objective.losses:
        if name.startswith("total"):
            continue
        features = embedded.features(pictures[0], [loss.layer])[loss.layer]
        nothing = loss(jnp.zeros_like(features), objective.targets[name]) * objective.scales[name]
        np.testing.assert_allclose(nothing, 1.0, rtol=1e-5)


@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_relative_style_means_the_same_at_every_size_and_layer(embedded, gain):
    """A quarter of the picture's features are as far from four tilings of it as the whole is: nearly not at all."""
    tile = jnp.asarray(dead_leaves(np.random.default_rng(0), 64), jnp.float32) * gain
    recipe = default(content_layers=("relu1_1",), style_layers=STYLE[:3])
    doubled = make_objective(embedded, tile, jnp.tile(tile, (2, 2, 1)), recipe)
    grey = jnp.full_like(tile, 0.5)
    near, far = doubled(tile)[1], doubled(grey)[1]
    for layer in STYLE[:3]:
        assert near[f"gram/{layer}"] < 0.02
        assert 0.01 < far[f"gram/{layer}"] < 10


def test_a_black_style_picture_is_no_division_by_zero(embedded, pictures):
    objective = make_objective(embedded, pictures[0], jnp.zeros((32, 32, 3)), default(style_layers=("relu1_1",)))
    assert np.isfinite(objective(pictures[0])[0])


def test_blended_targets_are_the_weighted_mean(embedded, pictures):
    recipe = default(style_layers=("relu1_1", "relu2_1"))
    blended = make_objective(embedded, pictures[0], pictures[1:], recipe, blend=(1.0, 3.0))
    targets = [make_objective(embedded, pictures[0], p, recipe).targets["gram/relu2_1"] for p in pictures[1:]]
    np.testing.assert_allclose(blended.targets["gram/relu2_1"], targets[0] / 4 + 3 * targets[1] / 4, rtol=1e-5)


def test_styles_of_other_sizes(embedded, pictures):
    recipe = default(style_layers=("relu1_1",))
    objective = make_objective(embedded, pictures[0], [pictures[1][:20], jnp.zeros((40, 50, 3))], recipe)
    assert isinstance(objective, Objective) and np.isfinite(objective(pictures[0])[0])


@pytest.mark.parametrize(
    ("blend", "count", "message"),
    [
        ((1.0,), 2, "got 1 weights for 2 style pictures"),
        ((1.0, -1.0), 2, "blend: got -1.0"),
        ((float("nan"), 1.0), 2, "blend: got nan"),
        ((0.0, 0.0), 2, "all weights are 0"),
        (None, 0, "style: got no picture"),
    ],
)
def test_bad_blends(blend, count, message):
    with pytest.raises(SettingError, match=message):
        blend_shares(blend, count)


def test_equal_shares_by_default():
    assert blend_shares(None, 4) == (0.25,) * 4
    assert blend_shares((2, 6), 2) == (0.25, 0.75)


def test_a_layer_the_network_does_not_have_is_named(embedded, pictures):
    with pytest.raises(SettingError, match="no layer 'relu3_9'"):
        make_objective(embedded, pictures[0], pictures[1], default(style_layers=("relu3_9",)))


@pytest.mark.parametrize(
    ("content", "style", "message"),
    [
        (np.zeros((3, 32, 32), np.float32), None, r"content: got float32 \(3, 32, 32\)"),
        (np.zeros((32, 32, 3), np.uint8), None, "content: got uint8"),
        (np.full((32, 32, 3), 200.0), None, "content: values run to 200, expected .*divide 0-255"),
        (
            None,
            [np.zeros((32, 32, 3), np.float32), np.zeros((1, 2, 3), np.float32)],
            r"styles\[1\]: image: got 2x1 pixels",
        ),
    ],
)
def test_bad_pictures_are_named(embedded, pictures, unchecked, content, style, message):
    recipe = default(style_layers=("relu2_1",), content_layers=("relu1_1",))
    content, style = (pictures[0] if content is None else content), (pictures[1] if style is None else style)
    with pytest.raises(ImageError, match=message):
        make_objective(embedded, content, style, recipe)


def test_float64_pictures_through_a_float32_network(embedded, pictures, x64):
    recipe = default(style_layers=("relu1_1",), content_layers=("relu1_1",))
    wide = [jnp.asarray(np.asarray(p), jnp.float64) for p in pictures]
    objective = make_objective(embedded, wide[0], wide[1], recipe)
    assert np.isfinite(jax.grad(lambda x: objective(x)[0])(wide[2])).all()


class Scaled:
    """A researcher's own network, which knows nothing of VGG19's names."""

    layers = ("half", "third")

    def features(self, image, layers):
        found = {}
        for layer in layers:
            stride = self.geometry(layer)[0]
            h, w = (size // stride for size in image.shape[:2])
            found[layer] = image[: h * stride, : w * stride].reshape(h, stride, w, stride, 3).mean((1, 3)) * 2
        return found

    def geometry(self, layer):
        return {"half": (2, 0), "third": (3, 0, 12)}[layer]


jax.tree_util.register_static(Scaled)


def test_an_own_network_serves_losses_masks_and_bands(pictures):
    content, style = (jnp.asarray(picture) for picture in pictures[:2])
    tall = jnp.concatenate([content] * 6)
    recipe = Recipe(ContentLoss("half"), [GramLoss("half"), GramLoss("third")], [TotalVariation()])
    whole, banded = (make_objective(Scaled(), tall, style, recipe, plan=Plan(rows=rows)) for rows in (None, 48))
    assert banded.rows == 48
    evaluate = jax.jit(lambda objective, image: jax.value_and_grad(lambda x: objective(x)[0])(image))
    (total, gradient), (again, same) = evaluate(whole, tall * 0.9), evaluate(banded, tall * 0.9)
    np.testing.assert_allclose(total, again, rtol=1e-5)
    np.testing.assert_allclose(gradient, same, atol=1e-5 * float(jnp.abs(gradient).max()))
    left = jnp.zeros(content.shape[:2]).at[:, :16].set(1.0)
    masks = {"content_masks": {"a": left, "b": 1 - left}, "style_masks": [{"a": jnp.ones(style.shape[:2])}] * 2}
    with pytest.raises(SettingError, match="style_masks: no style has the region 'b'"):
        make_objective(Scaled(), content, [style, style], recipe, **masks)
    masks["style_masks"] = [{"a": jnp.ones(style.shape[:2])}, {"b": jnp.ones(style.shape[:2])}]
    assert jnp.isfinite(make_objective(Scaled(), content, [style, style], recipe, **masks)(content)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style": (GramLoss("halv"),)}, "layers: the network has no layer 'halv'; did you mean 'half'"),
        ({"pooling": "average"}, "recipe: Scaled cannot change its pooling or padding to 'average'; leave it out"),
        ({"first_padding": "reflect"}, "recipe: Scaled cannot change its pooling or padding to 'reflect'"),
    ],
)
def test_what_an_own_network_cannot_do_is_named(pictures, changes, message):
    recipe = dataclasses.replace(Recipe(ContentLoss("half"), GramLoss("half")), **changes)
    with pytest.raises(SettingError, match=message):
        make_objective(Scaled(), *pictures[:2], recipe)


def test_what_is_no_network_is_named(pictures):
    recipe = Recipe(ContentLoss("half"), ())
    with pytest.raises(SettingError, match=r"model: got Bare, expected a network.*; it lacks layers, geometry"):
        make_objective(type("Bare", (), {"features": None})(), *pictures[:2], recipe)
    with pytest.raises(SettingError, match=r"model: got Scaled.*this is the class, make one of it"):
        make_objective(Scaled, *pictures[:2], recipe)
    small = Recipe(ContentLoss("third"), ())
    with pytest.raises(ImageError, match=r"content: image: got 9x9 pixels; third needs at least 12 on each side"):
        make_objective(Scaled(), pictures[0][:9, :9], pictures[1], small)


def test_a_term_of_a_reference_has_its_target(pictures):
    content, style, other = (jnp.asarray(picture) for picture in pictures[:3])
    terms = Term(ContentLoss("half")), Term(ContentLoss("half"), 2.0, of="last frame")
    recipe = Recipe(content=terms, style=(Term(GramLoss("half")), Term(GramLoss("third"), of="texture")))
    references = {"last frame": other, "texture": content[:20, :28]}
    objective = make_objective(Scaled(), content, style, recipe, references=references)
    assert terms[1].name == "content/half of last frame"
    values = objective(other)[1]
    assert values["content/half of last frame"] == 0 and values["content/half"] > 0
    assert make_objective(Scaled(), other, style, recipe, references=references)(other)[1]["content/half"] == 0
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    for wrong, message in [
        ({"last frame": other}, "references: a term is of 'texture', which is missing"),
        (references | {"more": style}, r"references: no term is of 'more'; write Term\(loss, of='more'\)"),
        (references | {"texture": other[:8]}, r"references\['texture'\]: image: got 32x8 pixels; third needs"),
    ]:
        with pytest.raises(JaxstyleError, match=message):
            make_objective(Scaled(), content, style, recipe, references=wrong)
    with pytest.raises(SettingError, match="of: got 3"):
        Term(GramLoss("half"), of=3)
