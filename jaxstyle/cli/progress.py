"""How each kind of progress is shown: a run's steps, a folder's pictures, a sweep's cells, a training's steps."""

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

from jaxstyle.cli.shown import Reading
from jaxstyle.transfer.progress import Progress

if TYPE_CHECKING:
    from jaxstyle.feedforward.train.loop import TrainingProgress
    from jaxstyle.sweep.painter import SweepProgress


class Steps(Reading):
    """How the steps of one picture are shown, given as `Progress`."""

    columns = (MofNCompleteColumn(), TimeRemainingColumn())

    def __init__(self) -> None:
        self.first: Progress | None = None

    def bar(self, progress: Progress) -> dict[str, Any]:
        """The steps done, and a text with loss and speed."""
        return {
            "completed": progress.step,
            "total": progress.steps,
            "description": f"{summary(progress)}  {self.during(progress)}",
        }

    def line(self, progress: Progress) -> str:
        """A line with the step, the loss and the speed."""
        return f"step {progress.step}/{progress.steps}  {summary(progress)}  {self.during(progress)}"

    def ended(self, progress: Progress) -> bool:
        """Whether this is the last step."""
        return progress.step == progress.steps

    def as_json(self, progress: Progress) -> dict[str, Any]:
        """All numbers by name; those not finite become None. Levels count from 1; sizes are [width, height]."""
        numbers = {"loss": progress.total, "content": progress.content, "style": progress.style} | progress.values
        return {
            "step": progress.step,
            "steps": progress.steps,
            "level": progress.level + 1,
            "levels": progress.levels,
            "size": [progress.size[1], progress.size[0]],
            "preparing": None if progress.preparing is None else [progress.preparing[1], progress.preparing[0]],
            "seconds": round(progress.seconds, 3),
            "values": {name: value if math.isfinite(value) else None for name, value in numbers.items()},
        }

    def during(self, progress: Progress) -> str:
        """The speed; after a level's last step the size that is being prepared instead."""
        speed = self.speed(progress)
        return speed if progress.preparing is None else f"preparing {max(progress.preparing)} px"

    def speed(self, progress: Progress) -> str:
        """Steps per second since the level's first step, which has no speed of its own, because it compiles."""
        if self.first is None or progress.level != self.first.level or progress.step <= self.first.step:
            again, self.first = self.first is not None, progress
            return "" if again else "compiled"
        speed = (progress.step - self.first.step) / max(progress.seconds - self.first.seconds, 1e-9)
        return f"{speed:.3g} steps/s"


def summary(progress: Progress) -> str:
    """The weighted total, and what content and style terms add to it; first the level's size if there are several."""
    size = f"{max(progress.size)} px  " if progress.levels > 1 else ""
    return f"{size}loss {progress.total:.3g} (content {progress.content:.2g} style {progress.style:.2g})"


@dataclass
class Count:
    """Numbers of pictures that were made, skipped (because they were there already) and failed, of `total`."""

    total: int
    made: int = 0
    skipped: int = 0
    failed: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> int:
        """Number of pictures that were made, skipped or failed."""
        return self.made + self.skipped + self.failed

    def __str__(self) -> str:
        """The speed, and how many pictures were skipped and failed, if any."""
        parts = [f"{self.made / max(time.monotonic() - self.started, 1e-9):.3g} pictures/s"] if self.made else []
        parts += [f"{self.skipped} were there"] if self.skipped else []
        return "  ".join(parts + ([f"{self.failed} failed"] if self.failed else []))


class Pictures(Reading):
    """How the pictures of a folder are shown, given as `Count`."""

    columns = (MofNCompleteColumn(), TimeRemainingColumn())

    def bar(self, progress: Count) -> dict[str, Any]:
        """The pictures done, and a text with the speed."""
        return {"completed": progress.ended, "total": progress.total, "description": str(progress)}

    def line(self, progress: Count) -> str:
        """A line with the pictures done and the speed."""
        return f"{progress.ended}/{progress.total} pictures  {progress}"

    def ended(self, progress: Count) -> bool:
        """Whether this was the last picture."""
        return progress.ended == progress.total

    def as_json(self, progress: Count) -> dict[str, Any]:
        """The numbers of pictures by what became of them."""
        return {name: getattr(progress, name) for name in ("ended", "total", "made", "skipped", "failed")}


class Cells(Reading):
    """How the cells of a sweep are shown, given as `SweepProgress`."""

    columns = (TextColumn("{task.fields[cells]}"), TimeRemainingColumn())

    def bar(self, progress: "SweepProgress") -> dict[str, Any]:
        """The cells done, and a text about those that run; each running cell counts by its share of steps done."""
        part = progress.running * progress.step / max(1, progress.steps)
        cells = f"{progress.done}/{progress.cells} cells"
        return {
            "completed": progress.done + part,
            "total": progress.cells,
            "description": during(progress),
            "cells": cells,
        }

    def line(self, progress: "SweepProgress") -> str:
        """A line with the cells done, and those that run."""
        return f"{progress.done}/{progress.cells} cells  {during(progress)}"

    def ended(self, progress: "SweepProgress") -> bool:
        """Whether all cells are done."""
        return progress.done == progress.cells

    def as_json(self, progress: "SweepProgress") -> dict[str, Any]:
        """All numbers by name."""
        return asdict(progress)


def during(progress: "SweepProgress") -> str:
    """How many cells failed, how many run, and at which step these are."""
    failed = f"{progress.failed} failed  " if progress.failed else ""
    if not progress.running:
        return failed
    return f"{failed}{progress.running} " + (
        f"at step {progress.step}/{progress.steps}" if progress.steps else "running"
    )


class Updates(Reading):
    """How the steps of a training are shown, given as `TrainingProgress`."""

    columns = (MofNCompleteColumn(), TimeRemainingColumn())

    def bar(self, progress: "TrainingProgress") -> dict[str, Any]:
        """The steps done, and a text with loss and speed."""
        text = f"loss {progress.loss:.4g}  {progress.images_per_second:.3g} images/s"
        return {"completed": progress.step, "total": progress.steps, "description": text}

    def line(self, progress: "TrainingProgress") -> str:
        """A line with the step, the loss, the speed, and the time that is left."""
        left = _duration((progress.steps - progress.step) / max(progress.steps_per_second, 1e-9))
        speed = f"{progress.images_per_second:.3g} images/s  {left} left"
        return f"step {progress.step}/{progress.steps}  loss {progress.loss:.4g}  {speed}"

    def ended(self, progress: "TrainingProgress") -> bool:
        """Whether this is the last step."""
        return progress.step == progress.steps

    def as_json(self, progress: "TrainingProgress") -> dict[str, Any]:
        """All numbers by name."""
        return progress._asdict()


def _duration(seconds: float) -> str:
    """The time in hours, minutes and seconds, such as "2:05:09"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
