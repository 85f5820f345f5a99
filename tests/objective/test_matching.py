"""Targets of turned styles, and matches with the image that a level begins with."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import ContentLoss, HypercolumnMatchLoss, NearestNeighbourLoss
from jaxstyle.losses.base import select
from jaxstyle.networks.model import features_of
from jaxstyle.objective.make import make_objective, ready
from jaxstyle.objective.memo import Memo
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term

LAYERS = ("relu1_1", "relu2_1")
MATCH = HypercolumnMatchLoss(LAYERS)
NEAR = NearestNeighbourLoss(("relu2_1",), samples=1000, turns=True)


def recipe_of(*losses):
    return Recipe(content=(), style=tuple(Term(loss, relative=False) for loss in losses), average=0.0)


@pytest.fixture
def style(pictures):
    return pictures[1][:24]


def features(model, picture):
    return features_of(model, jnp.asarray(picture), set(LAYERS))


def test_a_turned_target_is_of_all_four(embedded, pictures, style):
    objective = make_objective(embedded, pictures[0], style, recipe_of(NEAR, MATCH))
    parts = [NEAR.part(select(NEAR, features(embedded, np.rot90(style, k)))) for k in range(4)]
    rows, _ = objective.targets["nearest_neighbour/relu2_1"]
    np.testing.assert_allclose(rows, NEAR.join(parts)[0], atol=1e-5)
    assert len(rows) == 4 * 12 * 16
    plain = make_objective(embedded, pictures[0], style, recipe_of(replace(NEAR, turns=False)))
    assert len(plain.targets["nearest_neighbour/relu2_1"][0]) == 12 * 16


def test_a_term_matches_the_content_or_its_mix_with_the_first_image(embedded, pictures, style):
    content, begin = pictures[0], pictures[2]
    parts = [MATCH.part(select(MATCH, features(embedded, np.rot90(style, k)))) for k in range(4)]
    for share, mixed, given in (
        (0.25, content, None),
        (0.25, 0.25 * begin + 0.75 * content, begin),
        (1.0, begin, begin),
    ):
        loss = replace(MATCH, share=share)
        objective = make_objective(embedded, content, style, recipe_of(loss), begin=given)
        expected = loss.match(loss.join(parts), select(loss, features(embedded, mixed)))
        np.testing.assert_allclose(objective.targets["hypercolumn_match/relu1_1..relu2_1"][0], expected[0], atol=1e-5)


def test_several_styles_are_matched_apart(embedded, pictures, style):
    objective = make_objective(embedded, pictures[0], [style, pictures[2]], recipe_of(MATCH), blend=(3, 1))
    alone = [make_objective(embedded, pictures[0], each, recipe_of(MATCH)) for each in (style, pictures[2])]
    values = [float(each(pictures[2])[0]) for each in alone]
    assert float(objective(pictures[2])[0]) == pytest.approx(0.75 * values[0] + 0.25 * values[1], rel=1e-5)


def test_a_memo_keeps_the_other_targets_alone(embedded, pictures, style):
    once, kept = Memo(), Memo()
    plain = replace(NEAR, turns=False)
    model = ready(embedded, recipe_of(MATCH, plain), Plan())
    for begin in (None, pictures[2]):
        make_objective(model, pictures[0], style, recipe_of(MATCH, plain), begin=begin, once=once)
    make_objective(model, pictures[0], style, recipe_of(plain), once=kept)
    assert once.size == kept.size


def test_masks_turn_with_the_style(embedded, pictures):
    """Samples of a turned style are in the region too: what is outside changes nothing."""
    left = np.zeros((32, 32), np.float32)
    left[:, :12] = 1
    recipe = recipe_of(replace(NEAR, samples=60))
    masks = {"content_masks": {"a": left}, "style_masks": {"a": left}}

    def value(style):
        return float(make_objective(embedded, pictures[0], style, recipe, **masks)(pictures[2])[0])

    whole = value(pictures[1])
    assert value(pictures[1].at[:, 18:].set(0.5)) == pytest.approx(whole, rel=1e-5)
    assert value(pictures[1].at[:, :12].set(0.5)) != pytest.approx(whole, rel=0.01)


def test_what_is_refused(embedded, pictures, style):
    content = pictures[0]
    with pytest.raises(SettingError, match="begin: no style term matches it"):
        make_objective(embedded, content, style, recipe_of(NEAR), begin=content)
    with pytest.raises(ImageError, match=r"begin: got the shape \(24, 32, 3\), expected the content's, \(32, 32, 3\)"):
        make_objective(embedded, content, style, recipe_of(MATCH), begin=style)
    for masks in ({"content_masks": {"a": np.ones((32, 32))}}, {"style_masks": {"a": np.ones((24, 32))}}):
        with pytest.raises(SettingError, match=r"masks: hypercolumn_match/relu1_1..relu2_1 matches whole pictures"):
            make_objective(embedded, content, style, recipe_of(MATCH), **masks)
    with pytest.raises(SettingError, match="must be one of the style terms"):
        make_objective(embedded, content, style, Recipe(content=Term(MATCH), style=Term(ContentLoss("relu1_1"))))
    with pytest.raises(SettingError, match="must be one of the style terms"):
        of = Recipe(content=(), style=Term(MATCH, of="other"))
        make_objective(embedded, content, style, of, references={"other": style})
