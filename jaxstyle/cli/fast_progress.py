"""How far a folder of pictures is, for people, on standard error: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxstyle.cli.progress import PLAIN_SECONDS


@dataclass
class Count:
    """Pictures that were made, were there already, and failed, of so many."""

    total: int
    made: int = 0
    skipped: int = 0
    failed: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> int:
        """All of them."""
        return self.made + self.skipped + self.failed

    def __str__(self) -> str:
        """Speed, and what is out of the ordinary."""
        parts = [f"{self.made / max(time.monotonic() - self.started, 1e-9):.3g} pictures/s"] if self.made else []
        parts += [f"{self.skipped} were there"] if self.skipped else []
        return "  ".join(parts + ([f"{self.failed} failed"] if self.failed else []))


@contextmanager
def count_progress(quiet: bool = False) -> Iterator["_Bar | _Lines | _Quiet"]:
    """A function to call with the `Count` whenever it has changed; one that shows nothing where `quiet`."""
    console = Console(stderr=True)
    show = _Quiet() if quiet else _Bar(console) if console.is_terminal else _Lines()
    try:
        yield show
    finally:
        show.close()


class _Quiet:
    """Nothing."""

    def __call__(self, count: Count) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Nothing is open."""


class _Bar(_Quiet):
    """A live bar."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
        self.bar = Progress(*columns, TimeRemainingColumn(), console=console)
        self.task = self.bar.add_task("", total=None)

    def __call__(self, count: Count) -> None:
        """Show it."""
        self.bar.start()
        self.bar.update(self.task, completed=count.ended, total=count.total, description=str(count))

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.stop()


class _Lines(_Quiet):
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, count: Count) -> None:
        """Print it, if it is time."""
        if time.monotonic() - self.last >= PLAIN_SECONDS or count.ended == count.total:
            self.last = time.monotonic()
            print(f"{count.ended}/{count.total} pictures  {count}", file=sys.stderr, flush=True)
