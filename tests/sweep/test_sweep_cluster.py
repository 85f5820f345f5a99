"""The sweep on a local Ray: the same pixels, and a lost worker's cells are done by another."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from test_sweep_run import hashes, records

from jaxstyle.errors import SettingError
from jaxstyle.image import save_image
from jaxstyle.sweep import Grid
from jaxstyle.sweep.cluster import run_on_ray

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'jaxstyle[cluster]'")
pytestmark = [
    pytest.mark.usefixtures("unchecked"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds Ray's workers in /proc"),
]


def workers() -> list[int]:
    """Ray's processes that are at work on a task of ours."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and b"ray::paint_remotely" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile
            continue
    return found


@pytest.mark.slow
def test_a_lost_worker_costs_nothing(embedded, paintings, grid, sweep, tmp_path):
    for name in "ax":
        save_image(tmp_path / f"{name}.png", paintings[name])
    axes = {"recipe": grid().points[0].axes["recipe"], "steps": 200, "init": "noise", "seed": [0, 1, 2, 3]}
    cells = Grid([tmp_path / "a.png"], [tmp_path / "x.png"], **axes)
    cells += Grid([tmp_path / "missing.png"], [tmp_path / "x.png"], **axes | {"seed": 0})
    cells += grid("b", "y", **axes)  # arrays travel too
    sweep(cells, tmp_path / "here")
    killed = []

    def kill() -> None:
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            killed.extend(workers())
            time.sleep(0.05)
        time.sleep(1.0)
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    summary = run_on_ray(cells, tmp_path / "there", model=embedded, address="local", batch=4, metrics=False)
    thread.join()
    assert killed
    assert summary.counts == {"done": 8, "failed": 1}
    assert hashes(tmp_path / "there") == hashes(tmp_path / "here")  # workers have this process' number of devices
    here, there = records(tmp_path / "here"), records(tmp_path / "there")
    assert {k: v["settings"] for k, v in there.items() if "settings" in v} == {
        k: v["settings"] for k, v in here.items() if "settings" in v
    }


def test_no_cluster_is_said(embedded, grid, tmp_path):
    with pytest.raises(SettingError, match=r"no cluster answers at '127\.0\.0\.1:1'"):
        run_on_ray(grid(), tmp_path, model=embedded, address="127.0.0.1:1")
