"""The command line as a user meets it: exit codes, one-line errors, output on the right stream."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from jaxstyle import load_image, read_recipe, save_image
from jaxstyle.cli.main import main

SHALLOW = ["--model", "embedded", "--recipe", str(Path(__file__).parents[1] / "shallow.toml")]  # compiled in a second
QUICK = [*SHALLOW, "--size", "32"]
DEFAULT = ["--model", "embedded", "--size", "32"]


@pytest.fixture
def files(tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("jaxstyle.cli.run_stylize.keep_programs", lambda: None)  # it would hold for all later tests
    monkeypatch.setattr("jaxstyle.cli.run_rerun.keep_programs", lambda: None)
    for name, picture in zip(("content", "style", "other"), pictures, strict=True):
        save_image(tmp_path / f"{name}.png", picture)
    return tmp_path


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return exit.value.code or 0, captured.out, captured.err


def test_stylize_writes_a_picture_that_knows_its_recipe(files, capsys):
    out = files / "out.png"
    code, stdout, stderr = run(
        capsys,
        "stylize",
        files / "content.png",
        files / "style.png",
        "-o",
        out,
        *DEFAULT,
        "--steps",
        3,
        "--style-weight",
        7,
    )
    assert (code, stdout.strip()) == (0, str(out))
    assert "step 3/3" in stderr and "steps/s" in stderr
    recipe = read_recipe(out)["recipe"]
    assert (recipe["steps"], recipe["style_weight"]) == (3, 7.0)


def test_json_summary_alone_on_standard_output(files, capsys):
    code, stdout, _ = run(
        capsys,
        "stylize",
        files / "content.png",
        files / "style.png",
        "-o",
        files / "o.webp",
        *QUICK,
        "--steps",
        2,
        "--json",
    )
    summary = json.loads(stdout)
    assert code == 0 and summary["status"] == "done" and summary["steps"] == 2
    assert summary["levels"] == [{"size": [32, 32], "steps": 2}]
    assert summary["values"].keys() >= {"total", "gram/relu1_1"}


def test_several_styles_blend_and_init(files, capsys):
    code, *_ = run(
        capsys, "stylize", files / "content.png", files / "style.png", files / "other.png", "-o", files / "o.jpg",
        *QUICK, "--steps", 1, "--blend", 1, 3, "--init", files / "other.png",
    )  # fmt: skip
    settings = read_recipe(files / "o.jpg")
    assert code == 0 and settings["blend"] == [0.25, 0.75]
    assert settings["init_picture"]["name"] == "other.png"


def test_pictures_on_the_way_and_their_animation(files, capsys):
    code, stdout, _ = run(
        capsys,
        "stylize",
        files / "content.png",
        files / "style.png",
        "-o",
        files / "o.png",
        *DEFAULT,
        "--steps",
        7,
        "--save-every",
        3,
    )
    assert code == 0
    assert sorted(p.name for p in files.glob("o-0*.png")) == ["o-000003.png", "o-000006.png"]
    assert stdout.split() == [str(files / "o.png"), str(files / "o-progress.webp")]
    with PIL.Image.open(files / "o-progress.webp") as animation:
        assert animation.n_frames == 3
    assert read_recipe(files / "o-000003.png")["step"] == 3


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"content": "missing.png"}, 3, "missing.png"),
        ({"content": "notes.txt"}, 3, "notes.txt"),
        ({"output": "nowhere/out.png"}, 3, "nowhere"),
        ({"output": "out.gif"}, 3, ".gif"),
        ({"output": "out.png", "more": ["--model", "missing.h5"]}, 4, "missing.h5"),
        ({"more": ["--model", "embeded"]}, (2, 4), "did you mean 'embedded'"),
        ({"more": ["--size", "0"]}, 2, "size: got 0"),
        ({"more": ["--style-weight", "nan"]}, 2, "style_weight: got nan"),
        ({"more": ["--blend", "1", "2"]}, 2, "blend: got 2 weights for 1 style"),
        ({"more": ["--save-every", "0"]}, 2, "save-every"),
        ({"output": "/proc/o.png"}, 3, "/proc/o.png"),
        ({"given": [*DEFAULT, "--learning-rate", "0.1"]}, 2, "learning_rate"),
        ({"more": ["--init", "contnet"]}, 2, "init: got 'contnet'; did you mean 'content'"),
    ],
)
def test_wrong_inputs_are_one_line_and_a_code(files, capsys, change, code, message):
    (files / "notes.txt").write_text("no picture", encoding="utf-8")
    arguments = [
        files / change.get("content", "content.png"),
        files / "style.png",
        "-o",
        files / change.get("output", "o.png"),
    ]
    options = [*change.get("given", QUICK), "--steps", 1, *change.get("more", [])]
    got, stdout, stderr = run(capsys, "stylize", *arguments, *options)
    lines = [line for line in stderr.splitlines() if not line.startswith("step ")]
    assert got in np.ravel(code) and stdout == ""
    assert lines[0].startswith("jaxstyle: ") and message in stderr and "Traceback" not in stderr


def test_sizes_of_a_pyramid_on_and_off(files, capsys, unchecked):
    save_image(files / "large.png", load_image(files / "content.png", size=192))
    arguments = ["stylize", files / "large.png", files / "style.png", "-o", files / "o.png", *SHALLOW]
    code, _, stderr = run(capsys, *arguments, "--pyramid", "on", "--steps", 1)
    assert code == 0 and "step 2/2" in stderr and "192 px  loss" in stderr
    with PIL.Image.open(files / "o.png") as saved:
        assert saved.size == (192, 192)
    assert read_recipe(files / "o.png")["recipe"]["pyramid"]["smallest"] == 128
    assert run(capsys, "rerun", files / "o.png", "--content", files / "large.png")[0] == 0
    code, _, stderr = run(capsys, *arguments, "--pyramid", "off", "--steps", 0)
    assert code == 0 and "pyramid" not in read_recipe(files / "o.png")["recipe"]


def test_no_style_is_an_error_before_anything_is_loaded(files, capsys):
    code, _, stderr = run(capsys, "stylize", files / "content.png", "-o", files / "o.png")
    assert code == 2 and "STYLE: got no picture" in stderr


def test_a_reader_that_has_seen_enough(files):
    command = f"{sys.executable} -m jaxstyle weights list | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, encoding="utf-8", check=False)
    assert "imagenet" in done.stdout and done.stderr == ""


def test_debug_shows_the_traceback(files, capsys):
    code, _, stderr = run(capsys, "stylize", files / "no.png", files / "style.png", "-o", files / "o.png", "--debug")
    assert code == 3 and "Traceback" in stderr


def test_imagenet_without_file_and_network_says_what_to_do(files, capsys, monkeypatch):
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    code, _, stderr = run(capsys, "stylize", files / "content.png", files / "style.png", "-o", files / "o.png")
    assert code == 4
    for hint in ("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", "weights fetch", str(files / "home"), "embedded"):
        assert hint in stderr


@pytest.mark.parametrize("arguments", [["stylise"], ["stylize"], ["stylize", "a", "b", "--stepz", "3", "-o", "c.png"]])
def test_usage_errors_are_2(capsys, arguments):
    assert run(capsys, *arguments)[0] == 2


def test_weights_commands(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, stdout, _ = run(capsys, "weights", "list")
    assert code == 0 and "imagenet" in stdout and "embedded" in stdout and str(files / "home") in stdout
    assert all(len(line) < 80 or str(files / "home") in line for line in stdout.splitlines())
    code, *_ = run(capsys, "weights", "convert", "embedded", files / "own.safetensors")
    assert code == 0
    code, stdout, _ = run(capsys, "weights", "verify", files / "own.safetensors")
    assert code == 0 and "conv1_1..conv5_4" in stdout and "reflect" in stdout
    assert run(capsys, "weights", "fetch", "imagnet")[0] == 2
    (files / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert run(capsys, "weights", "verify", files / "broken.h5")[0] == 4


def test_help_and_version_do_not_start_jax():
    program = (
        "import sys; from jaxstyle.cli.main import main\ntry: main(%r)\nfinally: assert not {'jax'} & {*sys.modules}"
    )
    for arguments in (["--help"], ["stylize", "--help"], ["--version"], []):
        done = subprocess.run(
            [sys.executable, "-c", program % arguments], capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        assert "jaxstyle" in done.stdout


def interrupt(files: Path, *signals: signal.Signals) -> tuple[int, str]:
    """Start a long run, send signals after its second line of progress, and wait."""
    command = [sys.executable, "-m", "jaxstyle", "stylize", "content.png", "style.png", "-o", "out.png", *QUICK]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--steps", "1000000"],
        cwd=files,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("step ")
        for number in signals:
            process.send_signal(number)
        rest = process.stderr.read()
        return process.wait(60), rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_save_the_last_picture(files, number):
    code, stderr = interrupt(files, number)
    assert code == 75 and "stopping" in stderr and "Traceback" not in stderr
    settings = read_recipe(files / "out.png")
    assert settings["status"] == "stopped" and settings["recipe"]["steps"] == 1000000


@pytest.mark.parametrize(
    ("output", "more", "option"),
    [
        ("content.png", [], "--output"),
        ("style.png", [], "--output"),
        ("other.png", ["--init", "other.png"], "--output"),
        ("other.png", ["--content-mask", "a=other.png", "--style-mask", "a=other.png"], "--output"),
        ("made.png", ["--save-every", "1", "--init", "made-000001.png"], "--save-every"),
        ("made.png", ["--save-every", "1", "--init", "made-progress.webp"], "--save-every"),
    ],
)
def test_inputs_are_not_written_over(files, capsys, monkeypatch, output, more, option):
    monkeypatch.chdir(files)
    for name in ("made-000001.png", "made-progress.webp"):
        PIL.Image.open("other.png").save(name)
    before = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
    code, _, err = run(capsys, "stylize", "content.png", "style.png", "-o", output, *QUICK, "--steps", 1, *more)
    assert code == 2 and f"{option}: " in err and "is also read from, and would be lost" in err
    assert before == {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}


def test_nor_by_the_other_commands(files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    commands = (
        ["saliency", "content.png", "-o", "content.png", "--model", "embedded"],
        ["rerun", "content.png", "-o", "content.png"],
        ["weights", "convert", "content.png", "content.png"],
        ["weights", "convert-fast", "johnson", "content.png", "-o", "content.png"],
    )
    before = Path("content.png").read_bytes()
    for command in commands:
        code, _, err = run(capsys, *command)
        assert code == 2 and "is also read from" in err, command
    assert Path("content.png").read_bytes() == before


def test_a_run_that_is_no_better_fails_with_a_hint(files, capsys):
    same = [files / "content.png", files / "content.png", "-o", files / "out.png", *QUICK, "--steps", 10]
    code, out, err = run(capsys, "stylize", *same, "--learning-rate", 1e-7, "--json")
    assert code == 1 and "no pixel has changed" in err
    summary = json.loads(out)
    assert summary["status"] == "no better" and "no pixel has changed" in summary["hint"]
    assert (files / "out.png").exists()
