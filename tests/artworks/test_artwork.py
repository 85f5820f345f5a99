"""The pipeline: each stage on and off, what is kept, and the command line with one picture of many that fails."""

import contextlib
import json
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import tyro
from PIL import Image

from jaxstyle import load_image, read_recipe, save_image, stylize
from jaxstyle.artworks import STAGES, Stages, artwork, draw_stages
from jaxstyle.cli.artwork import ArtworkCommand
from jaxstyle.cli.rerun import RerunCommand as Rerun
from jaxstyle.cli.stopping import Watch
from jaxstyle.errors import ImageError, ImageFileError, SettingError
from jaxstyle.image import read_picture
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.objective.recipe_file import to_toml
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.preprocess import abstract, quantize_colors, superpixels
from jaxstyle.transfer.result import fingerprint

CONTENT, STYLE = (Term(ContentLoss("relu1_1"), 1.0),), (Term(GramLoss("relu1_1"), 1.0),)
QUICK = {"recipe": Recipe(content=CONTENT, style=STYLE, optimizer=Adam(0.02), steps=2)}


@pytest.fixture
def pair(pictures):
    return tuple(map(np.asarray, pictures[:2]))


def test_with_no_stage_it_is_a_transfer(pair, embedded):
    made, plain = artwork(*pair, model=embedded, **QUICK), stylize(*pair, model=embedded, **QUICK)
    np.testing.assert_array_equal(made.result.image, plain.image)
    assert list(made.pictures) == ["content", "transfer"] and made.quantized is None
    assert made.result.settings["content"] == plain.settings["content"]


def test_all_stages(pair, embedded):
    made = artwork(*pair, model=embedded, superpixels=20, quantize=5, after_quantize=7, **QUICK)
    assert tuple(made.pictures) == STAGES
    simple = abstract(pair[0], superpixels(pair[0], 20))
    np.testing.assert_allclose(made.pictures["superpixels"], simple, atol=0.5 / 255 + 1e-6)
    few = quantize_colors(made.pictures["superpixels"], 5)
    np.testing.assert_array_equal(made.pictures["quantize"], few.image)
    painted = stylize(few.image, pair[1], model=embedded, **QUICK)
    np.testing.assert_array_equal(made.pictures["transfer"], painted.image)
    np.testing.assert_array_equal(made.result.image, quantize_colors(painted.image, 7).image)
    np.testing.assert_array_equal(made.result.image, made.quantized.palette[made.quantized.labels])


@pytest.mark.parametrize("stage", ["superpixels", "quantize", "after_quantize"])
def test_one_stage(pair, embedded, stage):
    made = artwork(*pair, model=embedded, **QUICK, **{stage: 6})
    assert set(made.pictures) == {"content", "transfer", stage}
    assert made.result.settings["artwork"][stage] == 6


def test_sizes_and_alpha(pair, embedded):
    rgba = np.dstack([pair[0], np.linspace(0.2, 1, 32 * 32).reshape(32, 32)])
    made = artwork(rgba, pair[1], model=embedded, size=24, quantize=4, after_quantize=4, **QUICK)
    assert {picture.shape for picture in made.pictures.values()} == {(24, 24, 3)}
    assert made.result.alpha.shape == (24, 24) and made.result.to_pil().mode == "RGBA"


def test_merging_and_medians(pair, embedded):
    made = artwork(*pair, model=embedded, superpixels=30, merge=1000.0, statistic="median", **QUICK)
    assert len(np.unique(made.pictures["superpixels"].reshape(-1, 3), axis=0)) == 1


def test_settings_are_checked_before_anything_else():
    for name, wrong in (
        ("superpixels", 0), ("quantize", 257), ("after_quantize", 2.5), ("compactness", -1.0), ("merge", "much"),
        ("statistic", "mode"), ("dither", "some"),
    ):  # fmt: skip
        with pytest.raises(SettingError, match=f"^{name}: got"):
            Stages(**{name: wrong})
        with pytest.raises(SettingError, match=f"^{name}: got"):
            artwork("nowhere.png", "nowhere.png", model="embedded", **{name: wrong})


