"""Keeps the state of an interrupted run in a file beside its picture, and says how a run has ended."""

import sys
from pathlib import Path

from jaxstyle.cli.stopping import STOPPED
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.state_file import write_state


def state_beside(path: Path) -> Path:
    """Path of the state file of the run that made a picture: NAME.state.npz beside NAME.png."""
    return path.with_name(f"{path.stem}.state.npz")


def ended(result: Result, path: Path, *, keep: bool) -> int:
    """Say how a run has ended whose picture is saved, and how to go on if it was interrupted.

    Returns exit code 0 if the run is done, 75 if it was interrupted, else 1.

    Args:
        result: the result of the run.
        path: the file of its picture.
        keep: whether to keep the state of an interrupted run beside the picture.
    """
    if result.reached is not None and keep:
        write_state(state_beside(path), result.reached)
        print(f"jaxstyle: interrupted; `jaxstyle resume {path}` goes on", file=sys.stderr)
    elif result.reached is not None:
        print(
            f"jaxstyle: interrupted; the same command with --init {path} and another --output goes on from the "
            "picture. With --keep-state, `jaxstyle resume` goes on as if nothing had happened",
            file=sys.stderr,
        )
    if result.hint:
        print(f"jaxstyle: the picture is saved, but {result.hint}", file=sys.stderr)
    return {"done": 0, "stopped": STOPPED}.get(result.status, 1)
