"""The state of an interrupted run, beside its picture, and what is said when a run has ended."""

import sys
from pathlib import Path

from jaxstyle.cli.stopping import STOPPED
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.state_file import write_state


def state_beside(path: Path) -> Path:
    """The file for the state of the run that a picture is the result of."""
    return path.with_name(f"{path.stem}.state.npz")


def ended(result: Result, path: Path, *, keep: bool) -> int:
    """Say what became of a run whose picture is saved, and how to go on with an interrupted one; the exit code.

    Args:
        result: of the run.
        path: where its picture is.
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
