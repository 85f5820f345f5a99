"""How progress is shown, decided once for a command: a live bar, plain lines, JSON for other programs, or nothing."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast, get_args

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

from jaxstyle.errors import SettingError, printable, suggest
from jaxstyle.runtime.accelerators import crowded_memory, unused_accelerator

How = Literal["auto", "bar", "lines", "json", "none"]
_chosen: list[How] = ["auto"]


class Display(Protocol):
    """Protocol of a display, which shows progress."""

    def __call__(self, progress: Any, /) -> None:
        """Show this progress."""

    def waiting(self, what: str) -> None:
        """Say what takes time before there is progress to show, such as "compiling"."""

    def close(self) -> None:
        """End the display."""


class Reading:
    """How one kind of progress (of a run, a sweep, a download) is put into words. Every display has one of its own.

    Attributes:
        columns: rich's columns at the right of the bar.
        seconds: the least seconds between two plain lines.
    """

    columns: tuple[ProgressColumn, ...] = ()
    seconds: float = 5.0

    def bar(self, progress: Any) -> dict[str, Any]:
        """Arguments of `rich.progress.Progress.update`: completed, total, description."""
        raise NotImplementedError

    def line(self, progress: Any) -> str:
        """The progress as a line of text."""
        raise NotImplementedError

    def ended(self, progress: Any) -> bool:
        """Whether this is the last progress, whose line is always printed."""
        return False

    def as_json(self, progress: Any) -> dict[str, Any]:
        """The progress as plain numbers and texts by name."""
        raise NotImplementedError


def choose(how: str) -> None:
    """Choose how progress is shown in this process. Raises SettingError for anything but `How`."""
    if how not in get_args(How):
        raise SettingError(f"--progress: got {how!r}; {suggest(how, get_args(How))}")
    _chosen[0] = cast(How, how)


def note(text: str) -> None:
    """Print a line for people to standard error, unless progress is shown as JSON or not at all."""
    if _chosen[0] not in ("json", "none"):
        print(text, file=sys.stderr, flush=True)


def note_accelerator() -> None:
    """Print a line if the machine has an accelerator that JAX does not compute on, or whose memory others hold."""
    import jax

    backend = jax.default_backend()
    for hint in (unused_accelerator(backend), crowded_memory(backend)):
        if hint is not None:
            note(f"jaxstyle: {hint}")


def presentable() -> Callable[[logging.LogRecord], bool]:
    """Make a filter of log records that lets each warning pass once, with control characters escaped.

    A command may read one picture several times, and would repeat its warnings.
    """
    said: set[str] = set()

    def passes(record: logging.LogRecord) -> bool:
        record.msg, record.args = printable(record.getMessage()), ()
        new = record.msg not in said
        said.add(record.msg)
        return new or record.levelno != logging.WARNING

    return passes


@contextmanager
def display(kind: Reading) -> Iterator[Display]:
    """Context with the display that was chosen: by default a bar on a terminal, and lines elsewhere."""
    how = _chosen[0]
    if how == "auto":
        how = "bar" if Console(stderr=True).is_terminal else "lines"
    show = {"bar": Bar, "lines": Lines, "json": Json, "none": Nothing}[how](kind)
    try:
        yield show
    finally:
        show.close()


class Nothing:
    """A display that shows nothing."""

    def __init__(self, kind: Reading = Reading()):  # noqa: B008
        self.kind = kind

    def __call__(self, progress: Any, /) -> None:
        """Show nothing."""

    def waiting(self, what: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Do nothing: no display is open."""


class Bar(Nothing):
    """A live bar. It begins with the first thing to show, because a download may have a bar before."""

    def __init__(self, kind: Reading):
        super().__init__(kind)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), *kind.columns)
        self.live = RichProgress(*columns, console=Console(stderr=True))
        self.task = self.live.add_task("", total=None)

    def __call__(self, progress: Any, /) -> None:
        """Show this progress."""
        self.live.start()
        self.live.update(self.task, **self.kind.bar(progress))

    def waiting(self, what: str) -> None:
        """Show the text in the place of loss and speed."""
        self.live.start()
        self.live.update(self.task, description=what)

    def close(self) -> None:
        """End the display; the bar stays as it is."""
        if self.live.live.is_started:  # otherwise it would end a line that was never begun
            self.live.stop()


class Lines(Nothing):
    """A display that prints a line of text every few seconds, and one at the end."""

    def __init__(self, kind: Reading):
        super().__init__(kind)
        self.last = float("-inf")

    def __call__(self, progress: Any, /) -> None:
        """Print the line of this progress, if it is time for one."""
        line, now = self.kind.line(progress), time.monotonic()
        if now - self.last >= self.kind.seconds or self.kind.ended(progress):
            self.last = now
            note(line)


class Json(Nothing):
    """A display that prints a line of JSON each time, to standard error."""

    def __call__(self, progress: Any, /) -> None:
        """Print {"event": "progress", ...}."""
        self._write({"event": "progress"} | self.kind.as_json(progress))

    def waiting(self, what: str) -> None:
        """Print {"event": what}, such as {"event": "compiling"}."""
        self._write({"event": what})

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=sys.stderr, flush=True)
