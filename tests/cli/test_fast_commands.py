import json
import signal
from pathlib import Path

import numpy as np
import pytest
from fake_network import Fake, Own, painted

from jaxstyle import load_image, read_recipe, save_image
from jaxstyle.cli import fast_work as work
from jaxstyle.cli import run_fast
from jaxstyle.cli.fast import FastCommand
from jaxstyle.cli.rerun import RerunCommand as Rerun
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.feedforward import frames
from jaxstyle.feedforward.frames import is_done
from jaxstyle.feedforward.johnson import Johnson
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.objective.recipe_file import to_toml
from jaxstyle.optimize.optimizers import Adam

QUICK = Recipe((Term(ContentLoss("relu1_1")),), (Term(GramLoss("relu1_1")),), optimizer=Adam(0.02))


@pytest.fixture
def network(monkeypatch):
    made = Fake()
    monkeypatch.setattr(run_fast, "load_fast", lambda name, progress: made)
    return made


@pytest.fixture
def files(tmp_path, pictures, monkeypatch):
    """shots/1.png to 3.png, style.png, styles/a.png and b.png, quick.toml."""
    monkeypatch.setattr(run_fast, "keep_programs", lambda: None)
    for folder in ("shots", "styles"):
        (tmp_path / folder).mkdir()
    names = ("shots/1.png", "shots/2.png", "shots/3.png", "style.png", "styles/a.png", "styles/b.png")
    for name, picture in zip(names, [*pictures, *pictures], strict=True):
        save_image(tmp_path / name, picture)
    (tmp_path / "quick.toml").write_text(to_toml(QUICK), encoding="utf-8")
    return tmp_path


def run(files, *pictures, style=(), **options):
    paths, styles = (tuple(files / name for name in names) for names in (pictures, style))
    return FastCommand(paths, files / "out", styles, **options).run()


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


def test_one_content_and_one_style(files, network, capsys):
    assert run(files, "shots/1.png", "style.png", strength=0.5) == 0
    assert capsys.readouterr().out.split() == [str(files / "out" / "1.png")]
    content, style = (load_image(files / name) for name in ("shots/1.png", "style.png"))
    expected = painted(content, style.mean((0, 1)), 0.5)
    np.testing.assert_allclose(load_image(files / "out" / "1.png"), expected, atol=0.6 / 255)
    assert read_recipe(files / "out" / "1.png")["content"]["name"] == "1.png"


def test_frames_keep_their_names_and_the_style_code(files, network):
    assert run(files, "shots", "style.png") == 0
    assert names(files / "out") == ["1.png", "2.png", "3.png"]
    assert [what for what, _ in network.seen].count("style") == 1


def test_every_content_in_every_style(files, network):
    assert run(files, "shots/1.png", "shots/2.png", style=("styles", "style.png")) == 0
    assert names(files / "out") == [f"{style}/{shot}.png" for style in ("a", "b", "style") for shot in (1, 2)]
    assert read_recipe(files / "out" / "b" / "2.png")["styles"][0]["name"] == "b.png"


def test_a_blend_is_one_style(files, network):
    assert run(files, "shots", style=("styles",), blend=(1, 3)) == 0
    assert names(files / "out") == ["1.png", "2.png", "3.png"]
    assert read_recipe(files / "out" / "1.png")["blend"] == [0.25, 0.75]


def test_a_network_with_a_style_of_its_own(files, monkeypatch):
    monkeypatch.setattr(run_fast, "load_fast", lambda name, progress: Own())
    assert run(files, "shots", "style.png", model="own.npz") == 0
    assert names(files / "out") == ["1.png", "2.png", "3.png", "style.png"]
    with pytest.raises(SettingError, match=r"style: the network .* has a style of its own; leave it out, or refine"):
        run(files, "shots", style=("style.png",), model="own.npz")
    with pytest.raises(SettingError, match=r"refine: .* has a style of its own; .* \(after --style\), got 0 pictures"):
        run(files, "shots", model="own.npz", refine=5, refine_model="missing.pth")


def test_what_is_there_is_not_made_again(files, network, capsys):
    assert run(files, "shots", "style.png") == 0
    (files / "out" / "2.png").unlink()
    (files / "out" / "3.png").write_bytes(b"broken")
    capsys.readouterr()
    assert run(files, "shots", "style.png", json=True) == 0
    summary = json.loads(capsys.readouterr().out)
    assert {key: summary[key] for key in ("made", "skipped", "failed", "left")} == {
        "made": 2, "skipped": 1, "failed": 0, "left": 0,
    }  # fmt: skip
    assert [each["status"] for each in summary["pictures"]] == ["skipped", "done", "done"]
    assert run(files, "shots", "style.png", strength=0.5) == 0
    assert read_recipe(files / "out" / "1.png")["fast"]["strength"] == 0.5


