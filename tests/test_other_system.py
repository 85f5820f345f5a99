"""What Linux has and other systems lack is not needed: see other_system/sitecustomize.py for what is hidden."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from sweep.kill_sweeps import prepare

from jaxstyle.feedforward.johnson import Johnson

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system that is imitated away is Linux")

HERE = Path(__file__).parent
COMMANDS = """
import os, sys
from jaxstyle.cli.main import main
for line in sys.argv[1:]:
    try:
        main(line.split())
    except SystemExit as end:
        print(line.split()[0], end.code or 0)
"""


@pytest.fixture
def start(tmp_path, embedded):
    """Starts Python on the imitated system, in a folder with four pictures, a grid of 8 cells and a style network."""
    prepare(tmp_path)
    Johnson.random(seed=0).save(tmp_path / "net.safetensors")
    path = os.pathsep.join(filter(None, [str(HERE / "other_system"), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "JAXSTYLE_HOME": str(tmp_path / "home")}

    def start(*arguments):
        command = [sys.executable, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes)

    return start


def test_commands(start, tmp_path):
    commands = (
        "stylize a.png x.png -o painted.png --model embedded --steps 2 --size 32",
        "weights verify embedded",
        "fast a.png -o fast --model net.safetensors",
        "stylize a.png x.png -o none/painted.png",
    )
    with start("-c", COMMANDS, *commands) as process:
        out, err = process.communicate(timeout=120)
    ends = [line for line in out.splitlines() if re.fullmatch(r"\w+ \d+", line)]
    assert ends == ["stylize 0", "weights 0", "fast 0", "stylize 3"], err
    assert "fault" not in err
    for path in ("painted.png", "fast/a.png"):
        with Image.open(tmp_path / path) as image:
            assert image.size == (32, 32)


def test_two_processes_sweep_one_is_killed_and_the_rest_is_done(start, tmp_path):
    command = ("-m", "jaxstyle", "sweep", "run", "grid.toml", "-o", "out", "--batch", "2", "--metrics", "off")
    with start(*command) as killed, start(*command) as other:
        for line in killed.stderr:
            if "at step" in line:
                break
        killed.kill()
        out, err = other.communicate(timeout=120)
    assert other.returncode in (0, 75), err
    with start(*command) as last:
        out, err = last.communicate(timeout=120)
    assert (last.returncode, out.strip()) == (0, "out: 8 done"), err
    records = list((tmp_path / "out" / "records").glob("*.json"))
    assert len(records) == len(list((tmp_path / "out" / "images").glob("*.png"))) == 8
