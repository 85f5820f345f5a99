"""A small share of `make fuzz`, in a process of its own: the limits would count what this one has loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_weights.py")


@pytest.mark.skipif(sys.platform != "linux", reason="forks under Linux' limits")
@pytest.mark.parametrize(("kind", "count"), [("h5", 150), ("pth", 150), ("safetensors", 1000), ("tflite", 150)])
def test_damaged_files(kind: str, count: int):
    done = subprocess.run(
        [sys.executable, SCRIPT, kind, str(count), "1"], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert " loaded" in done.stdout
