"""Runs without a content, which make textures, and without a style, which make reconstructions."""

from dataclasses import replace

import numpy as np
import pytest

from jaxstyle import Recipe, Term, make_objective, read_recipe, save_image, stylize
from jaxstyle.cli.rerun import RerunCommand
from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.optimize.optimizers import Adam

pytestmark = pytest.mark.usefixtures("unchecked")
HOW = {"optimizer": Adam(0.05), "steps": 5, "init": "noise"}
PRIOR = (Term(TotalVariation(), 0.1, relative=False),)
TEXTURE = Recipe((), (Term(GramLoss("relu1_1")),), PRIOR, **HOW)
RECONSTRUCTION = Recipe((Term(ContentLoss("relu1_1")),), (), PRIOR, **HOW)


def test_a_texture_has_the_styles_shape_and_statistics(embedded, pictures):
    wide = np.asarray(pictures[1])[:24]
    result = stylize(None, wide, model=embedded, recipe=TEXTURE)
    assert result.image.shape == (24, 32, 3) and result.status == "done"
    assert result.history["gram/relu1_1"][-1] < 0.5 * result.history["gram/relu1_1"][0]
    assert (result.settings["content"], len(result.settings["styles"])) == (None, 1)
    assert stylize(None, wide, model=embedded, recipe=TEXTURE, size=40).image.shape == (30, 40, 3)
    same = stylize(np.full_like(wide, 0.5), wide, model=embedded, recipe=TEXTURE)
    np.testing.assert_array_equal(result.image, same.image)


def test_a_reconstruction_comes_near_its_content(embedded, pictures):
    result = stylize(pictures[0], None, model=embedded, recipe=RECONSTRUCTION)
    assert result.history["content/relu1_1"][-1] < 0.5 * result.history["content/relu1_1"][0]
    assert (result.settings["styles"], result.settings["blend"]) == ([], [])
    same = stylize(pictures[0], [], model=embedded, recipe=RECONSTRUCTION)
    np.testing.assert_array_equal(result.image, same.image)
    objective = make_objective(embedded, pictures[0], [], RECONSTRUCTION)
    assert objective.weights.keys() == {"content/relu1_1", "total_variation/input"}


@pytest.mark.parametrize("recipe", [TEXTURE, RECONSTRUCTION])
def test_they_can_be_made_again(pictures, tmp_path, monkeypatch, recipe, capsys):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    path = save_image(tmp_path / "given.png", pictures[1])
    content, style = (None, path) if recipe is TEXTURE else (path, None)
    made = stylize(content, style, model="embedded", recipe=recipe).save(tmp_path / "made.png")
    assert RerunCommand(made).run() == 0
    assert "the same, bit for bit" in capsys.readouterr().out
    assert read_recipe(made)["size"] == 32


@pytest.mark.parametrize(
    ("content", "style", "recipe", "message"),
    [
        (False, True, RECONSTRUCTION, r"^content: got no picture, and the recipe has content terms"),
        (True, False, TEXTURE, r"^style: got no picture, expected at least one"),
        (False, True, replace(TEXTURE, init="content"), r"^content: got no picture to start from; use init='noise'"),
        (True, False, replace(RECONSTRUCTION, init="style"), r"^style: got no picture to start from"),
        (False, True, replace(TEXTURE, init="detail"), r"^content: got no picture to start from"),
        (True, False, replace(RECONSTRUCTION, init="detail"), r"^style: got no picture to start from"),
        (False, True, replace(TEXTURE, color="luminance"), r"^content: got no picture, which color='luminance' needs"),
        (True, False, replace(RECONSTRUCTION, color="pca"), r"^style: got no picture, which color='pca' needs"),
        (False, False, Recipe((), (), PRIOR, **HOW), r"^content, style: got no picture at all"),
    ],
)
def test_what_is_missing_is_named(embedded, pictures, content, style, recipe, message):
    with pytest.raises(SettingError, match=message):
        stylize(pictures[0] if content else None, pictures[1] if style else None, model=embedded, recipe=recipe)


def test_a_texture_may_start_from_a_picture(embedded, pictures):
    recipe = replace(TEXTURE, init="content")
    result = stylize(None, pictures[1], model=embedded, recipe=recipe, init=np.asarray(pictures[0]), steps=0)
    np.testing.assert_allclose(result.image, pictures[0], atol=1e-6)
