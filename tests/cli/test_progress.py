"""Progress as a person sees it: on a pseudo-terminal of 80 columns, and each kind as a line, a bar and JSON."""

import os
import re
import struct
import sys
from pathlib import Path

import pytest

from jaxstyle import Progress, save_image
from jaxstyle.cli import shown
from jaxstyle.cli.progress import Cells, Count, Pictures, Steps, Updates
from jaxstyle.feedforward.train.loop import TrainingProgress
from jaxstyle.sweep.painter import SweepProgress

SHALLOW = str(Path(__file__).parents[1] / "shallow.toml")
pty = pytest.importorskip("pty")


def on_a_terminal(command: list[str], folder) -> tuple[int, str]:
    import fcntl
    import subprocess
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "JAXSTYLE_HOME": str(folder / "home")}
    with subprocess.Popen(command, cwd=folder, stderr=follower, stdout=follower, env=environment) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # the terminal closes with the process
                break
        os.close(leader)
        return process.wait(), shown.decode()


def test_a_live_bar_in_80_columns(tmp_path, pictures):
    save_image(tmp_path / "content.png", pictures[0])
    save_image(tmp_path / "style.png", pictures[1])
    command = [sys.executable, "-m", "jaxstyle", "stylize", "content.png", "style.png", "-o", "out.png"]
    options = ["--model", "embedded", "--recipe", SHALLOW, "--size", "32", "--steps", "3"]
    code, shown = on_a_terminal([*command, *options], tmp_path)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert code == 0, text
    assert "3/3" in text and "loss" in text and "content" in text
    assert max(map(len, re.split(r"[\r\n]+", text))) <= 80
    assert (tmp_path / "out.png").exists()


def run_at(step, seconds, level=0, total=0.5, preparing=None):
    about = {"total": total, "content": 0.25, "style": 0.125, "values": {"gram": 2.0}, "size": (24, 32)}
    return Progress(
        step=step,
        steps=9,
        seconds=seconds,
        level=level,
        levels=2,
        preparing=preparing,
        make_image=lambda: None,
        make_result=lambda: None,
        **about,
    )


def test_steps_are_shown_with_the_speed_since_the_level_began():
    kind = Steps()
    said = [
        kind.line(run_at(step, seconds, level))
        for step, seconds, level in ((1, 5, 0), (3, 6, 0), (5, 9, 1), (9, 11, 1))
    ]
    text = "32 px  loss 0.5 (content 0.25 style 0.12)"
    assert said == [
        f"step 1/9  {text}  compiled",
        f"step 3/9  {text}  2 steps/s",
        f"step 5/9  {text}  ",
        f"step 9/9  {text}  2 steps/s",
    ]
    assert kind.bar(run_at(9, 12, 1)) == {"completed": 9, "total": 9, "description": f"{text}  1.33 steps/s"}
    assert kind.ended(run_at(9, 12)) and not kind.ended(run_at(8, 12))


def test_steps_as_json_hold_no_number_that_json_has_not():
    found = Steps().as_json(run_at(2, 1.23456, 1, total=float("nan")))
    assert found["values"] == {"loss": None, "content": 0.25, "style": 0.125, "gram": 2.0}
    assert {**found, "values": 0} == {
        "step": 2, "steps": 9, "level": 2, "levels": 2, "size": [32, 24], "preparing": None, "seconds": 1.235,
        "values": 0,
    }  # fmt: skip


def test_after_a_levels_last_step_the_next_size_is_said_to_be_prepared():
    kind, waiting = Steps(), run_at(4, 9, preparing=(48, 64))
    kind.line(run_at(1, 5))
    assert kind.line(waiting).endswith("(content 0.25 style 0.12)  preparing 64 px")
    assert kind.bar(waiting)["description"].endswith("preparing 64 px")
    assert kind.as_json(waiting)["preparing"] == [64, 48]


def test_pictures_are_counted_with_what_is_out_of_the_ordinary():
    kind, count = Pictures(), Count(9, made=4, skipped=2, failed=1, started=0)
    assert kind.line(count).startswith("7/9 pictures  ") and kind.line(count).endswith(
        "pictures/s  2 were there  1 failed"
    )
    assert kind.line(Count(3)) == "0/3 pictures  "
    assert kind.bar(count) == {"completed": 7, "total": 9, "description": str(count)} and not kind.ended(count)
    assert kind.ended(Count(3, made=1, skipped=1, failed=1))
    assert kind.as_json(count) == {"ended": 7, "total": 9, "made": 4, "skipped": 2, "failed": 1}


def test_running_cells_count_by_their_steps():
    kind, progress = Cells(), SweepProgress(done=3, cells=9, failed=1, running=4, step=5, steps=10, seconds=2.0)
    assert kind.line(progress) == "3/9 cells  1 failed  4 at step 5/10"
    assert kind.bar(progress) == {
        "completed": 5.0, "total": 9, "description": "1 failed  4 at step 5/10", "cells": "3/9 cells",
    }  # fmt: skip
    assert kind.as_json(progress)["running"] == 4 and not kind.ended(progress)
    last = SweepProgress(9, 9, 0, 0, 0, 0, 3.0)
    assert kind.ended(last) and kind.line(last) == "9/9 cells  " and kind.bar(last)["completed"] == 9
    assert kind.line(SweepProgress(0, 9, 0, 4, 0, 0, 3.0)).endswith("4 running")


def test_updates_say_the_time_that_is_left():
    kind, progress = Updates(), TrainingProgress(10, 7519, 0.25, {}, 4.0, 1.0)
    assert kind.line(progress) == "step 10/7519  loss 0.25  4 images/s  2:05:09 left"
    assert kind.bar(progress) == {"completed": 10, "total": 7519, "description": "loss 0.25  4 images/s"}
    assert kind.as_json(progress)["loss"] == 0.25
    assert not kind.ended(progress) and kind.ended(progress._replace(step=7519))
    assert "0:00:00 left" in kind.line(progress._replace(step=7519, steps_per_second=0.0))


def test_a_line_now_and_then_and_at_the_end(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: now[0])
    lines = shown.Lines(Pictures())
    for made, later in ((1, 0), (2, 4.9), (3, 5.1), (4, 0.1), (9, 0.1)):
        now[0] += later
        lines(Count(9, made=made, started=0))
    assert [line[:3] for line in capsys.readouterr().err.splitlines()] == ["1/9", "3/9", "9/9"]
