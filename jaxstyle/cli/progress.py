"""Progress for people, on standard error: a live bar on a terminal, plain lines elsewhere."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from jaxstyle.cli.shown import Display, Nothing, display, note
from jaxstyle.transfer.api import Progress

if TYPE_CHECKING:
    from jaxstyle.sweep.painter import SweepProgress

PLAIN_SECONDS = 5.0  # between two plain lines


def run_progress() -> AbstractContextManager[Display]:
    """A function to call with each `Progress` of a run."""
    return display(_Bar, _Lines, _as_json)


def _as_json(progress: Progress) -> dict[str, Any]:
    numbers = {"loss": progress.total, "content": progress.content, "style": progress.style} | progress.values
    return {
        "step": progress.step,
        "steps": progress.steps,
        "level": progress.level + 1,
        "levels": progress.levels,
        "size": [progress.size[1], progress.size[0]],
        "seconds": round(progress.seconds, 3),
        "values": {name: value if math.isfinite(value) else None for name, value in numbers.items()},
    }


class _Bar(Nothing):
    """A live bar, from when something is waited for: before, a download may have a bar of its own."""

    def __init__(self, console: Console) -> None:
        self.speed = _Speed()
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
        self.bar = Bar(*columns, TimeRemainingColumn(), console=console)
        self.task = self.bar.add_task("", total=None)

    def __call__(self, progress: Progress, /) -> None:
        """Show it."""
        self.bar.start()
        text = f"{summary(progress)}  {self.speed(progress)}"
        self.bar.update(self.task, completed=progress.step, total=progress.steps, description=text)

    def waiting(self, what: str) -> None:
        """Say it in the place of the numbers."""
        self.bar.start()
        self.bar.update(self.task, description=what)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar.live.is_started:  # else it would end a line that was never begun
            self.bar.stop()


class _Lines(Nothing):
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.speed = _Speed()
        self.last = -PLAIN_SECONDS

    def __call__(self, progress: Progress, /) -> None:
        """Print it, if it is time."""
        speed = self.speed(progress)
        if time.monotonic() - self.last >= PLAIN_SECONDS or progress.step == progress.steps:
            self.last = time.monotonic()
            note(f"step {progress.step}/{progress.steps}  {summary(progress)}  {speed}")


class _Speed:
    """Steps per second since the level's first step, which compiles."""

    def __init__(self) -> None:
        self.first: Progress | None = None

    def __call__(self, progress: Progress) -> str:
        """As text."""
        if self.first is None or progress.level != self.first.level or progress.step <= self.first.step:
            again, self.first = self.first is not None, progress
            return "" if again else "compiled"
        speed = (progress.step - self.first.step) / max(progress.seconds - self.first.seconds, 1e-9)
        return f"{speed:.3g} steps/s"


def summary(progress: Progress) -> str:
    """The level's size where there are several, the weighted total and what content and style terms add to it."""
    size = f"{max(progress.size)} px  " if progress.levels > 1 else ""
    return f"{size}loss {progress.total:.3g} (content {progress.content:.2g} style {progress.style:.2g})"


def sweep_progress() -> AbstractContextManager[Display]:
    """A function to call with each `Progress` of a sweep."""
    return display(_SweepBar, _SweepLines, asdict)


class _SweepBar(Nothing):
    """A live bar of cells, the running ones counted by their steps."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[cells]}"))
        self.bar = Bar(*columns, TimeRemainingColumn(), console=console)
        self.task = self.bar.add_task("", total=None, cells="")

    def __call__(self, progress: "SweepProgress", /) -> None:
        """Show it."""
        self.bar.start()
        part = progress.running * progress.step / max(1, progress.steps)
        cells = f"{progress.done}/{progress.cells} cells"
        self.bar.update(
            self.task, completed=progress.done + part, total=progress.cells, description=during(progress), cells=cells
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar.live.is_started:  # else it would end a line that was never begun
            self.bar.stop()


class _SweepLines(Nothing):
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.last = -PLAIN_SECONDS

    def __call__(self, progress: "SweepProgress", /) -> None:
        """Print it, if it is time."""
        if time.monotonic() - self.last >= PLAIN_SECONDS or progress.done == progress.cells:
            self.last = time.monotonic()
            note(f"{progress.done}/{progress.cells} cells  {during(progress)}")


def during(progress: "SweepProgress") -> str:
    """What runs, and what failed."""
    failed = f"{progress.failed} failed  " if progress.failed else ""
    if not progress.running:
        return failed
    return f"{failed}{progress.running} " + (
        f"at step {progress.step}/{progress.steps}" if progress.steps else "running"
    )


@contextmanager
def download_progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function to call with (bytes done, bytes in all or None): a bar on a terminal, one line elsewhere."""
    with display(partial(_DownloadBar, name), partial(_DownloadLine, name), _Download._asdict) as show:
        yield lambda done, total: show(_Download(name, done, total))


class _Download(NamedTuple):
    """Bytes done, and in all if that is known."""

    name: str
    done: int
    total: int | None


class _DownloadBar(Nothing):
    """A live bar, once there is something to download."""

    def __init__(self, name: str, console: Console) -> None:
        columns = (BarColumn(bar_width=None), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self.bar = Bar(TextColumn(name), *columns, console=console)
        self.task = self.bar.add_task(name, total=None)

    def __call__(self, download: _Download, /) -> None:
        """Show it."""
        self.bar.start()
        self.bar.update(self.task, completed=download.done, total=download.total)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar.live.is_started:  # else it would end a line that was never begun
            self.bar.stop()


class _DownloadLine(Nothing):
    """One line, once there is something to download."""

    def __init__(self, name: str) -> None:
        self.said = False

    def __call__(self, download: _Download, /) -> None:
        """Say once that, and how much, is downloaded."""
        if not self.said:
            self.said = True
            note(f"downloading {download.name}" + (f" ({download.total / 1e6:.0f} MB)" if download.total else ""))
