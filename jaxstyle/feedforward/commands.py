"""What `jaxstyle fast` does around `Painter`: one batch after the other, whatever happens to a picture of them."""

import functools
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxstyle.commands import DEFAULT_SIZE, Stop, load_weights, stopping
from jaxstyle.compilation import keep_programs
from jaxstyle.console import download_progress, run_progress
from jaxstyle.errors import ImageError, ImageFileError, JaxstyleError, SettingError, is_out_of_memory
from jaxstyle.feedforward.frames import Group, batches, group, is_done, told_apart
from jaxstyle.feedforward.load import NAMES, load_fast
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.painter import Fast, Frame, Painter, make_frame, read_source, read_styles, takes_style
from jaxstyle.feedforward.progress import Count, count_progress
from jaxstyle.feedforward.refine import Refine
from jaxstyle.image import check_target, fit
from jaxstyle.recipe_file import load_recipe
from jaxstyle.result import Result
from jaxstyle.transfer import Progress

if TYPE_CHECKING:
    from jaxstyle import cli_fast

STOPPED = 75
logger = logging.getLogger("jaxstyle")


def run_fast(options: "cli_fast.Fast") -> int:
    """Paint and save all; the exit code."""
    keep_programs()
    fast, refine = _settings(options)
    network = functools.cache(lambda: _load(options.model))
    styled = options.model in NAMES or takes_style(network())
    contents, styles = told_apart(options.pictures, options.style, styled)
    groups = group(contents, styles, options.output, blended=options.blend is not None)
    if len(contents) == 1:
        read_source(contents[0], "content")
    if len(groups) == 1:
        read_styles(styles)
    _make_folder(options.output)
    if refine.steps:
        refine = replace(refine, model=load_weights(str(refine.model)))
    with stopping() as stop:
        count = Count(sum(len(each.outputs) for each in groups))
        work = _Work(options.size, fast, refine, network(), stop, count)
        code = work.paint_all(groups)
    if options.json:
        print(json.dumps(work.summary(options.output)))
    elif work.made():
        print(*work.made(), sep="\n")
    return code


def _settings(options: "cli_fast.Fast") -> tuple[Fast, Refine]:
    """Both, checked; the feature network is not loaded yet."""
    if not options.refine and options.weights is not None:
        raise SettingError("--weights: is for refining; give it steps, such as --refine 50")
    recipe = None if options.recipe is None else load_recipe(options.recipe)
    weights = options.weights or ("imagenet" if options.refine else None)
    color = options.color or ("style" if recipe is None else recipe.color)
    if options.size is not None:
        fit((1, 1), options.size)
    return Fast(options.style_size, options.strength, options.blend, color), Refine(options.refine, weights, recipe)


def _load(name: str) -> FastModel:
    """With a bar while it is downloaded."""
    with download_progress(name) as progress:
        return load_fast(name, progress=progress)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"--output: cannot make the folder {folder} ({error.strerror})") from error
    check_target(folder / "fast.png")


@dataclass
class _Work:
    """What stays the same from picture to picture, and what became of them."""

    size: int | None
    fast: Fast
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
        return 1 if any(each["status"] in ("failed", "not finite") for each in self.pictures) else 0

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
        self.refine.check(painter)
        _make_folder(next(iter(each.outputs.values())).parent)
        for batch in batches(self.frames(painter, each)):
            self.paint(painter, batch, each)
            if self.stop.asked:
                return

    def frames(self, painter: Painter, each: Group) -> Iterator[Frame]:
        """The contents that can be read and are not done."""
        for content, output in each.outputs.items():
            try:
                source = read_source(content, "content")
                frame = make_frame(
                    source, self.size or min(DEFAULT_SIZE, max(source.picture.rgb.shape[:2])), self.fast.color
                )
                done = is_done(output, self.refine.settings(painter, frame))
            except JaxstyleError as error:
                self.failed(content, output, error)
                continue
            if not done:
                yield frame
                continue
            self.ended(content, output, "skipped")

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
                return self.paint(painter, batch[middle:], each)
            for frame in batch:
                self.failed(frame.source.given, each.outputs[frame.source.given], error)
            return None
        seconds = (time.perf_counter() - started) / len(batch)
        for frame, image in zip(batch, painted, strict=True):
            output = each.outputs[frame.source.given]
            try:
                result = self.finish(painter, frame, image, time.perf_counter() - seconds)
                result.save(output)
            except Exception as error:
                self.failed(frame.source.given, output, error)
                continue
            self.ended(frame.source.given, output, result.status, result.seconds)
            if self.stop.asked and self.refine.steps:
                return None
        return None

    def finish(self, painter: Painter, frame: Frame, image: Any, started: float) -> Result:
        """The picture as it is, or refined with progress of its own."""
        if not self.refine.steps:
            return painter.result(image, frame, started)
        print(f"refining {frame.source.given}", file=sys.stderr)
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
        logger.debug("%s failed", content, exc_info=error)
        message = str(error) if isinstance(error, JaxstyleError) else f"{type(error).__name__}: {error}"
        if is_out_of_memory(error):
            message = "out of memory: use a smaller --size"
        message = message.removeprefix(f"content: {str(content)!r}: ")
        print(f"jaxstyle: {content}: {message}", file=sys.stderr)
        self.ended(content, output, "failed", error=message)
