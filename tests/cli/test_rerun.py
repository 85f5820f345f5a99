from pathlib import Path

import numpy as np
import pytest

from jaxstyle import read_recipe, save_image
from jaxstyle.cli.main import main
from jaxstyle.image import read_picture

SHALLOW = Path(__file__).parents[1] / "shallow.toml"  # compiled in a second
QUICK = ["--model", "embedded", "--recipe", str(SHALLOW), "--size", "32", "--steps", "2"]


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return exit.value.code or 0, captured.out, captured.err


@pytest.fixture
def made(tmp_path, pictures, capsys, monkeypatch):
    monkeypatch.setattr("jaxstyle.cli.run_stylize.keep_programs", lambda: None)  # it would hold for all later tests
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    for name, picture in zip(("content", "style", "other"), pictures, strict=True):
        save_image(tmp_path / f"{name}.png", picture)
    arguments = [tmp_path / "content.png", tmp_path / "style.png", "-o", tmp_path / "out.png", *QUICK]
    assert run(capsys, "stylize", *arguments, "--init", tmp_path / "other.png")[0] == 0
    return tmp_path


def test_a_result_makes_itself_again_bit_for_bit(made, capsys):
    code, out, _ = run(capsys, "rerun", made / "out.png", "-o", made / "again.png")
    assert code == 0 and "the same, bit for bit" in out
    assert (made / "again.png").read_bytes() == (made / "out.png").read_bytes()


def test_it_says_what_differs(made, capsys):
    settings = read_recipe(made / "out.png")
    settings["versions"]["jaxlib"] = "0.0.1"
    settings["recipe"]["style_weight"] = 100.0
    save_image(made / "out.png", read_picture(made / "out.png").rgb, recipe=settings)
    code, out, _ = run(capsys, "rerun", made / "out.png")
    assert code == 1 and "differs, by up to" in out and "jaxlib: then 0.0.1, now" in out


def test_inputs_that_are_gone_or_changed(made, capsys, pictures):
    (made / "style.png").rename(made / "moved.png")
    code, _, err = run(capsys, "rerun", made / "out.png")
    assert code == 3 and "cannot find style.png (name it with --style)" in err
    assert run(capsys, "rerun", made / "out.png", "--style", made / "moved.png")[0] == 0
    save_image(made / "style.png", np.zeros((8, 8, 3), np.float32))
    code, _, err = run(capsys, "rerun", made / "out.png")
    assert code == 1 and "is not the picture that was used" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"styles": None}, "no usable styles"),
        ({"styles": [1]}, "no usable styles"),
        ({"recipe": {"content": 3}}, "content: got 3, expected a list"),
        ({"plan": {"cov": "exact"}}, "no usable plan"),
        ({"init_picture": "x"}, "no usable init_picture"),
        ({"size": "../../x"}, "no usable size"),
        ({"model": {"name": "/etc/passwd"}}, "name its file"),
        ({"masks": ["sky"]}, "made with masks for sky"),
    ],
)
def test_settings_that_someone_else_wrote(made, capsys, change, message):
    settings = read_recipe(made / "out.png") | change
    save_image(made / "bad.png", read_picture(made / "out.png").rgb, recipe=settings)
    code, _, err = run(capsys, "rerun", made / "bad.png")
    assert code in (2, 3) and message in err and "Traceback" not in err


def test_a_picture_without_a_recipe(made, capsys):
    assert run(capsys, "rerun", made / "content.png")[0] == 3


