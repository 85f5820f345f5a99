import dataclasses
import inspect
import io
from dataclasses import fields
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

import jaxstyle
from jaxstyle.cli.artwork import ArtworkCommand
from jaxstyle.cli.stylize import StylizeCommand
from jaxstyle.errors import ImageError, SettingError, WeightsError
from jaxstyle.image import read_picture
from jaxstyle.objective import presets
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.sweep.axes import AXES
from jaxstyle.transfer.api import named_init, override, with_optimizer
from jaxstyle.transfer.inputs import sized
from jaxstyle.transfer.settings import Settings

QUICK = with_optimizer(presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1")), "adam")


@pytest.fixture
def paint(embedded, pictures):
    def call(*args, **options):
        return jaxstyle.stylize(*(args or pictures[:2]), **{"model": embedded, "recipe": QUICK, "steps": 4} | options)

    return call


def test_the_style_comes_nearer_and_the_content_stays(paint):
    result = paint(steps=30)
    history = result.history
    assert list(history) == ["total", "content/relu2_1", "gram/relu1_1", "gram/relu2_1", "total_variation/input"]
    assert all(len(values) == 30 for values in history.values())
    assert history["gram/relu1_1"][-1] < 0.3 * history["gram/relu1_1"][0]
    assert history["total"][-1] < history["total"][0]
    assert result.image.shape == (32, 32, 3) and result.image.min() >= 0 and result.image.max() <= 1
    assert result.status == "done" and result.seconds > 0


def test_real_pictures(embedded):
    data = pytest.importorskip("skimage.data")
    result = jaxstyle.stylize(data.chelsea(), data.coffee(), model="embedded", size=64, steps=8)
    assert result.image.shape == (43, 64, 3)
    assert result.settings["recipe"]["optimizer"]["name"] == "lbfgs"
    assert result.history["total"][-1] < result.history["total"][0]


def test_the_same_call_gives_the_same_bits(paint):
    np.testing.assert_array_equal(paint(init="noise", seed=3).image, paint(init="noise", seed=3).image)
    assert not np.array_equal(paint(init="noise", seed=4).image, paint(init="noise", seed=3).image)


def test_every_kind_of_picture_is_taken(paint, pictures, tmp_path):
    content, style = (np.asarray(p) for p in pictures[:2])
    eight = np.round(content * 255).astype(np.uint8)
    path = tmp_path / "content.png"
    PIL.Image.fromarray(eight).save(path)
    images = [
        paint(kind, style).image
        for kind in (path, str(path), PIL.Image.fromarray(eight), eight, io.BytesIO(path.read_bytes()))
    ]
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])
    floats = eight.astype(np.float32) / 255
    np.testing.assert_array_equal(paint(jnp.asarray(floats), style).image, images[0])


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_where_it_starts(paint, pictures, init):
    result = paint(init=init, steps=0)
    expected = {"content": pictures[0], "style": pictures[1]}.get(init)
    if expected is None:
        assert abs(result.image.mean() - 0.5) < 0.05 and 0.05 < result.image.std() < 0.15
    else:
        np.testing.assert_array_equal(result.image, expected)
    assert result.settings["recipe"]["init"] == init


def test_starting_from_a_picture_of_ones_own(paint, pictures):
    result = paint(init=pictures[2][:16, :16], steps=0)
    assert result.image.shape == (32, 32, 3)
    assert "sha256" in result.settings["init_picture"]
    assert jaxstyle.Recipe.from_dict(result.settings["recipe"]).init == "content"


def test_size_is_the_long_edge_and_style_scale_goes_with_it(paint, pictures):
    assert paint(pictures[0][:24], pictures[1], size=16).image.shape == (12, 16, 3)
    with pytest.raises(ImageError, match="needs at least"):
        paint(style_scale=0.01, steps=1)
    coarse, fine = paint(style_scale=2.0), paint(style_scale=0.5)
    assert not np.array_equal(coarse.image, fine.image)


def test_several_styles_blend(paint, pictures):
    alone = paint(pictures[0], pictures[1], steps=10)
    mostly = paint(pictures[0], list(pictures[1:]), blend=(0.999, 0.001), steps=10)
    half = paint(pictures[0], list(pictures[1:]), steps=10)
    assert np.abs(mostly.image - alone.image).mean() < 0.1 * np.abs(half.image - alone.image).mean()
    assert half.settings["blend"] == [0.5, 0.5] and len(half.settings["styles"]) == 2


def test_single_settings_on_top_of_a_recipe(paint):
    recipe = paint(style_weight=3, content_weight=0.5, learning_rate=0.1, steps=2).settings["recipe"]
    assert (recipe["style_weight"], recipe["content_weight"], recipe["steps"]) == (3, 0.5, 2)
    assert recipe["optimizer"]["learning_rate"] == 0.1
    assert QUICK.steps == presets.default().steps


@pytest.mark.parametrize(("given", "weight"), [("light", 1.0), ("medium", 3.0), ("full", 10.0), (2, 2.0)])
def test_named_strengths(given, weight):
    assert override(QUICK, Settings(style_weight=given)).style_weight == weight


