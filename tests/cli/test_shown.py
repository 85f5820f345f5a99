"""How progress is shown: for people, for programs, or not at all."""

import json
import logging
import os
import signal
import sys

import pytest

from jaxstyle import save_image
from jaxstyle.cli import shown
from jaxstyle.cli.downloads import download_progress
from jaxstyle.cli.main import main
from jaxstyle.cli.stopping import stopping
from jaxstyle.errors import SettingError


@pytest.fixture(autouse=True)
def as_before():
    yield
    shown.choose("auto")


@pytest.fixture
def files(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("jaxstyle.cli.run_stylize.keep_programs", lambda: None)  # it would hold for all later tests
    for name, picture in zip(("content", "style"), pictures[:2], strict=True):
        save_image(tmp_path / f"{name}.png", picture)
    monkeypatch.chdir(tmp_path)
    return [
        "stylize",
        "content.png",
        "style.png",
        "-o",
        "o.png",
        "--model",
        "embedded",
        "--size",
        "32",
        "--steps",
        "2",
    ]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main(list(arguments))
    out, err = capsys.readouterr()
    return exit.value.code or 0, out, err


def test_quiet_says_where_the_picture_is_and_nothing_else(files, capsys):
    for option in (["--quiet"], ["--progress", "none"], ["--progress=none"]):
        assert run(capsys, *files, *option) == (0, "o.png\n", "")


def test_json_is_a_line_for_each_look(files, capsys):
    code, out, err = run(capsys, *files, "--progress", "json", "--json")
    lines = [json.loads(line) for line in err.splitlines()]
    assert code == 0 and json.loads(out)["status"] == "done"
    assert [line["event"] for line in lines] == ["loading embedded", "compiling 32 x 32", "progress", "progress"]
    first, last = lines[2:]
    assert (first["step"], last["step"], last["steps"], last["size"]) == (1, 2, 2, [32, 32])
    assert (last["level"], last["levels"]) == (1, 1) and last["values"]["loss"] > 0 and last["seconds"] > 0
    assert {"content", "style"} < last["values"].keys()


def test_lines_are_the_default_away_from_a_terminal(files, capsys):
    assert "step 2/2" in run(capsys, *files)[2]
    assert "step 2/2" in run(capsys, *files, "--progress", "lines")[2]


def test_an_error_is_json_too_where_that_is_asked_for(files, capsys):
    code, out, err = run(capsys, *files, "--json", "--steps", "-1")
    assert code == 2 and err.startswith("jaxstyle: steps: got -1")
    assert json.loads(out) == {"status": "failed", "error": err[len("jaxstyle: ") : -1], "exit_code": 2}


def test_another_way_is_suggested(capsys):
    code, _, err = run(capsys, "presets", "list", "--progress", "jason")
    assert code == 2 and "--progress: got 'jason'; did you mean 'json'?" in err
    with pytest.raises(SettingError, match="expected one of auto, bar, lines, json, none"):
        shown.choose("xyzzy")


def test_nothing_is_shown_of_a_download_that_does_not_happen(capsys):
    for how in ("bar", "lines", "json", "none"):
        shown.choose(how)
        with download_progress("imagenet"):
            pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("how", "said"),
    [("bar", "1.0/2.0 MB"), ("lines", "downloading imagenet (2 MB)\n"), ("json", '"done": 1000000'), ("none", "")],
)
def test_a_download(capsys, how, said):
    shown.choose(how)
    with download_progress("imagenet") as progress:
        progress(1_000_000, 2_000_000)
    err = capsys.readouterr().err
    assert said in err and (said or not err)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGHUP")
def test_a_terminal_that_closes_ends_a_run_with_its_picture():
    with stopping() as stop:
        stop.armed = True
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.asked
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` has it
    try:
        with stopping():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_warning_is_said_once_and_without_what_a_terminal_would_obey():
    passes = shown.presentable()
    levels = (30, 30, 20, 20, 40, 40)
    records = [logging.LogRecord("jaxstyle", level, "", 0, "%s\x1b[2J", ("a",), None) for level in levels]
    assert [passes(record) for record in records] == [True, False, True, True, True, True]
    assert {record.getMessage() for record in records} == {"a\\x1b[2J"}
    assert shown.presentable()(records[1]), "another command says it again"