def test_other_pixels_and_other_sizes_are_made_again(files, network):
    assert run(files, "shots/1.png", "style.png") == 0
    settings = read_recipe(files / "out" / "1.png")
    path = files / "out" / "1.png"
    assert is_done(path, settings) and is_done(path, settings | {"versions": {}})
    assert not is_done(path, settings | {"size": 16}) and not is_done(path, settings | {"content": {}})
    assert not is_done(files / "out" / "2.png", settings) and not is_done(files / "shots" / "1.png", settings)


def test_one_that_fails_does_not_lose_the_others(files, network, capsys):
    (files / "shots" / "1.png").write_bytes(b"broken")
    (files / "shots" / "notes.txt").write_text("not a picture", encoding="utf-8")
    assert run(files, "shots", "missing.png", style=("style.png",)) == 1
    assert names(files / "out") == ["2.png", "3.png"]
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("jaxstyle: ")]
    assert len(errors) == 2 and "1.png: not a picture" in errors[0] and "no such file" in errors[1]


def test_a_style_that_fails_does_not_lose_the_others(files, network, capsys):
    (files / "styles" / "a.png").write_bytes(b"broken")
    assert run(files, "shots/1.png", style=("styles",)) == 1
    assert names(files / "out") == ["b/1.png"]
    assert "styles/a.png" in capsys.readouterr().err


def test_a_picture_that_the_network_refuses(files, monkeypatch, capsys):
    class Picky(Fake):
        def __call__(self, content, code, *, strength=1.0):
            if content.shape[1] < 32:
                raise RuntimeError("too small")
            return super().__call__(content, code, strength=strength)

    monkeypatch.setattr(run_fast, "load_fast", lambda name, progress: Picky())
    save_image(files / "shots" / "2.png", np.zeros((32, 16, 3)))
    assert run(files, "shots", "style.png") == 1
    assert names(files / "out") == ["1.png", "3.png"]
    assert "2.png: RuntimeError: too small" in capsys.readouterr().err


def test_a_single_one_that_fails_is_its_own_error(files, network):
    for pair, name in ((("missing.png", "style.png"), "content"), (("shots/1.png", "missing.png"), "style")):
        with pytest.raises(ImageFileError, match=f"^{name}: .*there is no such file"):
            run(files, *pair)


def test_memory_that_does_not_suffice_for_a_batch(files, monkeypatch):
    class Large(Fake):
        def __call__(self, content, code, *, strength=1.0):
            if content.ndim == 4:
                raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
            return super().__call__(content, code, strength=strength)

    monkeypatch.setattr(run_fast, "load_fast", lambda name, progress: Large())
    monkeypatch.setattr(frames, "room", lambda frame: 3)
    assert run(files, "shots", "style.png") == 0
    assert names(files / "out") == ["1.png", "2.png", "3.png"]


def test_refined_with_progress(files, network, capsys):
    options = {"refine": 2, "refine_model": "random", "recipe": str(files / "quick.toml")}
    assert run(files, "shots/1.png", "shots/2.png", style=("style.png",), **options) == 0
    assert "step 2/2" in capsys.readouterr().err
    assert read_recipe(files / "out" / "1.png")["fast"]["refine"] == 2
    before = (files / "out" / "1.png").stat().st_mtime_ns
    assert run(files, "shots/1.png", style=("style.png",), **options) == 0
    assert (files / "out" / "1.png").stat().st_mtime_ns == before
    assert run(files, "shots/1.png", style=("style.png",), **(options | {"refine": 1})) == 0
    assert (files / "out" / "1.png").stat().st_mtime_ns != before


@pytest.mark.parametrize("options", [{}, {"refine": 2, "refine_model": "random"}])
def test_rerun(files, network, monkeypatch, capsys, options):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    monkeypatch.setattr("jaxstyle.cli.run_rerun_fast.load_fast", lambda name: network)
    recipe = {"recipe": str(files / "quick.toml")} if options else {}
    assert run(files, "shots/1.png", style=("styles",), blend=(1, 2), strength=0.7, **options, **recipe) == 0
    given = {"content": files / "shots" / "1.png", "style": (files / "styles/a.png", files / "styles/b.png")}
    assert Rerun(files / "out" / "1.png", **given, model="fake.npz").run() == 0
    assert "the same, bit for bit" in capsys.readouterr().out
    with pytest.raises(SettingError, match="--model: the result was made with the fast network 'fake'; name its file"):
        Rerun(files / "out" / "1.png", **given).run()


def test_a_network_with_a_style_of_its_own_is_refined_and_made_again(files, monkeypatch, capsys):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    network = str(Johnson.random(0, width=2).save(files / "own.safetensors"))
    options = {"refine": 2, "refine_model": "random", "recipe": str(files / "quick.toml")}
    assert run(files, "shots/1.png", "shots/2.png", style=("style.png",), model=network, **options) == 0
    assert names(files / "out") == ["1.png", "2.png"]
    given = {"content": files / "shots" / "1.png", "style": (files / "style.png",)}
    assert Rerun(files / "out" / "1.png", **given, model=network).run() == 0
    assert "the same, bit for bit" in capsys.readouterr().out


