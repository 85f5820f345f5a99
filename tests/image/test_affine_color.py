"""NNST's colour step."""

import numpy as np
import pytest
from skimage import data

from jaxstyle.image import resize
from jaxstyle.image.affine_color import affine_color, from_oklab, to_oklab
from jaxstyle.image.color import finish_color, keep_color

SHAPES = {"astronaut": (96, 112), "coffee": (80, 128), "chelsea": (96, 112)}
# Means, deviations and the pixels (40, 50) and (0, 0) of the authors' code, which was run in float64.
PUBLISHED = [
    [0.7424381828702503, 0.3840084681599446, 0.22970684339952954],
    [0.1899294185915495, 0.11952319120178422, 0.10832499640536133],
    [0.40343105345427177, 0.20508932529745405, 0.10728418362433936],
    [0.6913533062424612, 0.4386015103971238, 0.33288446953721157],
]
GREY = [
    [0.3821208783468465, 0.38211225286482403, 0.38206673074160724],
    [0.18565405825104514, 0.1856592338928427, 0.18564499380414662],
    [0.05470192525760046, 0.054720952813743284, 0.05479065247680754],
    [0.3898552126942385, 0.38991423010660886, 0.3900191452592777],
]


@pytest.fixture(scope="module")
def given():
    """The content, the style and the result."""
    return [resize(np.float32(getattr(data, name)()) / 255, shape) for name, shape in SHAPES.items()]


def test_the_authors_values(given):
    content, style, result = given
    grey = np.repeat(style.mean(-1, keepdims=True), 3, -1)
    for wanted, picture in ((PUBLISHED, style), (GREY, grey)):
        found = affine_color(result, content, [picture])
        assert found.dtype == np.float32
        statistics = [found.mean((0, 1), np.float64), found.std((0, 1), np.float64), found[40, 50], found[0, 0]]
        np.testing.assert_allclose(statistics, wanted, rtol=2e-5)


def test_oklab_closed_form():
    colours = to_oklab([[[1.0, 1, 1], [0, 0, 0], [2, -1, 0]]])
    np.testing.assert_allclose(colours[0, :2], [[1, 0, 0], [0, 0, 0]], atol=2e-4)
    np.testing.assert_allclose(colours[0, 2], [0.628, 0.2249, 0.1258], atol=1e-3)  # pure red
    picture = np.random.default_rng(0).uniform(0, 1, (5, 4, 3))
    np.testing.assert_allclose(from_oklab(to_oklab(picture)), picture, atol=2e-4)


def test_the_style_gives_range_and_statistics(given):
    content, style, result = given
    found, wanted = to_oklab(affine_color(result, content, [style])), to_oklab(style).reshape(-1, 3)
    assert (found.reshape(-1, 3).min(0) > wanted.min(0) - 0.01).all()
    assert (found.reshape(-1, 3).max(0) < wanted.max(0) + 0.01).all()
    np.testing.assert_allclose(found[..., 1:].mean((0, 1)), wanted[:, 1:].mean(0), atol=0.01)
    light = np.clip(to_oklab(result)[..., 0], wanted[:, 0].min(), wanted[:, 0].max())
    assert np.mean(np.abs(found[..., 0] - light)) < 0.01  # but for clipping to [0, 1] at the end


def test_several_styles_are_taken_together(given):
    content, style, result = given
    halves = affine_color(result, content, [style[:40], style[40:]])
    np.testing.assert_allclose(halves, affine_color(result, content, [style]), atol=1e-6)


def test_what_a_recipe_asks_for(given):
    content, style, result = given
    for color in ("style", "cholesky", "histogram"):
        assert finish_color(result, content, [style], color) is result
    np.testing.assert_array_equal(finish_color(result, content, [], "luminance"), keep_color(result, content))
    small = resize(content, (48, 56))
    expected = affine_color(result, resize(small, result.shape[:2]), [style])
    np.testing.assert_array_equal(finish_color(result, small, [style], "affine"), expected)