def test_presets_and_recipe_files(made, capsys):
    code, out, _ = run(capsys, "presets", "list")
    assert code == 0 and all(name in out for name in ("gatys", "neural_style", "crowsonkb", "strotss", "nnst"))
    code, toml, _ = run(capsys, "presets", "show", "johnson_perceptual")
    assert code == 0
    (made / "own.toml").write_text(toml.replace("steps = 500", "steps = 1"), encoding="utf-8")
    arguments = [made / "content.png", made / "style.png", "-o", made / "own.png", "--model", "embedded"]
    assert run(capsys, "stylize", *arguments, "--recipe", made / "own.toml", "--style-weight", 2)[0] == 0
    recipe = read_recipe(made / "own.png")["recipe"]
    assert (recipe["steps"], recipe["style_weight"], recipe["style"][0]["per_channel"]) == (1, 2.0, True)
    code, _, err = run(capsys, "stylize", *arguments, "--recipe", "gatis")
    assert code == 2 and "did you mean 'gatys'" in err


def test_masks_on_the_command_line(made, capsys):
    for name, region in (("left", np.s_[:, :16]), ("right", np.s_[:, 16:])):
        mask = np.zeros((32, 32, 3), np.float32)
        mask[region] = 1
        save_image(made / f"{name}.png", mask)
    arguments = ["stylize", made / "content.png", made / "style.png", made / "other.png", "-o", made / "m.png", *QUICK]
    masks = ["--content-mask", f"a={made / 'left.png'}", f"b={made / 'right.png'}"]
    own = ["--style-mask", f"a={made / 'left.png'}", f"2:b={made / 'right.png'}"]
    assert run(capsys, *arguments, *masks, *own)[0] == 0
    assert read_recipe(made / "m.png")["masks"] == ["a", "b"]
    code, _, err = run(capsys, *arguments, *masks, "--style-mask", f"3:b={made / 'right.png'}")
    assert code == 2 and "up to 2" in err


def test_a_transparent_result_makes_itself_again(made, capsys):
    alpha = np.zeros((32, 32), np.float32)
    alpha[4:20, 8:30] = 1
    alpha[4:20, 8] = 0.3
    content = made / "cut-out.png"
    save_image(content, read_picture(made / "content.png").rgb, alpha=alpha)
    assert run(capsys, "stylize", content, made / "style.png", "-o", made / "clear.png", *QUICK)[0] == 0
    code, out, _ = run(capsys, "rerun", made / "clear.png")
    assert code == 0 and "the same, bit for bit" in out
    picture = read_picture(made / "clear.png")
    save_image(made / "clear.png", picture.rgb, alpha=1 - alpha, recipe=read_recipe(made / "clear.png"))
    code, out, _ = run(capsys, "rerun", made / "clear.png")
    assert code == 1 and "differs, by up to 255 of 255 levels" in out


def test_inputs_are_found_by_their_relative_paths_and_in_another_folder(made, capsys, monkeypatch):
    monkeypatch.chdir(made)
    Path("photos").mkdir()
    for name in ("content", "style"):
        (made / f"{name}.png").rename(made / "photos" / f"{name}.png")
    arguments = ["photos/content.png", made / "photos" / "style.png", "-o", "o.png", *QUICK]
    assert run(capsys, "stylize", *arguments)[0] == 0
    settings = read_recipe("o.png")
    assert settings["content"]["path"] == "photos/content.png" and "path" not in settings["styles"][0]
    code, _, err = run(capsys, "rerun", "o.png")
    assert code == 3 and "cannot find style.png (name it with --style); looked in" in err and "--look-in" in err
    assert "making again: 32 px, 2 steps of " in err
    assert run(capsys, "rerun", "o.png", "--look-in", "photos")[0] == 0
    (made / "photos" / "content.png").unlink()
    code, _, err = run(capsys, "rerun", "o.png")
    assert "cannot find content.png (name it with --content), style.png (name it with --style)" in err


def test_a_stranger_asks_for_too_much(made, capsys):
    settings = read_recipe(made / "out.png")
    save_image(made / "big.png", read_picture(made / "out.png").rgb, recipe=settings | {"size": 65_000})
    code, _, err = run(capsys, "rerun", made / "big.png")
    assert code == 2 and "asks for 65000 pixels" in err and "--trust" in err