def test_rerun_of_settings_that_a_stranger_wrote(files, network, monkeypatch):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    assert run(files, "shots/1.png", "style.png") == 0
    sound = read_recipe(files / "out" / "1.png")
    refined = {"fast": sound["fast"] | {"refine": 2}, "recipe": {}, "model": {}, "seed": 0}
    for wrong, name in (({"fast": 3}, "fast"), ({"size": "large"}, "size"), ({"styles": [1]}, "styles"),
                        ({"fast": sound["fast"] | {"refine": 2}}, "recipe"),
                        ({"fast": sound["fast"] | {"strength": "all"}}, "strength"),
                        ({"blend": ["all"]}, "blend"),
                        (refined | {"plan": {"x": 1}}, "plan"), (refined | {"plan": 3}, "plan")):  # fmt: skip
        save_image(files / "odd.png", np.zeros((8, 8, 3)), recipe=sound | wrong)
        with pytest.raises(SettingError, match=f"has no usable {name}"):
            Rerun(files / "odd.png").run()
    save_image(files / "odd.png", np.zeros((8, 8, 3)), recipe=sound | {"plan": 3})  # which has no bearing
    with pytest.raises(ImageFileError, match=r"cannot find .* \(name it with --content\)"):
        Rerun(files / "odd.png").run()


def interrupt_at(monkeypatch, call):
    """SIGINT as soon as so many pictures are painted."""
    calls, paint = [], work.Painter.paint

    def painted(self, frames):
        calls.append(frames)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return paint(self, frames)

    monkeypatch.setattr(work.Painter, "paint", painted)


def test_interrupted_and_gone_on_with(files, network, monkeypatch, capsys):
    interrupt_at(monkeypatch, 2)
    assert run(files, "shots", "style.png") == 75
    captured = capsys.readouterr()
    assert "interrupted; 1 of 3 pictures are left" in captured.err and len(captured.out.split()) == 2
    assert run(files, "shots", "style.png") == 0
    assert names(files / "out") == ["1.png", "2.png", "3.png"]


def test_interrupted_among_pictures_that_are_there(files, network, monkeypatch, capsys):
    assert run(files, "shots", "style.png") == 0
    looked_at = []

    def looked(path, settings):
        looked_at.append(path)
        if len(looked_at) == 2:
            signal.raise_signal(signal.SIGINT)
        return is_done(path, settings)

    monkeypatch.setattr(work, "is_done", looked)
    assert run(files, "shots", "style.png") == 75
    assert len(looked_at) == 2 and "interrupted; 1 of 3 pictures are left" in capsys.readouterr().err


def test_interrupted_before_a_picture(files, network, monkeypatch):
    interrupt_at(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        run(files, "shots", "style.png")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"strength": 2.0}, "strength: got 2.0"),
        ({"size": 0}, "size: got 0"),
        ({"refine": -1}, "refine: got -1"),
        ({"refine_model": "random"}, "--refine-model: is for refining"),
        ({"recipe": "gatys"}, "recipe: is for refining"),
        ({"blend": (1.0, 2.0)}, "blend: got 2 weights for 1"),
    ],
)
def test_wrong_usage_makes_nothing(files, network, options, message):
    with pytest.raises(SettingError, match=message):
        run(files, "shots", "style.png", **options)
    assert not names(files / "out") if (files / "out").exists() else True


def test_a_folder_that_cannot_be_made(files, network):
    with pytest.raises(ImageFileError, match="--output: cannot make the folder"):
        FastCommand((files / "shots", files / "style.png"), Path("/proc/out")).run()


def test_rerun_fetches_no_fast_network_because_a_picture_names_it(files, monkeypatch):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    monkeypatch.setenv("JAXSTYLE_HOME", str(files / "empty"))
    fast = {"network": {"name": "magenta", "sha256": "0"}, "strength": 1.0, "style_size": None, "color": "style"}
    settings = {"fast": fast, "content": {"name": "1.png"}, "styles": [{"name": "s.png"}], "blend": [1.0], "size": 32}
    save_image(files / "made.png", np.zeros((8, 8, 3)), recipe=settings)
    with pytest.raises(SettingError, match="--model: the result was made with 'magenta-predict', which is not here"):
        Rerun(files / "made.png").run()
    with pytest.raises(ImageFileError, match=r"cannot find s.png"):
        Rerun(files / "made.png", content=files / "shots" / "1.png", trust=True).run()


def test_rerun_fetches_no_feature_network_because_a_picture_names_it(files, monkeypatch):
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    monkeypatch.setenv("JAXSTYLE_HOME", str(files / "empty"))
    fast = {"network": {"name": "own"}, "strength": 1.0, "style_size": None, "color": "style", "refine": 2}
    settings = {"fast": fast, "content": {}, "styles": [{}], "blend": [1.0], "size": 32, "plan": {}}
    settings |= {"recipe": QUICK.to_dict(), "model": {"name": "imagenet", "sha256": "0"}}
    save_image(files / "made.png", np.zeros((8, 8, 3)), recipe=settings)
    with pytest.raises(SettingError, match="--refine-model: the result was made with 'imagenet', which is not here"):
        Rerun(files / "made.png").run()