def test_the_figure(pair):
    figure = draw_stages({"content": pair[0], "after_quantize": pair[0][:, :16]}, height=64)
    assert figure.shape == (64 + 2 * 8 + 16, 8 + 64 + 8 + 32 + 8, 3)
    np.testing.assert_array_equal(figure[:8], 1)
    assert figure[8 + 64 :].min() < 0.5  # letters
    with pytest.raises(SettingError, match="pictures: got none"):
        draw_stages({})
    with pytest.raises(SettingError, match="height: got 8"):
        draw_stages({"content": pair[0]}, height=8)
    with pytest.raises(ImageError, match=r"^content: "):
        draw_stages({"content": np.zeros(3)})


@pytest.fixture
def files(tmp_path, pictures, monkeypatch):
    """photos/a.png, photos/b.jpg, style.png, and a recipe that is quick to compile."""
    monkeypatch.setattr("jaxstyle.cli.run_artwork.keep_programs", lambda: None)
    (tmp_path / "photos").mkdir()
    (tmp_path / "quick.toml").write_text(to_toml(QUICK["recipe"]), encoding="utf-8")
    for path, picture in zip(("photos/a.png", "photos/b.jpg", "style.png"), pictures, strict=True):
        save_image(tmp_path / path, picture)
    return tmp_path


def run(files, *pictures, **options):
    paths = tuple(files / picture for picture in pictures)
    given = {"model": "embedded", "recipe": str(files / "quick.toml")} | options
    return ArtworkCommand(pictures=paths, output=files / "out", **given).run()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_of_pictures(files, capsys):
    assert run(files, "photos", "style.png", quantize=4, size=24) == 0
    assert names(files / "out") == ["a.png", "b.png"]
    captured = capsys.readouterr()
    assert captured.out.split() == [str(files / "out" / name) for name in ("a.png", "b.png")]
    assert "painting" in captured.err and "step 2/2" in captured.err
    assert load_image(files / "out" / "b.png").shape == (24, 24, 3)
    recipe = read_recipe(files / "out" / "a.png")
    assert recipe["recipe"]["steps"] == 2 and recipe["artwork"]["quantize"] == 4
    assert recipe["artwork"]["content"]["name"] == "a.png"


def test_kept_stages_and_few_colors(files, capsys):
    assert run(files, "photos/a.png", "style.png", superpixels=9, after_quantize=4, keep_stages=True) == 0
    assert names(files / "out") == [
        "a-1-content.png", "a-2-superpixels.png", "a-3-transfer.png", "a-stages.png", "a.png",
    ]  # fmt: skip
    with Image.open(files / "out" / "a.png") as image:
        assert image.mode == "P" and len(image.getcolors()) <= 4
    assert "4 colours, " in capsys.readouterr().err
    content = read_recipe(files / "out" / "a.png")["content"]
    assert read_picture(files / "out" / "a-2-superpixels.png").rgb.shape == (32, 32, 3)

    assert fingerprint(read_picture(files / "out" / "a-2-superpixels.png")) == content["sha256"]


@pytest.mark.parametrize("stage, content", [({"superpixels": 9}, "out/a-2-superpixels.png"), ({}, "photos/a.png")])
def test_rerun(files, capsys, monkeypatch, stage, content):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    assert run(files, "photos/a.png", "style.png", keep_stages=True, **stage) == 0
    assert Rerun(files / "out" / "a.png", content=files / content, style=(files / "style.png",)).run() == 0
    assert "the same, bit for bit" in capsys.readouterr().out


def test_transparent_pictures_keep_their_alpha(files):
    rgb = load_image(files / "photos" / "a.png")
    save_image(files / "clear.png", rgb, alpha=np.full((32, 32), 0.5, np.float32))
    assert run(files, "clear.png", "style.png", after_quantize=4) == 0
    with Image.open(files / "out" / "clear.png") as image:
        assert image.mode == "RGBA"


def test_one_that_fails_does_not_lose_the_others(files, capsys):
    (files / "photos" / "a.png").write_bytes(b"broken")
    assert run(files, "photos", "missing.png", "style.png", steps=1) == 1
    assert names(files / "out") == ["b.png"]
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("jaxstyle: ")]
    assert len(errors) == 2 and "a.png: not a picture" in errors[0] and "no such file" in errors[1]


