"""Progress for people, on standard error: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from jaxstyle.transfer import Progress

PLAIN_SECONDS = 5.0  # between two plain lines


@contextmanager
def run_progress() -> Iterator[Callable[[Progress], None]]:
    """A function to call with each `Progress` of a run."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
    )
    with Bar(*columns, TimeRemainingColumn(), console=console, transient=False) as bar:
        task = bar.add_task("compiling", total=None)

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.step, total=progress.steps, description=summary(progress))

        yield show


class _Lines:
    """A line now and then, and at the end."""

    def __init__(self) -> None:
        self.last = -PLAIN_SECONDS

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() - self.last >= PLAIN_SECONDS or progress.step == progress.steps:
            self.last = time.monotonic()
            print(f"step {progress.step}/{progress.steps}  {summary(progress)}", file=sys.stderr, flush=True)


def summary(progress: Progress) -> str:
    """Total, speed and the loudest facts in under 50 columns."""
    return f"loss {progress.total:.4g}  {progress.step / progress.seconds:.2g} steps/s"


@contextmanager
def download_progress(name: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A function to call with (bytes done, bytes in all or None); None where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
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