def test_the_weight_of_total_variation():
    assert override(QUICK, Settings(tv_weight=4.0)).weights()["total_variation/input"] == 4.0
    assert override(presets.neural_style(), Settings(tv_weight=2.0)).prior[0].loss.form == "corner"
    without = presets.gatys()
    assert override(without, Settings(tv_weight=2.0)).weights()["total_variation/input"] == 2.0
    assert override(without, Settings(tv_weight=0.0)) == without
    assert override(QUICK, Settings(tv_weight=0.0)).weights()["total_variation/input"] == 0.0


def test_another_optimizer_brings_what_goes_with_it():
    quasi = override(QUICK, Settings(optimizer="lbfgs"))
    assert quasi.optimizer == LBFGS(line_search=False) and not quasi.clip and quasi.average == 0
    adam = override(quasi, Settings(optimizer="adam", learning_rate=0.05))
    assert adam.optimizer == Adam(0.05) and adam.clip and adam.average == QUICK.average
    own = override(presets.gatys(), Settings(optimizer=LBFGS(memory=5)))
    assert own == dataclasses.replace(presets.gatys(), optimizer=LBFGS(memory=5))


def test_l_bfgs(paint):
    quasi = dataclasses.replace(QUICK, optimizer=LBFGS(), clip=False, average=0.0)
    result = paint(recipe=quasi, steps=10)
    assert result.history["total"][-1] < paint(steps=10).history["total"][-1]
    assert result.image.min() >= 0 and result.image.max() <= 1


def test_the_callback_sees_the_run_and_can_end_it(paint):
    seen = []

    def callback(progress):
        seen.append(progress)
        assert progress.image.shape == (32, 32, 3)
        return progress.step >= 4

    result = paint(steps=50, callback=callback, every=2)
    assert [p.step for p in seen] == [1, 2, 4] and seen[-1].steps == 50
    assert result.status == "stopped" and len(result.history["total"]) == 4
    assert seen[-1].total == pytest.approx(float(result.history["total"][-1]))
    np.testing.assert_array_equal(seen[-1].image, result.image)


def test_a_run_that_becomes_infinite_keeps_the_last_finite_picture(paint):
    recipe = dataclasses.replace(QUICK, clip=False, average=0.0)
    result = paint(recipe=recipe, learning_rate=1e18, steps=50)
    assert result.status == "not finite"
    assert np.isfinite(result.image).all()
    assert 1 < len(result.history["total"]) < 50 and not np.isfinite(result.history["total"][-1])


def test_saved_results_know_their_settings_and_their_alpha(paint, pictures, tmp_path):
    content = np.concatenate([pictures[0], np.full((32, 32, 1), 0.5, np.float32)], -1)
    result = paint(content, pictures[1])
    for name in ("out.png", "out.jpg", "out.webp", "out.tiff"):
        settings = jaxstyle.read_recipe(result.save(tmp_path / name))
        assert settings == result.settings
        assert jaxstyle.Recipe.from_dict(settings["recipe"]) == dataclasses.replace(QUICK, steps=4)
    with PIL.Image.open(tmp_path / "out.png") as saved:
        assert saved.mode == "RGBA"
    assert result.to_pil().size == (32, 32)
    assert PIL.Image.open(io.BytesIO(result._repr_png_())).mode == "RGBA"
    assert settings["versions"]["backend"] == "cpu" and len(settings["model"]["sha256"]) == 64


def test_settings_keep_file_names_but_no_folders(paint, pictures, tmp_path):
    path = jaxstyle.save_image(tmp_path / "secret-content.png", pictures[0])
    assert paint(path, pictures[1]).settings["content"].keys() == {"name", "sha256"}
    assert paint(path, pictures[1]).settings["content"]["name"] == "secret-content.png"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": -1}, SettingError, "steps: got -1"),
        ({"style_weight": float("inf")}, SettingError, "style_weight: got inf"),
        ({"blend": (1.0, 2.0)}, SettingError, "blend: got 2 weights for 1 style"),
        ({"style_scale": 0.0}, SettingError, "style_scale: got 0.0"),
        ({"size": 0}, SettingError, "0"),
        ({"init": "nois"}, SettingError, "did you mean 'noise'"),
        ({"init": np.zeros((3, 8, 8), np.float32)}, ImageError, "init"),
        ({"every": 0}, SettingError, "every: got 0"),
        ({"learning_rate": float("nan")}, SettingError, "learning_rate: got nan"),
        ({"learning_rate": -1.0}, SettingError, "learning_rate: got -1"),
        ({"style_weight": 1e39}, SettingError, "style_weight: got 1e[+]39"),
        ({"style_weight": "lite"}, SettingError, "style_weight: got 'lite'; did you mean 'light'"),
        ({"tv_weight": -1.0}, SettingError, "tv_weight: got -1"),
        ({"optimizer": "adm"}, SettingError, "optimizer: got 'adm'; did you mean 'adam'"),
        ({"optimizer": 3}, SettingError, "optimizer: got 3"),
        ({"recipe": "default"}, SettingError, "recipe: got 'default', expected a Recipe"),
        ({"seed": 2**70}, SettingError, "seed: got 1180"),
        ({"seed": "x"}, SettingError, "seed: got 'x'"),
        ({"size": 10**6}, SettingError, "size: got 1000000"),
        ({"style_scale": "x"}, SettingError, "style_scale: got 'x'"),
        ({"model": "imagenett"}, (SettingError, WeightsError), "did you mean 'imagenet'"),
    ],
)
def test_bad_settings(paint, unchecked, options, error, message):
    with pytest.raises(error, match=message):
        paint(**options)


