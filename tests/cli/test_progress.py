"""Progress on a terminal, as a person sees it: a pseudo-terminal of 80 columns."""

import os
import re
import struct
import sys
from pathlib import Path

import pytest

from jaxstyle import save_image

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
    options = ["--weights", "embedded", "--recipe", SHALLOW, "--size", "32", "--steps", "3"]
    code, shown = on_a_terminal([*command, *options], tmp_path)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert code == 0, text
    assert "3/3" in text and "loss" in text and "content" in text
    assert max(map(len, re.split(r"[\r\n]+", text))) <= 80
    assert (tmp_path / "out.png").exists()