def test_a_single_one_that_fails_is_its_own_error(files):
    with pytest.raises(ImageFileError, match=r"^content: .*there is no such file"):
        run(files, "missing.png", "style.png")


def test_names_that_would_be_the_same(files):
    save_image(files / "a.webp", load_image(files / "photos" / "b.jpg"))
    assert run(files, "photos/a.png", "a.webp", "style.png", steps=1) == 0
    assert names(files / "out") == ["a.png.png", "a.webp.png"]
    with pytest.raises(SettingError, match=r"two pictures are named a.png"):
        run(files, "photos/a.png", "photos", "style.png")


def test_pictures_are_not_written_over(files):
    pictures = (files / "photos", files / "style.png")
    options = ArtworkCommand(pictures=pictures, output=files / "photos", model="embedded")
    with pytest.raises(SettingError, match=r"--output: .*a.png is one of the pictures given"):
        options.run()


def test_wrong_usage(files):
    with pytest.raises(SettingError, match=r"CONTENT... STYLE: got fewer than two pictures"):
        run(files, "style.png")
    with pytest.raises(SettingError, match=r"^quantize: got 0"):
        run(files, "photos", "style.png", quantize=0)
    (files / "empty").mkdir()
    with pytest.raises(ImageFileError, match=r"has no pictures; expected files ending in .png"):
        run(files, "empty", "style.png")
    with pytest.raises(ImageFileError, match=r"^style: .*is a folder"):
        run(files, "photos", "photos")
    assert not (files / "out").exists()


def test_the_command_line():
    arguments = ["a.png", "photos", "s.jpg", "-o", "out", "--superpixels", "400", "--after-quantize", "16"]
    arguments += ["--keep-stages", "--dither", "ordered"]
    options = tyro.cli(ArtworkCommand, args=arguments, config=(tyro.conf.OmitArgPrefixes,))
    expected = {"superpixels": 400, "after_quantize": 16, "keep_stages": True, "dither": "ordered"}
    pictures = (Path("a.png"), Path("photos"), Path("s.jpg"))
    assert options == ArtworkCommand(pictures=pictures, output=Path("out"), **expected)
    assert {field.name for field in fields(Stages)} <= {field.name for field in fields(ArtworkCommand)}


def interrupt_at(monkeypatch, call):
    """SIGINT while progress is shown for the given time."""
    calls = []

    def show(progress):
        calls.append(progress)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("jaxstyle.cli.run_artwork.watching", lambda stop: contextlib.nullcontext(Watch(stop, show)))


def test_a_summary(files, capsys):
    (files / "photos" / "a.png").write_bytes(b"broken")
    assert run(files, "photos", "style.png", steps=1, json=True) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["made"], summary["failed"], summary["left"]) == (1, 1, 0)
    failed, made = summary["pictures"]
    assert failed["status"] == "failed" and "not a picture" in failed["error"]
    assert made["status"] == "done" and made["output"] == str(files / "out" / "b.png")


def test_an_interrupted_picture_is_saved_and_the_next_not_begun(files, monkeypatch, capsys):
    interrupt_at(monkeypatch, 1)
    assert run(files, "photos", "style.png", steps=50) == 75
    assert names(files / "out") == ["a.png"]
    assert "interrupted; 2 of 2 pictures are left, and one is saved" in capsys.readouterr().err
    assert read_recipe(files / "out" / "a.png")["artwork"]["content"]["name"] == "a.png"


def test_interrupted_before_a_picture(files, monkeypatch):
    def load(weights):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("jaxstyle.cli.run_artwork.load_weights", load)
    with pytest.raises(KeyboardInterrupt):
        run(files, "photos", "style.png")


@pytest.mark.parametrize("module", ["jaxstyle.cli.artwork", "jaxstyle.preprocess"])
def test_they_are_light_to_import(module):
    code = f"import sys, {module}; print([name for name in ('jax', 'skimage', 'sklearn') if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8").stdout.strip()
        == "[]"
    )
