import numpy as np
import PIL.Image
import pytest

from jaxstyle import demo, read_recipe
from jaxstyle.pyramid import Pyramid
from jaxstyle.strokes import GARDEN, follow, paint_strokes, smooth_noise


def test_demo_writes_pictures_side_by_side_and_loss_curve(tmp_path, monkeypatch, capsys, unchecked):
    for package in ("matplotlib", "skimage", "sklearn"):
        pytest.importorskip(package)
    monkeypatch.setattr(demo, "SIZE", 48)
    pairs = demo._pairs()
    assert [name for name, *_ in pairs] == ["astronaut", "chelsea", "china"]
    assert all(max(picture.shape) == 48 for _, *both in pairs for picture in both)
    monkeypatch.setattr(demo, "_pairs", lambda: pairs[:1])  # each compiles for its own shape
    monkeypatch.setattr(demo, "STEPS", 2)
    monkeypatch.setattr(demo, "PYRAMID", Pyramid(smallest=32))
    monkeypatch.setattr(demo, "keep_programs", lambda: None)  # it would hold for all later tests
    assert demo.run_demo(tmp_path / "made") == 0
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {f"astronaut{end}.png" for end in ("", "-side-by-side", "-loss")}
    said = capsys.readouterr().out
    assert all(str(tmp_path / "made" / name) in said for name in names)
    with PIL.Image.open(tmp_path / "made/astronaut-side-by-side.png") as row:
        assert row.size == (48 * 3 + 16, 48)
    assert read_recipe(tmp_path / "made/astronaut.png")["model"]["name"] == "embedded"


def test_strokes_are_a_picture_of_many_colours_and_the_same_each_time():
    first, second = (paint_strokes(96, seed=5, strokes=400) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (96, 96, 3) and first.min() >= 0 and first.max() <= 1 and first.std() > 0.1
    assert not np.array_equal(first, paint_strokes(96, seed=6, strokes=400))
    assert paint_strokes(32, palette=GARDEN, strokes=50).shape == (32, 32, 3)


def test_noise_is_even_and_paths_follow_the_field():
    noise = smooth_noise(np.random.default_rng(0), 64, 4)
    assert noise.min() == 0 and noise.max() == 1
    np.testing.assert_allclose(np.histogram(noise, 4)[0] / noise.size, 0.25, atol=0.01)
    path = follow(np.zeros((20, 20)), np.array([3.0, 4.0]), 8)  # angle 0 leads along the row
    np.testing.assert_allclose(path[-1], [3.0, 12.0])
