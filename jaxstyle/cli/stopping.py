"""Handles Ctrl-C, SIGTERM and a terminal that closes: the current step is finished, and the picture can be saved."""

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
    """A signal handler that asks a run to end once there is a picture to save; before that it interrupts at once.

    Attributes:
        asked: whether an end was asked for.
        armed: whether there is a picture to save.
    """

    def __init__(self) -> None:
        self.asked = False
        self.armed = False

    def __call__(self, number: int, frame: Any) -> None:
        """Set `asked`; raise KeyboardInterrupt if it is set already or there is no picture to save."""
        if self.asked or not self.armed:
            raise KeyboardInterrupt
        self.asked = True
        with suppress(OSError):  # the terminal may be gone
            print("\njaxstyle: stopping after this step; once more ends at once", file=sys.stderr)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Context in which a `Stop` handles SIGINT, SIGTERM and, where they exist and are not ignored, two more signals.

    SIGHUP comes when a terminal closes; `nohup` has it ignored. Windows sends SIGBREAK for Ctrl-Break and a closed
    window.
    """
    stop = Stop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    for name in ("SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            numbers.append(number)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Watch:
    """The callback of a run: it shows the progress, and ends the run if an end was asked for."""

    stop: Stop
    show: Display

    def __call__(self, progress: Any) -> bool:
        """Show the progress, and return whether to end the run."""
        self.stop.armed = True
        self.show(progress)
        return self.stop.asked


@contextmanager
def watching(stop: Stop, kind: Reading | None = None) -> Iterator[Watch]:
    """Context with a callback that shows progress, by default the steps of one picture."""
    with display(kind or Steps()) as show:
        yield Watch(stop, show)
