"""Progress for people, on standard error: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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

from jaxstyle.transfer.api import Progress

if TYPE_CHECKING:
    from jaxstyle.sweep.painter import SweepProgress

PLAIN_SECONDS = 5.0  # between two plain lines


@contextmanager
def run_progress() -> Iterator["_Bar | _Lines"]:
    """A function to call with each `Progress` of a run."""
    console = Console(stderr=True)
    show = _Bar(console) if console.is_terminal else _Lines()
    try:
        yield show
    finally:
        show.close()


class _Bar:
    """A live bar, from the first progress on: before, a download may have a bar of its own."""

    def __init__(self, console: Console) -> None:
        self.speed = _Speed()
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
        self.bar = Bar(*columns, TimeRemainingColumn(), console=console)
        self.task = self.bar.add_task("", total=None)

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        self.bar.start()
        text = f"{summary(progress)}  {self.speed(progress)}"
        self.bar.update(self.task, completed=progress.step, total=progress.steps, description=text)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.stop()


class _Lines:
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.speed = _Speed()
        self.last = -PLAIN_SECONDS

    def __call__(self, progress: Progress) -> None:
        """Print it, if it is time."""
        speed = self.speed(progress)
        if time.monotonic() - self.last >= PLAIN_SECONDS or progress.step == progress.steps:
            self.last = time.monotonic()
            print(f"step {progress.step}/{progress.steps}  {summary(progress)}  {speed}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is open."""


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


@contextmanager
def sweep_progress() -> Iterator["_SweepBar | _SweepLines"]:
    """A function to call with each `Progress` of a sweep."""
    console = Console(stderr=True)
    show = _SweepBar(console) if console.is_terminal else _SweepLines()
    try:
        yield show
    finally:
        show.close()


class _SweepBar:
    """A live bar of cells, the running ones counted by their steps."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[cells]}"))
        self.bar = Bar(*columns, TimeRemainingColumn(), console=console)
        self.task = self.bar.add_task("", total=None, cells="")

    def __call__(self, progress: "SweepProgress") -> None:
        """Show it."""
        self.bar.start()
        part = progress.running * progress.step / max(1, progress.steps)
        cells = f"{progress.done}/{progress.cells} cells"
        self.bar.update(
            self.task, completed=progress.done + part, total=progress.cells, description=during(progress), cells=cells
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.stop()


class _SweepLines:
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.last = -PLAIN_SECONDS

    def __call__(self, progress: "SweepProgress") -> None:
        """Print it, if it is time."""
        if time.monotonic() - self.last >= PLAIN_SECONDS or progress.done == progress.cells:
            self.last = time.monotonic()
            print(f"{progress.done}/{progress.cells} cells  {during(progress)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is open."""


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
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _announce(name)
        return
    columns = (
        TextColumn(name),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _announce(name: str) -> Callable[[int, int | None], None]:
    """Say once that, and how much, is downloaded."""
    said: list[str] = []

    def show(done: int, total: int | None) -> None:
        if not said:
            said.append(name)
            size = "" if total is None else f" ({total / 1e6:.0f} MB)"
            print(f"downloading {name}{size}", file=sys.stderr, flush=True)

    return show
