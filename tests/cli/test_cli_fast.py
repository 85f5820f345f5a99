"""`jaxstyle fast` and `jaxstyle weights convert-fast` as a user meets them: arguments, exit codes, messages."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tyro

from jaxstyle import load_image, read_recipe, save_image
from jaxstyle.cli.fast import FastCommand
from jaxstyle.cli.main import main


def parse(*arguments):
    return tyro.cli(FastCommand, args=list(arguments), config=(tyro.conf.OmitArgPrefixes,))


def test_what_is_understood():
    pair = parse("a.jpg", "b.jpg", "-o", "out")
    assert pair == FastCommand((Path("a.jpg"), Path("b.jpg")), Path("out"))
    many = parse("a.jpg", "frames", "--style", "s.jpg", "styles", "-o", "out", "--blend", "2", "1", "--refine", "50")
    assert many.pictures == (Path("a.jpg"), Path("frames")) and many.style == (Path("s.jpg"), Path("styles"))
    assert many.blend == (2.0, 1.0) and many.refine == 50 and many.model == "magenta" and many.refine_model is None


def test_it_is_light_to_import():
    code = "import sys, jaxstyle.cli.fast; print([name for name in ('jax', 'numpy') if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8").stdout.strip()
        == "[]"
    )


@pytest.fixture
def files(tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    monkeypatch.setattr("jaxstyle.cli.run_fast.keep_programs", lambda: None)
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    for name, picture in zip(("content", "style"), pictures, strict=False):
        save_image(tmp_path / f"{name}.png", picture)
    return tmp_path


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return exit.value.code or 0, captured.out, captured.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["content.png"], 2, "expected CONTENT STYLE, or CONTENT... --style STYLE..."),
        (["content.png", "style.png", "content.png"], 2, "got 3 without --style"),
        (["content.png", "style.png", "--strength", "3"], 2, "strength: got 3.0"),
        (["content.png", "style.png", "--model", "magneta"], 2, "did you mean 'magenta'"),
        (["content.png", "style.png", "--refine-model", "embedded"], 2, "--refine-model: is for refining"),
        (["missing.png", "style.png"], 3, "there is no such file"),
        (["content.png", "missing.png"], 3, "there is no such file"),
        (["content.png", "style.png", "--model", "missing.safetensors"], 4, "no such file"),
        (["content.png", "style.png", "--model", "content.png"], 4, "content.png"),
        (["content.png", "style.png"], 4, "JAXSTYLE_OFFLINE"),
    ],
)
def test_wrong_inputs_are_one_line_and_a_code(files, capsys, monkeypatch, arguments, code, message):
    monkeypatch.chdir(files)
    got, stdout, stderr = run(capsys, "fast", *arguments, "-o", "out")
    assert got == code and stdout == "" and message in stderr and "Traceback" not in stderr
    assert stderr.startswith("jaxstyle: ") and len(stderr.splitlines()) == 1


@pytest.mark.slow
def test_public_files_to_pictures(shared, files, capsys):
    """From Magenta's published pair to a result that knows how it was made, and is made again bit for bit."""
    pair = [
        shared / "magenta" / name for name in ("style_predict_quantized_256.tflite", "style_transfer_f16_384.tflite")
    ]
    network = files / "net.safetensors"
    assert run(capsys, "weights", "convert-fast", "magenta", *pair, "-o", network)[:2] == (0, f"{network}\n")
    arguments = ["fast", files / "content.png", files / "style.png", "--model", network, "-o", files]
    assert run(capsys, *arguments)[0] == 2  # out would be the content
    arguments[-1] = files / "out"
    out = files / "out" / "content.png"
    code, stdout, _ = run(capsys, *arguments)
    assert (code, stdout) == (0, f"{out}\n") and read_recipe(out)["fast"]["network"]["name"] == "magenta"
    assert np.abs(load_image(out) - load_image(files / "content.png")).mean() > 0.02
    given = ["--model", network, "--content", files / "content.png", "--style", files / "style.png"]
    code, stdout, _ = run(capsys, "rerun", out, *given)
    assert (code, stdout) == (0, f"{out}: the same, bit for bit\n")
