"""Kill a sweep at random moments, go on, and compare with one that was left alone.

    python tests/sweep/kill_sweeps.py [--kills 200] [--seed 0]

Each round is a sweep of 8 cells in processes of their own, killed (SIGKILL) after a random time until one of them ends
by itself. Then every cell must have its record and its picture, readable, with the pixels of the undisturbed sweep, and
no record may have been written twice.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

GRID = """
contents = ["a.png", "b.png"]
styles = ["x.png", "y.png"]
model = "embedded"
[axes]
recipe = "default"
content_layers = ["relu2_1"]
style_layers = ["relu1_1", "relu2_1"]
steps = 40
size = 32
init = "noise"
seed = [0, 1]
"""


def prepare(folder: Path) -> Path:
    """Write pictures and a grid; the grid."""
    from jaxstyle.image import save_image
    from jaxstyle.weights.random_features import dead_leaves

    pictures = np.random.default_rng(5)
    for name in "abxy":
        save_image(folder / f"{name}.png", dead_leaves(pictures, 32))
    grid = folder / "grid.toml"
    grid.write_text(GRID, encoding="utf-8")
    return grid


def start(grid: Path, out: Path) -> subprocess.Popen:
    """A process at work on the sweep."""
    command = [sys.executable, "-m", "jaxstyle", "sweep", "run", str(grid), "-o", str(out), "--checkpoint", "0.1"]
    environment = {**os.environ, "JAXSTYLE_HOME": str(grid.parent / "home")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def disturbed(grid: Path, out: Path, most: int, chance: random.Random, longest: float) -> int:
    """Run with at most so many kills; how many there were. Raises AssertionError where a finished cell was redone."""
    kills, seen = 0, {}
    while True:
        process = start(grid, out)
        try:
            wait = chance.uniform(0.3, longest) if kills < most else None
            _, errors = process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
        else:
            assert process.returncode == 0, errors.decode()
            check_unchanged(out, seen)
            return kills
        check_unchanged(out, seen)


def check_unchanged(out: Path, seen: dict[Path, int]) -> None:
    """Records that were there are as they were; note the new ones."""
    for path, when in seen.items():
        assert path.stat().st_mtime_ns == when, f"{path} was done again"
    for path in (out / "records").glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
        seen[path] = path.stat().st_mtime_ns


def pixels(out: Path) -> dict[str, bytes]:
    """{cell: its picture's pixels}, from readable records of finished cells."""
    found = {}
    for path in (out / "records").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert record["status"] == "done", record
        with Image.open(out / record["image"]) as image:
            found[record["id"]] = image.tobytes()
    return found


def search(kills: int, seed: int, longest: float | None = None) -> int:
    """Sweeps until there were so many kills; how many sweeps."""
    chance, done, rounds = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid = prepare(folder)
        for out in ("cold", "calm") if longest is None else ("calm",):  # the second start finds its programs compiled
            began = time.perf_counter()
            process = start(grid, folder / out)
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()
            took = time.perf_counter() - began
        expected = pixels(folder / "calm")
        assert len(expected) == 8
        while done < kills:
            out, rounds = folder / f"round {rounds}", rounds + 1
            done += disturbed(grid, out, min(15, kills - done), chance, longest or took)
            assert pixels(out) == expected, f"seed {seed}, round {rounds}: other pixels"
            print(f"{done} kills, {rounds} sweeps", flush=True)
    return rounds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    search(options.kills, options.seed)
