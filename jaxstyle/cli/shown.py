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

How = Literal["auto", "bar", "lines", "json", "none"]
_chosen: list[How] = ["auto"]


class Display(Protocol):
    """What shows progress."""

    def __call__(self, progress: Any, /) -> None:
        """Show how far it is."""

    def waiting(self, what: str) -> None:
        """Say what takes time before there is progress to show, such as "compiling"."""

    def close(self) -> None:
        """Clean up."""


class Reading:
    """How one kind of progress reads: of a run, a sweep, a download. A display has one of its own.

    Attributes:
        columns: what stands at the right of the bar.
        seconds: the least time between two plain lines.
    """

    columns: tuple[ProgressColumn, ...] = ()
    seconds: float = 5.0

    def bar(self, progress: Any) -> dict[str, Any]:
        """What `rich.progress.Progress.update` takes: completed, total, description."""
        raise NotImplementedError

    def line(self, progress: Any) -> str:
        """A line of text."""
        raise NotImplementedError

    def ended(self, progress: Any) -> bool:
        """Whether it is the last, which has its line whatever the time."""
        return False

    def as_json(self, progress: Any) -> dict[str, Any]:
        """Plain numbers and texts by name."""
        raise NotImplementedError


def choose(how: str) -> None:
    """Decide for the rest of the process. Raises SettingError for anything but `How`."""
    if how not in get_args(How):
        raise SettingError(f"--progress: got {how!r}; {suggest(how, get_args(How))}")
    _chosen[0] = cast(How, how)


def note(text: str) -> None:
    """A line for people, on standard error; not where JSON or nothing is wanted."""
    if _chosen[0] not in ("json", "none"):
        print(text, file=sys.stderr, flush=True)


def presentable() -> Callable[[logging.LogRecord], bool]:
    """A filter of log records: a warning passes once, and without what a terminal would obey.

    A command may read one picture several times.
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
    """A display as it was chosen: by default a bar on a terminal, and lines elsewhere."""
    how = _chosen[0]
    if how == "auto":
        how = "bar" if Console(stderr=True).is_terminal else "lines"
    show = {"bar": Bar, "lines": Lines, "json": Json, "none": Nothing}[how](kind)
    try:
        yield show
    finally:
        show.close()


class Nothing:
    """Shows nothing."""

    def __init__(self, kind: Reading = Reading()):  # noqa: B008
        self.kind = kind

    def __call__(self, progress: Any, /) -> None:
        """Not shown."""

    def waiting(self, what: str) -> None:
        """Not said."""

    def close(self) -> None:
        """Nothing is open."""


class Bar(Nothing):
    """A live bar, from when there is something to show: before, a download may have a bar of its own."""

    def __init__(self, kind: Reading):
        super().__init__(kind)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), *kind.columns)
        self.live = RichProgress(*columns, console=Console(stderr=True))
        self.task = self.live.add_task("", total=None)

    def __call__(self, progress: Any, /) -> None:
        """Show it."""
        self.live.start()
        self.live.update(self.task, **self.kind.bar(progress))

    def waiting(self, what: str) -> None:
        """Say it in the place of the numbers."""
        self.live.start()
        self.live.update(self.task, description=what)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.live.live.is_started:  # else it would end a line that was never begun
            self.live.stop()


class Lines(Nothing):
    """A line now and then, and at the end."""

    def __init__(self, kind: Reading):
        super().__init__(kind)
        self.last = float("-inf")

    def __call__(self, progress: Any, /) -> None:
        """Print it, if it is time."""
        line, now = self.kind.line(progress), time.monotonic()
        if now - self.last >= self.kind.seconds or self.kind.ended(progress):
            self.last = now
            note(line)


class Json(Nothing):
    """A line of JSON each time, on standard error."""

    def __call__(self, progress: Any, /) -> None:
        """{"event": "progress", ...}."""
        self._write({"event": "progress"} | self.kind.as_json(progress))

    def waiting(self, what: str) -> None:
        """{"event": "compiling"}."""
        self._write({"event": what})

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=sys.stderr, flush=True)
