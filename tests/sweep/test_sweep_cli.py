"""Sweeps as a user of the command line meets them."""

import json
import os
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from kill_sweeps import prepare, search
from report.hostile_names import HOSTILE

from jaxstyle.cli.main import main
from jaxstyle.image import load_image, save_image
from jaxstyle.sweep import Grid

pytestmark = pytest.mark.usefixtures("unchecked")

GRID = """
contents = ["a.png", "b.png"]
styles = ["x.png"]
model = "embedded"
[axes]
recipe = "default"
content_layers = ["relu2_1"]
style_layers = ["relu1_1"]
steps = 2
size = 32
style_weight = [1, 10]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("jaxstyle.cli.run_sweep.keep_programs", lambda: None)  # it would hold for all later tests
    prepare(tmp_path)
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    return tmp_path


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return exit.value.code or 0, captured.out, captured.err


def test_run_status_report_and_a_cell_again(place, capsys):
    code, out, err = run(capsys, "sweep", "run", place / "grid.toml", "-o", place / "out")
    assert (code, out.strip()) == (0, f"{place / 'out'}: 4 done")
    assert "4/4 cells" in err
    assert run(capsys, "sweep", "status", place / "out")[1] == "4 cells: 4 done\n"
    assert json.loads(run(capsys, "sweep", "status", place / "out", "--json")[1]) == {"cells": 4, "done": 4}
    cell = next((place / "out" / "records").glob("*.json")).stem
    code, out, _ = run(capsys, "sweep", "cell", place / "out", cell[:6], "-o", place / "again.png")
    assert code == 0
    assert load_image(place / "again.png").shape == (32, 32, 3)
    assert run(capsys, "report", place / "out")[1].strip() == str(place / "out" / "report.html")
    metrics = json.loads((place / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()[0])["metrics"]
    assert {"ssim", "style_distance"} <= metrics.keys()


def test_failed_cells_are_told_and_done_again(place, capsys):
    good = (place / "b.png").read_bytes()
    (place / "b.png").write_bytes(good[:100])
    code, out, err = run(capsys, "sweep", "run", place / "grid.toml", "-o", place / "out", "--metrics", "off")
    assert (code, out.strip()) == (1, f"{place / 'out'}: 2 done, 2 failed")
    assert "says what failed" in err
    assert run(capsys, "sweep", "status", place / "out")[1].count("failed: content b.png") == 2
    assert run(capsys, "sweep", "retry", place / "out")[0] == 1
    (place / "b.png").write_bytes(good)
    assert run(capsys, "sweep", "retry", place / "out")[0] == 0
    assert run(capsys, "sweep", "status", place / "out")[1] == "4 cells: 4 done\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("run", "none.toml", "-o", "out"), 2, "none.toml cannot be read"),
        (("run", "grid.toml", "-o", "out", "--shard", "5/4"), 2, "--shard: got '5/4'"),
        (("run", "grid.toml", "-o", "grid.toml"), 2, "is a folder with other things"),
        (("run", "grid.toml", "-o", "out", "--model", "none.h5"), 4, "no such file"),
        (("status", "."), 2, "is no sweep"),
        (("retry", "nowhere"), 2, "is no sweep"),
        (("cell", ".", "ab", "-o", "x.png"), 2, "is no sweep"),
    ],
)
def test_errors_are_one_line(place, capsys, monkeypatch, arguments, code, text):
    monkeypatch.chdir(place)
    found, _, err = run(capsys, "sweep", *arguments)
    assert found == code
    assert text in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_what_there_is(place, number):
    (place / "grid.toml").write_text(GRID.replace("steps = 2", "steps = 100000"), encoding="utf-8")
    command = [sys.executable, "-m", "jaxstyle", "sweep", "run", "grid.toml", "-o", "out"]
    with subprocess.Popen(
        command, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        for line in process.stderr:
            if "at step" in line:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert out.strip() == "out: 4 pending"
    assert "run the same again" in err
    assert list((place / "out" / "checkpoints").glob("*.npz"))


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_pixels():
    assert search(kills=1, seed=0, longest=4.0) >= 1


class Scripts(HTMLParser):
    found = 0

    def handle_starttag(self, tag, attributes):
        self.found += tag == "script"


def test_hostile_names_stay_names(embedded, paintings, grid, sweep, tmp_path):
    """Of files, of pictures in memory, and so of captions; the page itself is tested in a browser elsewhere."""
    names = [name for name in HOSTILE if name.isprintable() and "/" not in name and 0 < len(name.encode()) < 200][:15]
    files = [tmp_path / "in" / f"{name}.png" for name in names]
    (tmp_path / "in").mkdir()
    for file in files:
        save_image(file, paintings["a"])
    axes = {"recipe": grid().points[0].axes["recipe"], "steps": 1}
    cells = Grid(files, {"x": paintings["x"]}, **axes)
    cells += Grid(dict.fromkeys(HOSTILE, paintings["b"]), {"</script>": paintings["y"]}, **axes)
    before = set(tmp_path.rglob("*"))
    assert sweep(cells, tmp_path / "out").counts.keys() == {"done"}
    made = {path for path in tmp_path.rglob("*") if path not in before}
    assert all(path.is_relative_to(tmp_path / "out") and re.fullmatch(r"[\w.]+", path.name) for path in made)
    from jaxstyle.sweep.report import write_report

    page, plain = Scripts(), Scripts()
    page.feed(write_report(tmp_path / "out").read_text(encoding="utf-8"))
    sweep(grid("a", "x"), tmp_path / "plain")
    plain.feed(write_report(tmp_path / "plain").read_text(encoding="utf-8"))
    assert page.found == plain.found


def test_two_processes_share_a_folder(place):
    (place / "grid.toml").write_text(
        GRID.replace("style_weight = [1, 10]", "seed = [0, 1, 2, 3, 4, 5, 6, 7]\ninit = 'noise'"), encoding="utf-8"
    )
    command = [sys.executable, "-m", "jaxstyle", "sweep", "run", "grid.toml", "-o", "out", "--batch", "2", "--metrics"]
    both = [subprocess.Popen([*command, "off"], cwd=place, env=dict(os.environ), stdout=subprocess.PIPE) for _ in "ab"]
    outs = [process.communicate(timeout=120)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert any("16 done" in out for out in outs)
    assert len(list((place / "out" / "records").glob("*.json"))) == 16
