"""Ctrl-C, SIGTERM and a terminal that closes: the step ends, and there is a picture to save."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from jaxstyle.cli.progress import Steps
from jaxstyle.cli.shown import Display, Reading, display

STOPPED = 75
"""Exit code of a command that was interrupted and saved what there was."""


class Stop:
    """Set by SIGINT and SIGTERM once there is a picture to save; before that they interrupt at once."""

    def __init__(self) -> None:
        self.asked = False
        self.armed = False

    def __call__(self, number: int, frame: Any) -> None:
        """The signal handler."""
        if self.asked or not self.armed:
            raise KeyboardInterrupt
        self.asked = True
        with suppress(OSError):  # of a terminal that is gone
            print("\njaxstyle: stopping after this step; once more ends at once", file=sys.stderr)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Handle SIGINT, SIGTERM and SIGHUP with a `Stop` meanwhile."""
    stop = Stop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    closed = getattr(signal, "SIGHUP", None)  # the terminal is gone; `nohup` asks for that to be ignored
    if closed is not None and signal.getsignal(closed) is not signal.SIG_IGN:
        numbers.append(closed)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Watch:
    """The callback of a run: it shows the progress, and ends the run where that was asked for."""

    stop: Stop
    show: Display

    def __call__(self, progress: Any) -> bool:
        """Whether to end."""
        self.stop.armed = True
        self.show(progress)
        return self.stop.asked


@contextmanager
def watching(stop: Stop, kind: Reading | None = None) -> Iterator[Watch]:
    """A callback that shows progress meanwhile; that of a picture's steps where no other kind is given."""
    with display(kind or Steps()) as show:
        yield Watch(stop, show)
