"""The pictures of one `jaxstyle fast`: one batch after the other, whatever happens to a picture of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.outcomes import Outcomes
from jaxstyle.cli.shown import note
from jaxstyle.cli.stopping import Stop, watching
from jaxstyle.errors import ImageError, JaxstyleError, is_out_of_memory
from jaxstyle.feedforward.frames import Group, batches, is_done
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.painter import FastSettings, Frame, Painter, make_frame, read_source, read_styles
from jaxstyle.feedforward.refine import Refine
from jaxstyle.image.write import make_folder
from jaxstyle.transfer.result import Result


@dataclass
class Work:
    """What stays the same from picture to picture."""

    size: int | None
    fast: FastSettings
    refine: Refine
    network: FastModel
    stop: Stop
    outcomes: Outcomes

    def paint_all(self, groups: Sequence[Group]) -> None:
        """Paint everything, until an interruption."""
        with self.outcomes.interruptible():
            for each in groups:
                self.paint_group(each)
                if self.stop.asked:
                    return

    def paint_group(self, each: Group) -> None:
        """All contents in one style, or blend of styles."""
        try:
            painter = Painter(self.network, read_styles(list(each.styles)), self.fast)
        except ImageError as error:
            for content, output in each.outputs.items():
                self.outcomes.failed(content, output, error)
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
                self.outcomes.failed(content, output, error)
                continue
            if done:
                self.outcomes.skipped(content, output)
            else:
                yield frame

    def frame(self, content: Path) -> Frame:
        """A content at the size asked for."""
        return make_frame(read_source(content, "content"), self.size, self.fast.color)

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
                self.outcomes.failed(frame.source.given, each.outputs[frame.source.given], error)
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
            self.outcomes.failed(content, output, error)
        else:
            self.outcomes.made(content, output, result)

    def finish(self, painter: Painter, frame: Frame, image: Any, started: float) -> Result:
        """The picture as it is, or refined with progress of its own."""
        if not self.refine.steps:
            return painter.result(image, frame, started)
        note(f"refining {frame.source.given}")
        with watching(self.stop) as callback:
            return self.refine.refine(painter, frame, image, started, callback)
