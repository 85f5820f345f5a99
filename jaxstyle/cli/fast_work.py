"""Paints the pictures of one `jaxstyle fast` in batches. A picture that fails does not stop the others."""

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
    """Paints all pictures of a command with the same settings, and records what became of each.

    Attributes:
        size: long edge of the results in pixels; None for the default.
        fast: settings of the fast network.
        refine: settings of the refinement; its network is loaded when it is first needed.
        network: the fast network.
        stop: says whether an interruption asked for an end.
        outcomes: what became of each picture.
    """

    size: int | None
    fast: FastSettings
    refine: Refine
    network: FastModel
    stop: Stop
    outcomes: Outcomes

    def paint_all(self, groups: Sequence[Group]) -> None:
        """Paint all groups, until an interruption."""
        with self.outcomes.interruptible():
            for each in groups:
                self.paint_group(each)
                if self.stop.asked:
                    return

    def paint_group(self, each: Group) -> None:
        """Paint the contents of a group in its style, or in its blend of styles."""
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
        """Yield the contents of a group that are not done yet. Those that cannot be read are recorded as failed."""
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
        """Read a content and resize it to the size asked for."""
        return make_frame(read_source(content, "content"), self.size, self.fast.color)

    def paint(self, painter: Painter, batch: list[Frame], each: Group) -> None:
        """Paint and save contents of one shape at once. If memory runs out, paint each half of them on its own."""
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
        """Finish a painted picture, save it and record its outcome; `seconds` is the time that painting it took."""
        content = frame.source.given
        try:
            result = self.finish(painter, frame, image, time.perf_counter() - seconds)
            result.save(output)
        except Exception as error:
            self.outcomes.failed(content, output, error)
        else:
            self.outcomes.made(content, output, result)

    def finish(self, painter: Painter, frame: Frame, image: Any, started: float) -> Result:
        """Make the result of a painted picture; if it is to be refined, do that and show its steps."""
        if not self.refine.steps:
            return painter.result(image, frame, started)
        note(f"refining {frame.source.given}")
        with watching(self.stop) as callback:
            return self.refine.refine(painter, frame, image, started, callback)
