import io
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from fake_network import Fake, Own, painted

from jaxstyle import read_recipe, save_image
from jaxstyle.errors import ImageError, SettingError, WeightsError
from jaxstyle.feedforward.fast import stylize_fast
from jaxstyle.feedforward.painter import FastSettings, Painter, make_frame, read_source, read_styles
from jaxstyle.image import fit, load_image, resize
from jaxstyle.image.color import keep_color, luminance, match_color, match_luminance


@pytest.fixture
def pair(pictures):
    return np.asarray(pictures[0])[:24], np.asarray(pictures[1])


def test_content_style_and_strength(pair):
    content, style = pair
    for strength in (0.0, 0.5, 1.0):
        result = stylize_fast(content, style, model=Fake(), strength=strength)
        np.testing.assert_allclose(result.image, painted(content, style.mean((0, 1)), strength), atol=1e-5)
    assert result.status == "done" and result.history == {} and result.image.dtype == np.float32


def test_sizes(pair):
    content, style = pair
    network = Fake()
    result = stylize_fast(content, style, model=network, size=16)
    assert result.image.shape == (*fit(content.shape, 16), 3)
    assert network.seen == [("style", (16, 16, 3)), ("content", (12, 16, 3))]
    network.seen.clear()
    stylize_fast(content, style, model=network, style_size=8)
    assert network.seen == [("style", (8, 8, 3)), ("content", (24, 32, 3))]


def test_a_network_that_sees_squares(pair):
    class Square(Fake):
        style_size = 8

    network = Square()
    stylize_fast(pair[0], pair[1][:16], model=network)
    assert network.seen[0] == ("style", (8, 8, 3))
    with pytest.raises(SettingError, match="style_size: 'fake' "):
        stylize_fast(*pair, model=network, style_size=8)


def test_several_styles(pair):
    content, style = pair
    red = np.broadcast_to(np.float32([1, 0, 0]), (5, 6, 3))
    for blend, share in ((None, 0.5), ((3, 1), 0.75)):
        result = stylize_fast(content, [style, red], model=Fake(), blend=blend)
        color = share * style.mean((0, 1)) + (1 - share) * red[0, 0]
        np.testing.assert_allclose(result.image, painted(content, color), atol=2e-3)  # the styles were resized
        assert result.settings["blend"] == [share, 1 - share] and len(result.settings["styles"]) == 2


@pytest.mark.parametrize("method", ["cholesky", "histogram"])
def test_the_style_in_the_contents_colors(pair, method):
    content, style = pair
    result = stylize_fast(content, style, model=Fake(), color=method)
    matched = match_color(style, content, method=method)
    np.testing.assert_allclose(result.image, painted(content, matched.mean((0, 1))), atol=1e-5)


def test_luminance_alone(pair):
    content, style = pair
    result = stylize_fast(content, style, model=Fake(), color="luminance")
    grey = np.repeat(luminance(content)[..., None], 3, -1)
    expected = keep_color(painted(grey, match_luminance(style, content).mean((0, 1))), content)
    np.testing.assert_allclose(result.image, expected, atol=1e-5)


def test_transparency_is_kept(pair):
    content, style = pair
    alpha = np.linspace(0.2, 1, content[..., 0].size, dtype=np.float32).reshape(content.shape[:2])
    result = stylize_fast(np.dstack([content, alpha]), style, model=Fake(), size=16)
    np.testing.assert_array_equal(result.alpha, resize(alpha, (12, 16)))


def test_a_style_of_its_own(pair):
    result = stylize_fast(pair[0], model=Own())
    np.testing.assert_allclose(result.image, 1 - pair[0], atol=1e-6)
    assert result.settings["styles"] == [] and result.settings["blend"] == []
    wrong = [("style", {"style": pair[1]}), ("blend", {"blend": (1,)}), ("style_size", {"style_size": 8})]
    for name, more in [*wrong, ("strength", {"strength": 0.5}), ("color", {"color": "pca"})]:
        with pytest.raises(SettingError, match=f"^{name}: the network 'own' has a style of its own"):
            stylize_fast(pair[0], model=Own(), **more)


def test_a_batch_is_its_pictures(pair):
    content, style = pair
    contents = [content, content[::-1].copy(), content**2]
    for color in ("style", "cholesky"):
        painter = Painter(Fake(), read_styles(style), FastSettings(color=color))
        frames = [make_frame(read_source(each, "content"), None, color) for each in contents]
        batch = painter.paint(frames)
        for frame, image in zip(frames, batch, strict=True):
            np.testing.assert_allclose(image, painter.paint([frame])[0], atol=1e-6)


def test_the_style_is_looked_at_once(pair):
    network = Fake()
    painter = Painter(network, read_styles(pair[1]), FastSettings())
    for size in (None, None, 16):
        painter.paint([make_frame(read_source(pair[0], "content"), size, "style")])
    assert [shape for what, shape in network.seen if what == "style"] == [(32, 32, 3), (16, 16, 3)]


