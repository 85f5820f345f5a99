"""What `jaxstyle artwork` does around `artwork`: one content after the other, whatever happens to one of them."""

import logging
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from jaxstyle.artworks.contents import find_contents, name_results
from jaxstyle.artworks.figure import draw_stages
from jaxstyle.artworks.pipeline import Artwork, artwork
from jaxstyle.artworks.stages import Stages
from jaxstyle.cli.progress import run_progress
from jaxstyle.cli.run_stylize import Stop, load_weights, stopping
from jaxstyle.cli.shown import note
from jaxstyle.errors import ImageFileError, JaxstyleError, is_out_of_memory
from jaxstyle.image import check_target, fit, read_picture, save_image
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.presets import recipe_for
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.preprocess import save_indexed
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.api import Progress
from jaxstyle.transfer.memory import keep_heap_for

if TYPE_CHECKING:
    from jaxstyle.cli.artwork import ArtworkCommand

STOPPED = 75
logger = logging.getLogger("jaxstyle")


def run_artworks(options: "ArtworkCommand") -> int:
    """Paint and save all; the exit code."""
    keep_programs()
    stages = Stages(**{field.name: getattr(options, field.name) for field in fields(Stages)})
    *given, style = options.pictures or (Path(),)
    contents = find_contents(given)
    names = name_results(contents, style, options.output)
    read_picture(style, name="style")
    recipe = recipe_for(options.weights) if options.recipe is None else load_recipe(options.recipe)
    _make_folder(options.output)
    with stopping() as stop:
        painter = _Painter(options, stages, style, recipe, load_weights(options.weights), stop)
        return painter.paint_all(dict(zip(names, contents, strict=True)))


@dataclass(frozen=True)
class _Painter:
    """What stays the same from content to content."""

    options: "ArtworkCommand"
    stages: Stages
    style: Path
    recipe: Recipe
    model: VGG
    stop: Stop

    def paint_all(self, contents: dict[str, Path]) -> int:
        """Paint {name: content}; what fails is told and passed over, unless it is the only one."""
        statuses: list[str] = []
        for name, content in contents.items():
            self.stop.armed = False
            try:
                made = self.paint(content)
                written = self.save(made, name)
            except KeyboardInterrupt:
                if set(statuses) <= {"failed"}:
                    raise
                return self.interrupted(statuses, len(contents))
            except Exception as error:
                if len(contents) == 1:
                    raise
                self.tell(content, error)
                statuses.append("failed")
                continue
            print(*written, sep="\n", flush=True)
            statuses.append(made.result.status)
            if self.stop.asked and (statuses[-1] == "stopped" or len(statuses) < len(contents)):
                return self.interrupted(statuses, len(contents))
        return 0 if set(statuses) == {"done"} else 1

    def paint(self, content: Path) -> Artwork:
        """One content, with progress."""
        options, shape = self.options, read_picture(content, name="content").rgb.shape[:2]
        arguments = options.arguments(shape) | {"recipe": self.recipe}
        keep_heap_for(fit(shape, arguments["size"]))
        note(f"painting {content}")
        with run_progress() as show:

            def callback(progress: Progress) -> bool:
                self.stop.armed = True
                show(progress)
                return self.stop.asked

            return artwork(
                content,
                self.style,
                model=self.model,
                callback=callback,
                **self.stages.to_dict(),
                **arguments,
            )

    def save(self, made: Artwork, name: str) -> list[Path]:
        """The result first; then the stages before it, and all in a row."""
        folder, result = self.options.output, made.result
        target = folder / f"{name}.png"
        if made.quantized is not None and result.alpha is None:
            saved = save_indexed(target, made.quantized, recipe=result.settings)
            kilobytes = f"{saved.bytes / 1000:.0f} kB instead of {saved.full_bytes / 1000:.0f} kB with 24 bits"
            note(f"{len(made.quantized.palette)} colours, {kilobytes}")
        else:
            result.save(target)
        if result.hint:
            print(f"jaxstyle: {name}: the picture is saved, but {result.hint}", file=sys.stderr)
        return [target, *(self.save_stages(made, name) if self.options.keep_stages else [])]

    def save_stages(self, made: Artwork, name: str) -> list[Path]:
        """NAME-1-content.png and so on, without the last, which is NAME.png; and NAME-stages.png."""
        folder, alpha = self.options.output, made.result.alpha
        before = list(made.pictures.items())[:-1]
        kept = [
            save_image(folder / f"{name}-{number}-{stage}.png", picture, alpha=alpha)
            for number, (stage, picture) in enumerate(before, 1)
        ]
        return [*kept, save_image(folder / f"{name}-stages.png", draw_stages(made.pictures))]

    def tell(self, content: Path, error: Exception) -> None:
        """One line for what failed."""
        logger.debug("%s failed", content, exc_info=error)
        known = isinstance(error, JaxstyleError)
        message = str(error) if known else f"{type(error).__name__}: {error}"
        if is_out_of_memory(error):
            message = "out of memory: use a smaller --size, or fewer --rows at a time"
        print(f"jaxstyle: {content}: {message.removeprefix(f'content: {str(content)!r}: ')}", file=sys.stderr)

    def interrupted(self, statuses: list[str], count: int) -> int:
        """Say how far it came."""
        done = sum(status == "done" for status in statuses)
        last = ", and one is saved as far as it came" if "stopped" in statuses else ""
        print(f"\njaxstyle: interrupted; {done} of {count} pictures are finished{last}", file=sys.stderr)
        return STOPPED


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"--output: cannot make the folder {folder} ({error.strerror})") from error
    check_target(folder / "artwork.png")
