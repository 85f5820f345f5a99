import json
from pathlib import Path

import numpy as np
import pytest
from fake_network import Fake, Own

from jaxstyle import stylize
from jaxstyle.errors import SettingError
from jaxstyle.feedforward.fast import stylize_fast
from jaxstyle.feedforward.painter import FastSettings, Painter, make_frame, read_source, read_styles
from jaxstyle.feedforward.refine import Refine
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.optimize.pyramid import Pyramid

RECIPE = Recipe(
    content=(Term(ContentLoss("relu1_1"), 1.0),),
    style=(Term(GramLoss("relu1_1"), 1.0),),
    optimizer=Adam(0.02),
    steps=300,
    pyramid=Pyramid(smallest=32),
)
STEPS = 3


@pytest.fixture
def pair(pictures):
    return tuple(map(np.asarray, pictures[:2]))


@pytest.fixture
def refining(embedded):
    return {"refine": STEPS, "refine_model": embedded, "recipe": RECIPE}


def test_it_is_a_transfer_that_starts_from_the_fast_result(pair, embedded, refining):
    fast = stylize_fast(*pair, model=Fake())
    refined = stylize_fast(*pair, model=Fake(), **refining)
    plain = stylize(*pair, model=embedded, recipe=RECIPE, pyramid=False, steps=STEPS, init=fast.image)
    np.testing.assert_array_equal(refined.image, plain.image)
    np.testing.assert_array_equal(refined.history["total"], plain.history["total"])
    assert refined.status == "done" and len(refined.history["total"]) == STEPS


def test_its_settings_say_both(pair, refining):
    settings = stylize_fast(*pair, model=Fake(), **refining).settings
    assert settings["fast"]["refine"] == STEPS and settings["recipe"]["steps"] == STEPS
    assert "pyramid" not in settings["recipe"] and "init_picture" not in settings
    assert settings["model"]["name"] == "random" and settings["content"].keys() == {"sha256"}
    json.dumps(settings)


def test_a_path_is_not_taken_for_the_network_itself(pair):
    painter = Painter(Fake(), read_styles(pair[1]), FastSettings())
    frame = make_frame(read_source(pair[0], "content"), None, "style")
    assert "model" not in Refine(STEPS, Path("vgg.pth"), RECIPE).settings(painter, frame)


def test_transparency_and_colors_are_kept(pair, refining):
    rgba = np.dstack([pair[0], np.full((32, 32), 0.5, np.float32)])
    result = stylize_fast(rgba, pair[1], model=Fake(), color="luminance", **refining)
    assert result.alpha is not None and result.settings["recipe"]["color"] == "luminance"
    chroma = result.image - result.image.mean(-1, keepdims=True)
    wanted = pair[0] - pair[0].mean(-1, keepdims=True)
    inside = (result.image > 0).all(-1) & (result.image < 1).all(-1)
    np.testing.assert_allclose(chroma[inside], wanted[inside], atol=1e-5)


def test_progress_and_stopping(pair, refining):
    seen = []
    result = stylize_fast(*pair, model=Fake(), **refining, callback=lambda progress: seen.append(progress.step) or True)
    assert seen == [1] and result.status == "stopped"


def test_a_network_with_a_style_of_its_own_is_refined_towards_the_picture_of_it(pair, embedded, refining):
    refined = stylize_fast(*pair, model=Own(), **refining)
    plain = stylize(*pair, model=embedded, recipe=RECIPE, pyramid=False, steps=STEPS, init=1 - pair[0])
    np.testing.assert_array_equal(refined.image, plain.image)
    assert len(refined.settings["styles"]) == 1 and refined.settings["blend"] == []
    for wrong in (None, pair):
        with pytest.raises(SettingError, match=r"refine: the network 'own' has a style of its own; give the picture"):
            stylize_fast(pair[0], wrong, model=Own(), **refining)
