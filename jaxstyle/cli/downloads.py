"""Loads networks by name or path, and shows the progress of a download."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

from jaxstyle.cli.shown import Reading, display
from jaxstyle.networks.load import load_network
from jaxstyle.networks.vgg import VGG


class _Download(NamedTuple):
    """The progress of a download: bytes done, and bytes in all if that is known."""

    name: str
    done: int
    total: int | None


class Bytes(Reading):
    """How the progress of a download is shown: in bytes. Plain text has one line only, at the beginning."""

    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    seconds = math.inf

    def bar(self, progress: _Download) -> dict[str, Any]:
        """The name and the bytes, for the bar."""
        return {"completed": progress.done, "total": progress.total, "description": progress.name}

    def line(self, progress: _Download) -> str:
        """The name, and the size in MB if it is known."""
        return f"downloading {progress.name}" + (f" ({progress.total / 1e6:.0f} MB)" if progress.total else "")

    def as_json(self, progress: _Download) -> dict[str, Any]:
        """The name and the bytes as plain data."""
        return progress._asdict()


@contextmanager
def download_progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Context that shows a download, by the function it yields: call that with (bytes done, bytes in all or None)."""
    with display(Bytes()) as show:
        yield lambda done, total: show(_Download(name, done, total))


def load_weights(weights: str) -> VGG:
    """Load a feature network by name or path, and show the progress if it is downloaded."""
    with download_progress(weights) as progress:
        return load_network(weights, progress=progress)
