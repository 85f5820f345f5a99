"""Networks by name or path, with a bar while one is downloaded."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

from jaxstyle.cli.shown import Reading, display
from jaxstyle.networks.load import load_network
from jaxstyle.networks.vgg import VGG


class _Download(NamedTuple):
    """Bytes done, and in all if that is known."""

    name: str
    done: int
    total: int | None


class Bytes(Reading):
    """A download's bytes; a line is said once, at its beginning."""

    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    seconds = math.inf

    def bar(self, progress: _Download) -> dict[str, Any]:
        """Name and bytes."""
        return {"completed": progress.done, "total": progress.total, "description": progress.name}

    def line(self, progress: _Download) -> str:
        """What, and how much of it."""
        return f"downloading {progress.name}" + (f" ({progress.total / 1e6:.0f} MB)" if progress.total else "")

    def as_json(self, progress: _Download) -> dict[str, Any]:
        """Name and bytes."""
        return progress._asdict()


@contextmanager
def download_progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function to call with (bytes done, bytes in all or None)."""
    with display(Bytes()) as show:
        yield lambda done, total: show(_Download(name, done, total))


def load_weights(weights: str) -> VGG:
    """The feature network."""
    with download_progress(weights) as progress:
        return load_network(weights, progress=progress)
