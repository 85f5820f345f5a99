"""Every hostile file ends soon, as a WeightsError, with nothing run and nothing else opened."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_weights import HOSTILE, lay_bait

from jaxstyle.errors import WeightsError
from jaxstyle.weights.load import read_weights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hard limits are Linux's")
IN_OPEN = 0x20


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[Path]:
    """A folder of files; fails the test when any process opens one of them."""
    folder = tmp_path / "bait"
    lay_bait(folder)
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    for path in folder.iterdir():
        assert libc.inotify_add_watch(watch, os.fsencode(path), IN_OPEN) > 0
    yield folder
    with pytest.raises(BlockingIOError):  # no event to read
        os.read(watch, 4096)
    os.close(watch)


@pytest.mark.parametrize("name", HOSTILE)
def test_is_refused(name: str, tmp_path: Path, bait: Path):
    path = tmp_path / f"{name}.weights"
    HOSTILE[name](path, bait)
    started = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        read_weights(path, preprocessing="caffe")
    assert time.monotonic() - started < 8
    assert str(caught.value).startswith(str(path))
    assert not (tmp_path / "ran").exists()


def test_the_bait_is_watched(bait: Path):
    """The fixture itself notices an opened file: take the event, so that it passes."""
    (bait / "bait.bin").read_bytes()
    watches = [int(fd) for fd in os.listdir("/proc/self/fd") if _is_inotify(fd)]  # noqa: PTH208
    assert any(_has_event(fd) for fd in watches)


def _is_inotify(fd: str) -> bool:
    path = Path("/proc/self/fd") / fd
    return path.is_symlink() and "inotify" in os.readlink(path)  # noqa: PTH115


def _has_event(fd: int) -> bool:
    try:
        return bool(os.read(fd, 4096))
    except BlockingIOError:
        return False


@pytest.mark.parametrize("act", ["open('/dev/null')", "__import__('os').pipe()", "__import__('socket').socket()"])
def test_a_limited_process_opens_nothing(act: str):
    code = f"import os, socket; from jaxstyle.weights.child import limit; limit(0); {act}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 1
    assert "Too many open files" in done.stderr


@pytest.mark.parametrize(("act", "code"), [("while True: pass", -signal.SIGPROF), ("bytearray(1 << 30)", 1)])
def test_a_limited_process_ends(act: str, code: int):
    command = f"from jaxstyle.weights.child import limit; limit(0)\n{act}"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == code
    assert code < 0 or "MemoryError" in done.stderr
