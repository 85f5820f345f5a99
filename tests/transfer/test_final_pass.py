"""Levels with terms of their own, and terms that match with the image a level begins with: NNST, run small."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxstyle import optimize, stylize
from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, GramLoss, HypercolumnMatchLoss, NearestNeighbourLoss
from jaxstyle.objective.presets import PRESETS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.optimize.parametrization import LaplacianPyramid
from jaxstyle.optimize.pyramid import Pyramid, highest_frequencies, levels
from jaxstyle.sweep.batch import Batch
from jaxstyle.transfer.job import Job, prepare
from jaxstyle.transfer.state_file import write_state

pytestmark = pytest.mark.usefixtures("unchecked")
LAYERS = ("relu1_1", "relu2_1")
MATCH = HypercolumnMatchLoss(LAYERS)
NEAR = NearestNeighbourLoss(("relu1_1",), samples=200, fresh=True, turns=True)
RECIPE = Recipe(
    content=(),
    style=(Term(MATCH, relative=False, at="before"), Term(NEAR, relative=False, at="last")),
    optimizer=Adam(0.01),
    steps=4,
    average=0.0,
    clip=False,
    color="affine",
    pyramid=Pyramid(32, growing="bilinear", final_pass=True),
    parametrization=LaplacianPyramid(3),
)
NAMES = {"total", "hypercolumn_match/relu1_1..relu2_1", "nearest_neighbour/relu1_1"}


@pytest.fixture(scope="module")
def large(pictures):
    """A content and a style of 64x64."""
    return tuple(np.asarray(jax.image.resize(each, (64, 64, 3), "linear")) for each in pictures[:2])


@pytest.fixture(scope="module")
def made(embedded, large):
    return prepare(Job(large[0], (large[1],), RECIPE, seed=3), embedded)


def test_a_final_pass_is_another_level_of_the_same_size():
    found = levels(Pyramid(32, final_pass=True, last_rate=0.5), (64, 64), 10)
    assert [(level.shape, level.steps, level.rate) for level in found] == [
        ((32, 32), 10, 1.0),
        ((64, 64), 10, 0.5),
        ((64, 64), 10, 0.5),
    ]
    assert [level.shape for level in levels(Pyramid(128, final_pass=True), (64, 64), 10)] == [(64, 64)] * 2
    assert len(levels(Pyramid(32, final_pass=True), (64, 64), 0)) == 1


def test_terms_take_part_at_their_levels(made):
    assert [[term.loss for term in made.recipe_at(i).style] for i in range(3)] == [[MATCH], [MATCH], [NEAR]]
    assert [[*made.objective(i).weights] for i in (0, 2)] == [
        ["hypercolumn_match/relu1_1..relu2_1"],
        ["nearest_neighbour/relu1_1"],
    ]
    assert made.recipe.matches and not made.recipe_at(2).matches


def test_a_level_is_matched_with_what_it_begins_with(made):
    """The content at the first level; then a mix with the level's first image, and the content's details."""
    from jaxstyle.objective.make import make_objective

    begin = np.random.default_rng(0).uniform(0, 1, (64, 64, 3)).astype(np.float32)
    name = "hypercolumn_match/relu1_1..relu2_1"
    inputs = made.inputs.at((64, 64), made.once)
    given = begin + highest_frequencies(jax.device_put(inputs.content))
    expected = make_objective(made.model, inputs.content, inputs.styles, made.recipe_at(1), begin=given)
    found = made.objective(1, begin).targets[name][0]
    np.testing.assert_array_equal(found, expected.targets[name][0])
    assert not np.array_equal(found, made.objective(1).targets[name][0])
    small = made.inputs.at((32, 32), made.once)
    first = make_objective(made.model, small.content, small.styles, made.recipe_at(0)).targets[name][0]
    np.testing.assert_array_equal(made.objective(0, begin[:32, :32]).targets[name][0], first)


def test_the_state_keeps_what_its_level_began_with(made):
    state = made.first()
    np.testing.assert_array_equal(state.begin, made.begin)
    moved, _ = optimize.run(state, made.objective(0), made.optimizer(0), 2, average=0.0, **made.how)
    np.testing.assert_array_equal(moved.begin, made.begin)
    assert not np.array_equal(moved.average, made.begin)
    grown = made.grown(1, moved)
    np.testing.assert_array_equal(grown.begin, grown.average)
    np.testing.assert_allclose(
        grown.average, optimize.pyramid.bilinear(moved.average, (64, 64)), atol=1e-6
    )  # no content details
    assert optimize.init(moved.average, Adam()).begin is None


def test_stopped_runs_resume_and_batches_paint_the_same(embedded, large, made, tmp_path):
    content, style = large
    how = {"model": embedded, "recipe": RECIPE, "seed": 3, "every": 1}
    whole = stylize(content, style, **how)
    assert whole.status == "done" and whole.image.shape == (64, 64, 3)
    assert whole.history.keys() == NAMES and len(whole.history["total"]) == 12
    np.testing.assert_array_equal(whole.history["nearest_neighbour/relu1_1"][:8], 0)
    np.testing.assert_array_equal(whole.history["hypercolumn_match/relu1_1..relu2_1"][8:], 0)
    for after in (2, 6, 10):
        stopped = stylize(content, style, **how, callback=lambda progress, after=after: progress.step == after)
        assert stopped.status == "stopped" and len(stopped.history["total"]) == after
        again = stylize(content, style, **how, resume=write_state(tmp_path / f"{after}.npz", stopped.reached))
        np.testing.assert_array_equal(again.image, whole.image)
        for name, column in whole.history.items():
            np.testing.assert_array_equal(again.history[name], column)
    other = prepare(Job(style, (content,), RECIPE, seed=5), embedded)
    batch = Batch([other, made], [other.begun(), made.begun()], 2, jax.devices()[:1])
    assert [*batch.paint()][-1] == (2, 4)
    np.testing.assert_array_equal(made.finish(batch.lanes[1].state, (64, 64)), whole.image)


def test_recipes_with_levels_of_their_own_are_data():
    assert Recipe.from_dict(RECIPE.to_dict()) == RECIPE
    assert [term.get("at") for term in RECIPE.to_dict()["style"]] == ["before", "last"]
    nnst = PRESETS["nnst"]()
    assert Recipe.from_dict(nnst.to_dict()) == nnst
    assert len(nnst.before_last(0).style) == 10 and len(nnst.before_last(1).style) == 1
    plain = Recipe(content=ContentLoss("relu1_1"), style=GramLoss("relu1_1"))
    assert plain.before_last(0) is plain and plain.before_last(2) is plain


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda: Term(MATCH, at="first"), "at of hypercolumn_match/relu1_1..relu2_1: got 'first'"),
        (lambda: replace(RECIPE, style=RECIPE.style[:1]), "recipe: has no term at the levels 'last'"),
        (lambda: replace(RECIPE, style=RECIPE.style[1:]), "recipe: has no term at the levels 'before'"),
        (lambda: replace(RECIPE, style=()), "recipe: has no term, expected at least one"),
        (lambda: Pyramid(growing="linear"), "pyramid.growing: got 'linear'"),
        (lambda: Pyramid(final_pass=1), "pyramid.final_pass: got 1, expected true or false"),
    ],
)
def test_what_is_refused(change, error):
    with pytest.raises(SettingError, match=error):
        change()
    assert replace(RECIPE, style=RECIPE.style[1:], pyramid=None).before_last(0).style[0].loss == NEAR