def test_a_saved_result_says_how_it_was_made(pair, tmp_path):
    save_image(tmp_path / "content.png", pair[0])
    result = stylize_fast(tmp_path / "content.png", pair[1], model=Fake(), strength=0.5)
    recipe = read_recipe(result.save(tmp_path / "out.png"))
    assert recipe["fast"]["strength"] == 0.5 and recipe["fast"]["network"]["name"] == "fake"
    assert recipe["content"]["name"] == "content.png" and recipe["size"] == 32
    assert load_image(tmp_path / "out.png").shape == (24, 32, 3)


def test_pictures_are_what_stylize_takes(pair, tmp_path):
    path = save_image(tmp_path / "content.png", pair[0])
    expected = stylize_fast(path, pair[1], model=Fake()).image
    stream = io.BytesIO(path.read_bytes())
    np.testing.assert_array_equal(stylize_fast(stream, pair[1], model=Fake()).image, expected)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"strength": 1.5}, "strength: got 1.5"),
        ({"strength": "much"}, "strength: got 'much'"),
        ({"strength": float("nan")}, "strength: got nan"),
        ({"size": 0}, "size: got 0"),
        ({"style_size": 2.5}, "style_size: got 2.5"),
        ({"color": "lumnance"}, "did you mean 'luminance'"),
        ({"refine": -1}, "refine: got -1"),
        ({"refine": 5}, "refine_model: got none"),
        ({"refine_model": "embedded"}, "refine_model: is for refining, and refine is 0"),
        ({"recipe": "gatys"}, "recipe: got 'gatys'"),
        ({"every": 0}, "every: got 0"),
    ],
)
def test_wrong_settings_are_found_before_the_network_is_loaded(pair, unchecked, wrong, message):
    with pytest.raises(SettingError, match=f"^.*{message}"):
        stylize_fast(*pair, model=lambda: pytest.fail("was loaded"), **wrong)


def test_wrong_pictures_are_found_before_the_network_is_loaded(pair):
    for content, style, name in (("missing.png", pair[1], "content"), (pair[0], [pair[1], "missing.png"], "style.1.")):
        with pytest.raises(ImageError, match=f"^{name}: "):
            stylize_fast(content, style, model=lambda: pytest.fail("was loaded"))


def test_styles_that_do_not_fit(pair):
    for style, blend, message in (
        (None, None, "style: got no picture"),
        ([], None, "style: got no picture"),
        (pair[1], (1, 2), "blend: got 2 weights for 1 style"),
        ([pair[1]] * 2, (0, 0), "blend: all weights are 0"),
    ):
        with pytest.raises(SettingError, match=message):
            stylize_fast(pair[0], style, model=Fake(), blend=blend)


class Regions(Fake):
    def __call__(self, content, code, *, strength=1.0, masks=None):
        return jnp.einsum("khw,kc->hwc", masks, jnp.stack(code))


def test_each_region_its_own_style(pair):
    content, style = pair
    red = np.broadcast_to(np.float32([1, 0, 0]), (5, 6, 3))
    left = np.zeros(content.shape[:2], np.float32)
    left[:, :16] = 1
    result = stylize_fast(content, [style, red], model=Regions(), masks=[left, 1 - left])
    np.testing.assert_allclose(result.image[:, :16], np.broadcast_to(style.mean((0, 1)), (24, 16, 3)), atol=2e-3)
    np.testing.assert_allclose(result.image[:, 16:], np.broadcast_to(red[0, 0], (24, 16, 3)), atol=2e-3)
    assert result.settings["masks"] == ["0", "1"]


@pytest.mark.parametrize(
    "more, message",
    [
        ({"masks": [np.ones((4, 4))] * 2}, "masks: got list, expected a list with a picture for each of 1 styles"),
        ({"masks": "mask.png"}, "masks: got str"),
        ({"masks": [np.ones((4, 4))], "blend": (1,)}, "blend: got one besides masks"),
        ({"masks": [np.ones((4, 4))]}, "masks: the network 'fake' takes none"),
    ],
)
def test_masks_that_do_not_fit(pair, more, message):
    with pytest.raises(SettingError, match=f"^{message}"):
        stylize_fast(*pair, model=Fake(), **more)


def test_a_network_that_fails(pair):
    class Broken(Fake):
        def __call__(self, content, code, *, strength=1.0):
            return np.nan * content

    with pytest.raises(WeightsError, match=r"^model: 'fake' made no picture of a content"):
        stylize_fast(*pair, model=Broken())


def test_it_costs_nothing_to_import():
    code = "import sys, jaxstyle.feedforward; print([name for name in ('jax', 'numpy') if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8").stdout.strip()
        == "[]"
    )
