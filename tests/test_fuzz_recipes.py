"""A small share of `make fuzz` for recipes, grids and sweep folders, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_recipes.py")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGALRM")
@pytest.mark.parametrize(("kind", "count"), [("recipe", 30), ("toml", 300), ("grid", 300), ("folder", 300)])
def test_what_strangers_write(kind: str, count: int):
    done = subprocess.run(
        [sys.executable, SCRIPT, kind, str(count), "1"], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert " refused" in done.stdout and " taken" in done.stdout
