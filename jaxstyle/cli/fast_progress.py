"""How far a folder of pictures is, for people, on standard error: a live bar on a terminal, plain lines elsewhere."""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxstyle.cli.progress import PLAIN_SECONDS
from jaxstyle.cli.shown import Display, Nothing, display, note


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


def count_progress(quiet: bool = False) -> AbstractContextManager[Display]:
    """A function to call with the `Count` whenever it has changed; one that shows nothing where `quiet`."""
    return nullcontext(Nothing()) if quiet else display(_Bar, _Lines, _as_json)


def _as_json(count: Count) -> dict[str, Any]:
    return {name: getattr(count, name) for name in ("ended", "total", "made", "skipped", "failed")}


class _Bar(Nothing):
    """A live bar."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
        self.bar = Progress(*columns, TimeRemainingColumn(), console=console)
        self.task = self.bar.add_task("", total=None)

    def __call__(self, count: Count, /) -> None:
        """Show it."""
        self.bar.start()
        self.bar.update(self.task, completed=count.ended, total=count.total, description=str(count))

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar.live.is_started:  # else it would end a line that was never begun
            self.bar.stop()


class _Lines(Nothing):
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, count: Count, /) -> None:
        """Print it, if it is time."""
        if time.monotonic() - self.last >= PLAIN_SECONDS or count.ended == count.total:
            self.last = time.monotonic()
            note(f"{count.ended}/{count.total} pictures  {count}")
