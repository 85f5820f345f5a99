import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from jaxstyle import read_recipe
from jaxstyle.cli import figures
from jaxstyle.cli import run_demo as demo


@pytest.fixture(scope="module")
def pairs():
    """The three pairs, small: painting their styles takes longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SIZE", 48)
        return demo._pairs()


@pytest.fixture
def quick(monkeypatch, tmp_path, pairs):
    """One small pair, two steps, an empty cache and no network."""
    monkeypatch.setattr(demo, "SIZE", 48)
    assert len(pairs) == 3 and all(max(pair.content.shape) == max(pair.style.shape) == 48 for pair in pairs)
    monkeypatch.setattr(demo, "_pairs", lambda: pairs[:1])  # each compiles for its own shape
    monkeypatch.setattr(demo, "STEPS", 2)
    monkeypatch.setattr(demo, "keep_programs", lambda: None)  # it would hold for all later tests
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    return pairs[0].name


def test_demo_writes_pictures_side_by_side_and_loss_curve(quick, tmp_path, capsys, unchecked):
    assert demo.run_demo(tmp_path / "made") == 0
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {f"{quick}{end}.png" for end in ("", "-content", "-style", "-side-by-side", "-loss")}
    captured = capsys.readouterr()
    assert all(str(tmp_path / "made" / name) in captured.out for name in names)
    with PIL.Image.open(tmp_path / f"made/{quick}-side-by-side.png") as row:
        assert row.size == (48 + 8 + 32 + 8 + 48, 32)  # the style is a square
    # Without the network of the papers it says so, and why.
    assert read_recipe(tmp_path / f"made/{quick}.png")["model"]["name"] == "embedded"
    assert "JAXSTYLE_OFFLINE forbids the network" in captured.err and "goes on with 'embedded'" in captured.err


def test_a_damaged_network_is_named(quick, tmp_path, capsys):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/vgg19_imagenet_8bit.safetensors").write_bytes(b"half")
    assert demo._network().name == "embedded"
    assert "it has 4 bytes with the sha256" in capsys.readouterr().err


def test_the_command_it_ends_with_works_as_typed(monkeypatch, tmp_path):
    own = tmp_path / "bin/jaxstyle"
    own.parent.mkdir()
    own.write_text("", encoding="utf-8")
    own.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(own)])
    monkeypatch.setenv("PATH", "")
    assert demo._program() == str(own)
    monkeypatch.setenv("PATH", str(own.parent))
    assert demo._program() == "jaxstyle"
    monkeypatch.setattr(sys, "argv", [str(Path(demo.__file__).parents[1] / "__main__.py")])
    assert demo._program() == f"{sys.executable} -m jaxstyle"


def test_loss_curves_are_drawn(tmp_path):
    history = {"total": np.array([100.0, 10.0, 1.0]), "a": np.array([1.0, np.nan, 0.0]), "empty": np.zeros(0)}
    with PIL.Image.open(figures.save_loss_curve(tmp_path / "curve.png", history)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    left, top, right, bottom = figures.BOX
    # The total falls from the top to a third of the height: four powers of ten would be 1 to 100.
    black = (pixels.sum(2) < 60)[top + 3 : bottom - 2, left + 3 : right - 2]
    assert black[: (bottom - top) // 2, : (right - left) // 4].any()
    assert black[-20:, -(right - left) // 4 :].any()
    assert figures._powers({"x": np.array([0.5, 20.0])}) == (-1, 2)
    assert figures._powers({"x": np.zeros(3)}) == (0, 1)
    assert figures._row(np.array([0.0, 2.0]), (0, 2)).tolist() == [bottom, top]
