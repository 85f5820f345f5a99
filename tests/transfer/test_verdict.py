"""What a finished run says of itself: whether it is any better than its beginning."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import stylize
from jaxstyle.losses import Loss
from jaxstyle.objective import presets
from jaxstyle.objective.recipe import Term
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.transfer.verdict import no_better, not_finite

RECIPE = replace(presets.default(), optimizer=Adam(), pyramid=None)
RANDOM = np.random.default_rng(0)
BEGIN = RANDOM.random((6, 7, 3)).astype(np.float32)
PAINTED = (BEGIN + 0.1).clip(0, 1)
LARGE = BEGIN.repeat(6, 0).repeat(6, 1)
FALLING = np.arange(10.0, 0, -1)


@dataclass(frozen=True)
class Infinite(Loss):
    """1 / 0."""

    layer: str = "input"
    kind = "infinite"

    def target(self, features):
        return jnp.zeros(())

    def __call__(self, features, target):
        return 1 / (0 * features.sum())


@pytest.mark.parametrize("totals", [FALLING, np.ones(10), np.arange(9), []])
def test_nothing_is_said_of_a_run_that_is_sound(totals):
    assert no_better(RECIPE, np.array(totals), PAINTED, BEGIN, BEGIN) is None
    assert no_better(RECIPE, np.array(totals), PAINTED[:3], BEGIN, BEGIN) is None


def test_a_loss_that_rose():
    hint = no_better(RECIPE, np.linspace(2.64e8, 3.09e8, 10), PAINTED, BEGIN, BEGIN)
    assert hint == "the loss rose from 2.64e+08 to 3.09e+08; a smaller learning rate or style weight may help"
    recipe = replace(RECIPE, optimizer=LBFGS(line_search=False))
    hint = no_better(recipe, np.linspace(1, 1.1, 10), PAINTED, BEGIN, BEGIN)
    assert hint == "the loss rose from 1 to 1.1; the optimiser Adam, or L-BFGS with a line search, may help"


def test_one_colour():
    flat = np.full((6, 7, 3), 0.5, np.float32)
    flat[0, 0] += 0.9 / 255
    assert no_better(RECIPE, FALLING, flat, BEGIN, BEGIN).startswith("the picture is of one colour")
    assert no_better(RECIPE, FALLING, flat, BEGIN, flat) is None, "so is the content"
    assert no_better(replace(RECIPE, content=()), FALLING, flat, BEGIN, BEGIN) is None, "a texture may be"
    flat[0, 0, 1] += 0.2 / 255
    assert no_better(RECIPE, FALLING, flat, BEGIN, BEGIN) is None


def test_an_unchanged_picture():
    near = BEGIN + np.float32(0.4 / 255)
    assert no_better(RECIPE, FALLING, near, BEGIN, BEGIN).startswith("no pixel has changed; more steps")
    near[2, 3, 1] = BEGIN[2, 3, 1] + 0.6 / 255
    assert no_better(RECIPE, FALLING, near, BEGIN, BEGIN) is None


def test_which_step_and_term_was_not_finite():
    history = {"total": np.array([1, np.nan]), "gram": np.array([1, np.inf]), "tv": np.array([0.0, 0.0])}
    told = "step 2 was not finite in gram; a smaller learning rate or style weight may help"
    assert not_finite(RECIPE, history) == told
    first = {name: column[1:] for name, column in history.items()}
    expected = "step 1 was not finite in gram, so no setting of the optimiser is to blame; try another size or recipe"
    assert not_finite(RECIPE, first) == expected
    gradient = {"total": np.array([1.0, 2.0]), "gram": np.array([1.0, 2.0])}
    assert not_finite(RECIPE, gradient).startswith("step 2 was not finite: a gradient, for the losses were; ")


def test_a_run_that_climbs_says_so(embedded):
    recipe = replace(RECIPE, optimizer=Adam(0.9), average=0.0)
    result = stylize(LARGE, LARGE[::-1], model=embedded, recipe=recipe, steps=10, style_weight=1e-6)
    assert result.status == "no better" and result.settings["status"] == "no better"
    assert "the loss rose from" in result.hint


def test_a_sound_run_has_no_hint(embedded):
    result = stylize(LARGE, LARGE[::-1], model=embedded, steps=3)
    assert (result.status, result.hint) == ("done", None)
    unchanged = stylize(LARGE, LARGE, model=embedded, recipe=RECIPE, steps=10, learning_rate=1e-7)
    assert unchanged.status == "no better" and "no pixel has changed" in unchanged.hint


def test_a_loss_that_is_not_finite_at_once(embedded):
    recipe = replace(RECIPE, content=(Term(Infinite(), 1.0, relative=False),))
    result = stylize(LARGE, LARGE, model=embedded, recipe=recipe, steps=3)
    assert result.status == "not finite"
    assert result.hint.startswith("step 1 was not finite in ") and "no setting of the optimiser" in result.hint
