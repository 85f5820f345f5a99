"""`stylize --keep-state` and `jaxstyle resume`: an interrupted picture ends as if it had not been interrupted."""

import signal
import sys

import numpy as np
import pytest

from jaxstyle import load_image, read_recipe, save_image
from jaxstyle.cli import run_stylize
from jaxstyle.cli.main import main

STATE = "out.state.npz"


@pytest.fixture
def command(tmp_path, pictures, monkeypatch):
    """Paints out.png of content.png and style.png in a few steps."""
    monkeypatch.setattr("jaxstyle.cli.main.os._exit", sys.exit)
    for module in ("run_stylize", "run_resume"):
        monkeypatch.setattr(f"jaxstyle.cli.{module}.keep_programs", lambda: None)
    for name, picture in zip(("content", "style"), pictures[:2], strict=True):
        save_image(tmp_path / f"{name}.png", picture)
    monkeypatch.chdir(tmp_path)
    return ["stylize", "content.png", "style.png", "-o", "out.png", "--model", "embedded", "--steps", "5"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main(list(arguments))
    out, err = capsys.readouterr()
    return exit.value.code or 0, out, err


def interrupted(monkeypatch, capsys, *arguments):
    """A run that is interrupted at its second step."""
    whole = run_stylize.Frames.add

    def add(self, progress):
        whole(self, progress)
        if progress.step >= 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(run_stylize.Frames, "add", add)
        patch.setattr(run_stylize, "_every", lambda save_every: 1)
        return run(capsys, *arguments)


def test_it_goes_on_as_if_nothing_had_happened(command, tmp_path, monkeypatch, capsys):
    assert run(capsys, *command)[0] == 0
    whole = load_image(tmp_path / "out.png")
    code, _, err = interrupted(monkeypatch, capsys, *command, "--keep-state")
    assert code == 75 and "interrupted; `jaxstyle resume out.png` goes on" in err
    assert (tmp_path / STATE).is_file() and read_recipe(tmp_path / "out.png")["status"] == "stopped"
    assert not np.array_equal(load_image(tmp_path / "out.png"), whole)
    code, out, _ = run(capsys, "resume", "out.png")
    assert code == 0 and out == "out.png\n"
    np.testing.assert_array_equal(load_image(tmp_path / "out.png"), whole)
    assert read_recipe(tmp_path / "out.png")["status"] == "done" and not (tmp_path / STATE).exists()
    code, _, err = run(capsys, "resume", "out.png")
    assert code == 2 and "out.png: was not interrupted, so there is nothing to go on with" in err


def test_without_the_state_the_way_on_is_told(command, tmp_path, monkeypatch, capsys):
    code, _, err = interrupted(monkeypatch, capsys, *command)
    assert code == 75 and "--init out.png and another --output goes on from the picture" in err
    assert not (tmp_path / STATE).exists()
    code, _, err = run(capsys, "resume", "out.png")
    assert code == 2 and f"its state is not beside it as {STATE}; `jaxstyle stylize --keep-state` keeps it" in err


def test_a_state_that_does_not_fit_leaves_the_picture_as_it_is(command, tmp_path, monkeypatch, capsys):
    interrupted(monkeypatch, capsys, *command, "--keep-state")
    before = (tmp_path / "out.png").read_bytes()
    (tmp_path / STATE).write_bytes(b"broken")
    code, _, err = run(capsys, "resume", "out.png")
    assert code == 3 and f"{STATE}: does not hold the state of this run" in err
    assert (tmp_path / "out.png").read_bytes() == before


def test_a_file_of_the_users_is_not_written_over(command, tmp_path, capsys):
    save_image(tmp_path / "x.png", np.zeros((32, 32, 3)))
    (tmp_path / "x.png").rename(tmp_path / STATE)
    code, _, err = run(capsys, *command, "--keep-state", "--init", STATE)
    assert code == 2 and "--keep-state: out.state.npz is also read from, and would be lost" in err
