import dataclasses
import json

import optax
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, GramLoss, SlicedWassersteinLoss, TotalVariation
from jaxstyle.objective import presets
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import LBFGS, SGD, Adam, RMSprop
from jaxstyle.optimize.parametrization import Fourier, LaplacianPyramid
from jaxstyle.optimize.pyramid import Pyramid


def simple(**changes) -> Recipe:
    return Recipe(**{"content": (Term(ContentLoss()),), "style": (Term(GramLoss("relu1_1"), 0.5),)} | changes)


@pytest.mark.parametrize(
    "recipe",
    [
        presets.default(),
        presets.embedded(),
        simple(optimizer=LBFGS(0.5), clip=False),
        simple(pyramid=Pyramid(64, 2**0.5, last_rate=0.5, growing="detail"), init="detail"),
        simple(style=(Term(GramLoss("relu1_1"), 0.5, growth=2),), optimizer=SGD(0.1, momentum=0.5, decay=0.9)),
        simple(optimizer=RMSprop(0.1), parametrization=LaplacianPyramid(3, corners=True), clip=False),
        simple(parametrization=Fourier(0.5), clip=False),
    ],
)
def test_plain_data_and_back(recipe):
    data = json.loads(json.dumps(recipe.to_dict()))
    assert Recipe.from_dict(data) == recipe
    assert hash(Recipe.from_dict(data)) == hash(recipe)


def test_weights_grow_from_level_to_level_of_a_pyramid():
    recipe = simple(style=(Term(GramLoss("relu1_1"), 0.5, growth=2),), content=(Term(ContentLoss(), 3, growth=0.5),))
    weights = [recipe.before_last(levels).weights() for levels in (2, 1, 0)]
    assert [found["gram/relu1_1"] for found in weights] == [0.125, 0.25, 0.5]
    assert [found["content/relu4_2"] for found in weights] == [12, 6, 3]
    assert recipe.before_last(1).graph() == recipe.graph() == simple(style=(Term(GramLoss("relu1_1")),)).graph()
    for wrong in (0, -1, 101, "2", float("nan")):
        with pytest.raises(SettingError, match="growth of gram/relu1_1: got"):
            Term(GramLoss("relu1_1"), growth=wrong)


def test_what_draws_at_every_step_needs_an_optimiser_that_takes_it():
    fresh = Term(SlicedWassersteinLoss("relu1_1", fresh=True))
    with pytest.raises(SettingError, match="sliced_wasserstein/relu1_1 draws random numbers at every step, and L-BFGS"):
        simple(style=(fresh,), optimizer=LBFGS(), clip=False)
    assert simple(style=(fresh,), optimizer=Adam()).style == (fresh,)


def test_a_last_rate_needs_an_optimiser_with_a_rate():
    with pytest.raises(SettingError, match="learning_rate: optax has its own within"):
        simple(optimizer=optax.sgd(0.1), pyramid=Pyramid(64, last_rate=0.5))


def test_weights_are_the_terms_times_the_groups():
    recipe = simple(content_weight=2.0, style_weight=10.0, prior=(Term(TotalVariation(), 0.1),))
    assert recipe.weights() == {"content/relu4_2": 2.0, "gram/relu1_1": 5.0, "total_variation/input": 0.1}


def test_default_style_weight_does_not_depend_on_the_number_of_layers():
    for layers in (("relu1_1",), presets.STYLE_LAYERS):
        recipe = presets.default(style_layers=layers)
        total = sum(weight for name, weight in recipe.weights().items() if name.startswith("gram"))
        assert total == pytest.approx(recipe.style_weight)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_weight": float("nan")}, "style_weight: got nan, expected a finite number"),
        ({"content_weight": -1}, "content_weight: got -1"),
        ({"steps": -1}, "steps: got -1"),
        ({"steps": 1.5}, "steps: got 1.5"),
        ({"average": 1.0}, "average: got 1.0"),
        ({"init": "contnt"}, "init: got 'contnt'; did you mean 'content'"),
        ({"content": (), "style": ()}, "recipe: has no term"),
        ({"optimizer": LBFGS()}, "clip: lbfgs diverges when its images are clipped"),
        ({"style": (Term(GramLoss("relu1_1")), Term(GramLoss("relu1_1")))}, "gram/relu1_1 appears 2 times"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(SettingError, match=message):
        simple(**changes)


def test_bad_term_weight_names_the_term():
    with pytest.raises(SettingError, match="weight of gram/relu1_1: got -3"):
        Term(GramLoss("relu1_1"), -3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "unknown setting 'stepz'; did you mean 'steps'"),
        ({"optimizer": {"name": "adamm"}}, "did you mean 'adam'"),
        ({"optimizer": {"name": "adam", "rate": 1}}, "Adam: unknown setting 'rate'"),
        ({"optimizer": "adam"}, "optimizer: got 'adam', expected a dict"),
        ({"style": [{"loss": "grim", "layer": "relu1_1"}]}, "did you mean 'gram'"),
        ({"style": [{"loss": "gram"}]}, "GramLoss: missing"),
        ({"style": ["gram"]}, "term: got 'gram'"),
        ({"style": {}}, "style: got {}, expected a list"),
        ({"pyramid": {"smalest": 64}}, "Pyramid: unknown setting 'smalest'; did you mean 'smallest'"),
        ({"pyramid": {"smallest": 1e9}}, "Pyramid: smallest: got '1000000000.0', expected int"),
        ({"pyramid": "on"}, "pyramid: got 'on', expected a dict"),
    ],
)
def test_bad_data_is_named(change, message):
    with pytest.raises(SettingError, match=message):
        Recipe.from_dict(presets.default().to_dict() | change)


def test_equal_recipes_are_equal_and_changed_ones_are_not():
    assert simple() == simple()
    assert dataclasses.replace(simple(), optimizer=Adam(0.5)) != simple()