def test_bad_pictures_name_the_argument(paint, pictures):
    with pytest.raises(ImageError, match="content"):
        paint(np.full((8, 8, 3), 200.0), pictures[1])
    with pytest.raises(ImageError, match=r"style\[1\]"):
        paint(pictures[0], [pictures[1], np.full((8, 8, 3), np.nan)])
    with pytest.raises(SettingError, match="at least one"):
        paint(pictures[0], [])


def test_numbers_of_numpy_are_numbers(paint, unchecked, tmp_path):
    numbers = {"style_weight": np.float32(3), "steps": np.int64(2), "size": np.int64(16), "seed": np.int32(1)}
    result = paint(**numbers, style_scale=np.float64(1), learning_rate=np.float32(0.125))
    recipe = jaxstyle.read_recipe(result.save(tmp_path / "out.png"))["recipe"]
    assert (recipe["style_weight"], recipe["steps"], recipe["optimizer"]["learning_rate"]) == (3.0, 2, 0.125)


def test_l_bfgs_with_a_line_search_takes_no_learning_rate(paint):
    with pytest.raises(SettingError, match="takes none"):
        paint(recipe=presets.embedded(), learning_rate=0.1)


@pytest.mark.parametrize("options", [{"init": "noise"}, {"recipe": presets.embedded(), "steps": 2}])
def test_it_works_with_float64_enabled(paint, pictures, x64, options):
    result = paint(np.asarray(pictures[0]), np.asarray(pictures[1]), **options)
    assert result.status == "done" and result.image.dtype == np.float32


def test_overflow_is_not_reported_as_done(paint):
    result = paint(style_weight=1e30, steps=10)
    assert result.status == "not finite"


def test_the_network_is_asked_for_last(paint, pictures):
    def model():
        raise AssertionError("loaded before the pictures were checked")

    with pytest.raises(ImageError, match="style"):
        paint(pictures[0], np.full((4, 4, 3), 9.0), model=model)
    with pytest.raises(AssertionError, match="loaded before"):
        paint(model=model)


def test_a_result_on_the_way_knows_its_settings_and_alpha(paint, pictures, tmp_path):
    content = np.concatenate([pictures[0], np.full((32, 32, 1), 0.5, np.float32)], -1)
    found = []
    paint(content, pictures[1], callback=lambda progress: found.append(progress.make_result()))
    settings = jaxstyle.read_recipe(found[0].save(tmp_path / "step.png"))
    assert (settings["step"], settings["status"]) == (1, "stopped")
    assert found[0].to_pil().mode == "RGBA"


def test_every_setting_is_declared_once():
    """A new flag is a field of Settings and an argument of stylize: the command line, sweeps and artworks follow."""
    settings = {entry.name: entry.default for entry in fields(Settings)}
    arguments = inspect.signature(jaxstyle.stylize).parameters
    assert {name: arguments[name].default for name in settings} == settings
    pictures, run = ["content", "style", "content_masks", "style_masks"], ["plan", "callback", "every", "resume"]
    assert sorted(arguments) == sorted([*settings, *pictures, "model", "recipe", *run])
    assert {*settings} < {*AXES}
    for command in (StylizeCommand, ArtworkCommand):
        assert {*settings} < {entry.name for entry in fields(command)}


@pytest.mark.parametrize("given", ["content", "style", "noise", "nois", None, 3])
def test_init_is_a_name_or_a_file(given, tmp_path):
    assert named_init(given) == given


def test_text_that_looks_like_a_file_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare").write_bytes(b"")
    assert [named_init(name) for name in ("a.png", "bare", "x/y.jpg")] == [Path("a.png"), Path("bare"), Path("x/y.jpg")]


def test_a_large_file_is_brought_to_512_pixels_and_an_array_keeps_its_size(tmp_path):
    large = np.zeros((30, 600, 3), np.float32)
    large[:, 300:] = 1
    path = jaxstyle.save_image(tmp_path / "large.png", large)
    for source, width in (
        (path, 512),
        (str(path), 512),
        (io.BytesIO(path.read_bytes()), 512),
        (large, 600),
        (PIL.Image.open(path), 600),
    ):
        assert sized(read_picture(source), None, source).rgb.shape[1] == width, source
        assert sized(read_picture(source), 64, source).rgb.shape[1] == 64
    small = jaxstyle.save_image(tmp_path / "small.png", large[:, :40])
    assert sized(read_picture(small), None, small).rgb.shape == (30, 40, 3)
