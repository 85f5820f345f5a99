"""The pictures of one `jaxstyle fast`: one batch after the other, whatever happens to a picture of them."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jaxstyle.cli.fast_progress import Count, count_progress
from jaxstyle.cli.options import DEFAULT_SIZE
from jaxstyle.cli.progress import run_progress
from jaxstyle.cli.run_stylize import Stop, load_weights
from jaxstyle.cli.shown import note
from jaxstyle.errors import ImageError, JaxstyleError, is_out_of_memory
from jaxstyle.feedforward.frames import Group, batches, is_done, make_folder
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.painter import FastSettings, Frame, Painter, make_frame, read_source, read_styles
from jaxstyle.feedforward.refine import Refine
from jaxstyle.transfer.api import Progress
from jaxstyle.transfer.result import Result

STOPPED = 75
_LOG = logging.getLogger("jaxstyle")


@dataclass
class Work:
    """What stays the same from picture to picture, and what became of them."""

    size: int | None
    fast: FastSettings
    refine: Refine
    network: FastModel
    stop: Stop
    count: Count
    show: Any = None
    pictures: list[dict[str, Any]] = field(default_factory=list)

    def paint_all(self, groups: Sequence[Group]) -> int:
        """Paint everything; what fails is told and passed over, unless it is the only one."""
        with count_progress(quiet=self.refine.steps > 0) as self.show:
            try:
                for each in groups:
                    self.paint_group(each)
                    if self.stop.asked:
                        break
            except KeyboardInterrupt:
                if not self.count.made + self.count.skipped:
                    raise
                self.stop.asked = True
        if self.stop.asked and self.left:
            print(f"\njaxstyle: interrupted; {self.left} of {self.count.total} pictures are left", file=sys.stderr)
            return STOPPED
        return 1 if any(each["status"] in ("failed", "not finite", "no better") for each in self.pictures) else 0

    @property
    def left(self) -> int:
        """Pictures that the same command would make."""
        return self.count.total - self.count.ended + sum(each["status"] == "stopped" for each in self.pictures)

    def made(self) -> list[str]:
        """The files that were written."""
        return [each["output"] for each in self.pictures if each["status"] not in ("failed", "skipped")]

    def summary(self, folder: Path) -> dict[str, Any]:
        """For --json."""
        numbers = {"made": self.count.made, "skipped": self.count.skipped, "failed": self.count.failed}
        return {"output": str(folder), **numbers, "left": self.left, "pictures": self.pictures}

    def paint_group(self, each: Group) -> None:
        """All contents in one style, or blend of styles."""
        try:
            painter = Painter(self.network, read_styles(list(each.styles)), self.fast)
        except ImageError as error:
            for content, output in each.outputs.items():
                self.failed(content, output, error)
            return
        if isinstance(self.refine.model, str):
            self.refine = replace(self.refine, model=load_weights(self.refine.model))
        make_folder(next(iter(each.outputs.values())).parent)
        for batch in batches(self.frames(painter, each)):
            if self.stop.asked:
                return
            self.paint(painter, batch, each)

    def frames(self, painter: Painter, each: Group) -> Iterator[Frame]:
        """The contents that can be read and are not done."""
        for content, output in each.outputs.items():
            if self.stop.asked:
                return
            try:
                frame = self.frame(content)
                done = is_done(output, self.refine.settings(painter, frame))
            except JaxstyleError as error:
                self.failed(content, output, error)
                continue
            if done:
                self.ended(content, output, "skipped")
            else:
                yield frame

    def frame(self, content: Path) -> Frame:
        """A content at the size asked for."""
        source = read_source(content, "content")
        size = self.size or min(DEFAULT_SIZE, max(source.picture.rgb.shape[:2]))
        return make_frame(source, size, self.fast.color)

    def paint(self, painter: Painter, batch: list[Frame], each: Group) -> None:
        """Contents of one shape, all at once; where the memory does not suffice, half of them and half again."""
        started = time.perf_counter()
        try:
            painted = painter.paint(batch)
        except Exception as error:
            if is_out_of_memory(error) and len(batch) > 1:
                middle = len(batch) // 2
                self.paint(painter, batch[:middle], each)
                self.paint(painter, batch[middle:], each)
                return
            for frame in batch:
                self.failed(frame.source.given, each.outputs[frame.source.given], error)
            return
        seconds = (time.perf_counter() - started) / len(batch)
        for frame, image in zip(batch, painted, strict=True):
            self.save(painter, frame, image, each.outputs[frame.source.given], seconds)
            if self.stop.asked and self.refine.steps:
                return

    def save(self, painter: Painter, frame: Frame, image: Any, output: Path, seconds: float) -> None:
        """A painted picture, finished, as a file."""
        content = frame.source.given
        try:
            result = self.finish(painter, frame, image, time.perf_counter() - seconds)
            result.save(output)
        except Exception as error:
            self.failed(content, output, error)
        else:
            if result.hint:
                print(f"jaxstyle: {content}: the picture is saved, but {result.hint}", file=sys.stderr)
            self.ended(content, output, result.status, result.seconds)

    def finish(self, painter: Painter, frame: Frame, image: Any, started: float) -> Result:
        """The picture as it is, or refined with progress of its own."""
        if not self.refine.steps:
            return painter.result(image, frame, started)
        note(f"refining {frame.source.given}")
        with run_progress() as show:

            def callback(progress: Progress) -> bool:
                self.stop.armed = True
                show(progress)
                return self.stop.asked

            return self.refine.refine(painter, frame, image, started, callback)

    def ended(self, content: Path, output: Path, status: str, seconds: float = 0.0, error: str | None = None) -> None:
        """Count a picture, show it, and say where it is."""
        name = "failed" if status == "failed" else "skipped" if status == "skipped" else "made"
        setattr(self.count, name, getattr(self.count, name) + 1)
        about = {"content": str(content), "output": str(output), "status": status, "seconds": round(seconds, 3)}
        self.pictures.append(about | {"error": error})
        self.stop.armed = True
        self.show(self.count)

    def failed(self, content: Path, output: Path, error: Exception) -> None:
        """One line for what failed; the error itself where it is the only picture."""
        if self.count.total == 1:
            raise error
        _LOG.debug("%s failed", content, exc_info=error)
        message = str(error) if isinstance(error, JaxstyleError) else f"{type(error).__name__}: {error}"
        if is_out_of_memory(error):
            message = "out of memory: use a smaller --size"
        message = message.removeprefix(f"content: {str(content)!r}: ")
        print(f"jaxstyle: {content}: {message}", file=sys.stderr)
        self.ended(content, output, "failed", error=message)
