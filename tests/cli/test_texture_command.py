"""`jaxstyle texture`: a texture, tiles and mixtures, from the command line."""

import json
import signal

import numpy as np
import pytest

from jaxstyle.cli import run_texture
from jaxstyle.cli.main import main
from jaxstyle.image import load_image, save_image

QUICK = ["--model", "embedded", "--size", "32", "--steps", "3", "--layers", "relu1_1"]


@pytest.fixture
def files(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(run_texture, "keep_programs", lambda: None)  # it would hold for all later tests
    for name, picture in zip(("one", "two"), pictures, strict=False):
        save_image(tmp_path / f"{name}.png", picture)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["texture", *map(str, arguments)])
    captured = capsys.readouterr()
    return ended.value.code or 0, captured.out, captured.err


def test_textures_of_any_size(files, capsys):
    code, out, err = run(capsys, "one.png", "-o", "o.png", *QUICK, "--size", "32", "48", "--tileable")
    assert (code, out.strip()) == (0, "o.png") and "step 3/3" in err
    assert load_image(files / "o.png").shape == (32, 48, 3)
    run(capsys, "one.png", "two.png", "-o", "m.png", *QUICK, "--blend", "2", "1", "--style-size", "24", "--quiet")
    assert not np.array_equal(load_image(files / "m.png"), load_image(files / "o.png")[:, :32])


def test_progress_as_json(files, capsys):
    code, _, err = run(capsys, "one.png", "-o", "o.png", *QUICK, "--progress", "json")
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert code == 0 and [line["step"] for line in lines][-1] == 3
    assert all(line["steps"] == 3 and line["loss"] > 0 for line in lines)


def test_interrupted_it_saves_what_there_is(files, capsys, monkeypatch):
    whole = run_texture.texture

    def texture(*arguments, callback, **options):
        def interrupted(step, total):
            callback(step, total)
            signal.raise_signal(signal.SIGINT)
            return callback(step, total)

        return whole(*arguments, callback=interrupted, **options)

    monkeypatch.setattr(run_texture, "texture", texture)
    monkeypatch.setattr("jaxstyle.cli.main.os._exit", lambda code: (_ for _ in ()).throw(SystemExit(code)))
    code, out, err = run(capsys, "one.png", "-o", "o.png", *QUICK)
    assert code == 75 and out.strip() == "o.png" and "stopping after this step" in err
    assert load_image(files / "o.png").shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["missing.png"], 3, "there is no such file"),
        (["one.png", "--size", "8"], 2, "size: got 8"),
        (["one.png", "--size", "32", "32", "32"], 2, "size: got"),
        (["one.png", "--layers", "relu9_9"], 2, "no layer 'relu9_9'"),
    ],
)
def test_wrong_arguments(files, capsys, arguments, code, error):
    found = run(capsys, *arguments[:1], "-o", "x.png", *QUICK, *arguments[1:])
    assert found[0] == code and error in found[2] and not (files / "x.png").exists()


def test_it_does_not_overwrite_what_it_reads(files, capsys):
    code, _, err = run(capsys, "one.png", "-o", "one.png", *QUICK)
    assert code == 2 and "one.png" in err
