"""Records and reports what became of each picture of a command that paints several."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxstyle.cli.progress import Count
from jaxstyle.cli.shown import Display
from jaxstyle.cli.stopping import STOPPED, Stop
from jaxstyle.errors import JaxstyleError, is_out_of_memory
from jaxstyle.transfer.result import Result

_LOG = logging.getLogger("jaxstyle")


@dataclass
class Outcomes:
    """What became of each picture. One that fails does not stop the others; if it is the only one, its error is raised.

    Attributes:
        total: number of pictures asked for.
        stop: an interruption sets its `asked`.
        show: display of the `Count`.
        smaller: advice for when memory runs out, such as "use a smaller --size".
        pictures: content, output, status, seconds and error of each, in the order in which they ended.
    """

    total: int
    stop: Stop
    show: Display
    smaller: str
    pictures: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count = Count(self.total)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Context that an interruption ends. KeyboardInterrupt is raised only if no picture is there yet."""
        try:
            yield
        except KeyboardInterrupt:
            if not self.count.made + self.count.skipped:
                raise
            self.stop.asked = True

    def made(self, content: Path, output: Path, result: Result) -> None:
        """Record a picture that was painted and saved; print the hint of its result if there is one."""
        if result.hint:
            print(f"jaxstyle: {content}: the picture is saved, but {result.hint}", file=sys.stderr)
        self._ended(content, output, result.status, result.seconds)

    def skipped(self, content: Path, output: Path) -> None:
        """Record a picture that was there already, and was not painted again."""
        self._ended(content, output, "skipped")

    def failed(self, content: Path, output: Path, error: Exception) -> None:
        """Record a picture that failed, and say why in one line; raise the error itself if it is the only picture."""
        if self.total == 1:
            raise error
        _LOG.debug("%s failed", content, exc_info=error)
        message = str(error) if isinstance(error, JaxstyleError) else f"{type(error).__name__}: {error}"
        if is_out_of_memory(error):
            message = f"out of memory: {self.smaller}"
        message = message.removeprefix(f"content: {str(content)!r}: ")
        print(f"jaxstyle: {content}: {message}", file=sys.stderr)
        self._ended(content, output, "failed", error=message)

    def _ended(self, content: Path, output: Path, status: str, seconds: float = 0.0, error: str | None = None) -> None:
        name = status if status in ("failed", "skipped") else "made"
        setattr(self.count, name, getattr(self.count, name) + 1)
        about = {"content": str(content), "output": str(output), "status": status, "seconds": round(seconds, 3)}
        self.pictures.append(about | {"error": error})
        self.stop.armed = True
        self.show(self.count)

    @property
    def left(self) -> int:
        """Number of pictures that are not finished: not begun, or interrupted and saved as far as they came."""
        return self.total - self.count.ended + sum(each["status"] == "stopped" for each in self.pictures)

    def code(self) -> int:
        """The exit code: 0, 1 if a picture failed, 75 if interrupted. Says how many pictures an interruption left."""
        if self.stop.asked and self.left:
            stopped = any(each["status"] == "stopped" for each in self.pictures)
            last = ", and one is saved as far as it came" if stopped else ""
            print(f"\njaxstyle: interrupted; {self.left} of {self.total} pictures are left{last}", file=sys.stderr)
            return STOPPED
        return 0 if all(each["status"] in ("done", "skipped") for each in self.pictures) else 1

    def files(self) -> list[str]:
        """Paths of the pictures that were written."""
        return [each["output"] for each in self.pictures if each["status"] not in ("failed", "skipped")]

    def summary(self, folder: Path) -> dict[str, Any]:
        """The outcomes as plain data, for --json."""
        numbers = {name: getattr(self.count, name) for name in ("made", "skipped", "failed")}
        return {"output": str(folder), **numbers, "left": self.left, "pictures": self.pictures}
