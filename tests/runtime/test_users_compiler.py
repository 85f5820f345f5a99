"""What users' processes compute: the suite's own programs are compiled by other settings, which take less time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxstyle
from jaxstyle.cli.run_doctor import CHECKS

ROOT = Path(__file__).parents[1]
MARKED = (
    "losses/test_luminance.py",
    "losses/test_sliced.py",
    "metrics/test_metrics_judge.py",
    "optimize/test_random_steps.py",
    "sweep/test_lanes.py",
    "sweep/test_sweep_run.py",
)
OURS = ("XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS", "JAX_COMPILATION_CACHE_DIR")
PAINT = """
import sys, numpy as np, jaxstyle
from jaxstyle.cli.run_doctor import report
assert report() == 0
given = np.load(sys.argv[1])
result = jaxstyle.stylize(given["content"], given["style"], model="embedded", steps=3)
np.savez(sys.argv[2], image=result.image, total=result.history["total"])
"""


def as_users_run_it(*arguments):
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True, encoding="utf-8"
    )


def test_bits_that_users_rely_on():
    """The marked tests of the suite."""
    options = ["-q", "-p", "no:cacheprovider", "-m", "users_compiler"]
    files = [str(ROOT / name) for name in MARKED]
    environment = os.environ | {"JAXSTYLE_TESTS_USERS_COMPILER": "1", "XLA_FLAGS": ""}
    command = [sys.executable, "-m", "pytest", *options, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT.parent, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) >= len(MARKED) and "skipped" not in done.stdout, done.stdout


@pytest.mark.usefixtures("unchecked")
def test_an_installation_is_sound_and_the_suites_compiler_paints_the_same_picture(pictures, tmp_path):
    content, style = (np.asarray(picture) for picture in pictures[:2])
    np.savez(tmp_path / "given.npz", content=content, style=style)
    out = as_users_run_it("-c", PAINT, str(tmp_path / "given.npz"), str(tmp_path / "made.npz")).stdout
    assert out.count("ok  ") == len(CHECKS) and "jaxlib" in out and "device  cpu" in out
    result = jaxstyle.stylize(content, style, model="embedded", steps=3)
    with np.load(tmp_path / "made.npz") as made:
        np.testing.assert_allclose(made["total"], result.history["total"], rtol=1e-4)
        np.testing.assert_allclose(made["image"], result.image, atol=1e-3)
