"""What `jaxstyle artwork` does: paint one content after the other. One that fails does not stop the others."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from jaxstyle.artworks.contents import find_contents, name_results
from jaxstyle.artworks.figure import draw_stages
from jaxstyle.artworks.pipeline import Artwork, artwork
from jaxstyle.artworks.stages import Stages
from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.outcomes import Outcomes
from jaxstyle.cli.shown import Nothing, note
from jaxstyle.cli.stopping import Stop, stopping, watching
from jaxstyle.image import fit, read_picture, save_image
from jaxstyle.image.write import make_folder
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.presets import recipe_for
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.preprocess import save_indexed
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.memory import keep_heap_for

if TYPE_CHECKING:
    from jaxstyle.cli.artwork import ArtworkCommand


def run_artworks(options: "ArtworkCommand") -> int:
    """Paint and save all contents, and return the exit code."""
    keep_programs()
    stages = Stages(**{field.name: getattr(options, field.name) for field in fields(Stages)})
    *given, style = options.pictures or (Path(),)
    contents = find_contents(given)
    names = name_results(contents, style, options.output)
    read_picture(style, name="style")
    recipe = recipe_for(options.model) if options.recipe is None else load_recipe(options.recipe)
    make_folder(options.output)
    with stopping() as stop:
        outcomes = Outcomes(len(contents), stop, Nothing(), "use a smaller --size, or fewer --rows at a time")
        painter = _Painter(options, stages, style, recipe, load_weights(options.model), stop)
        painter.paint_all(dict(zip(names, contents, strict=True)), outcomes)
    if options.json:
        print(json.dumps(outcomes.summary(options.output)))
    return outcomes.code()


@dataclass(frozen=True)
class _Painter:
    """Paints and saves contents, all with the same options, style and network."""

    options: "ArtworkCommand"
    stages: Stages
    style: Path
    recipe: Recipe
    model: VGG
    stop: Stop

    def paint_all(self, contents: dict[str, Path], outcomes: Outcomes) -> None:
        """Paint {name: content}, until an interruption."""
        with outcomes.interruptible():
            for name, content in contents.items():
                self.stop.armed = False  # before its first step an interruption loses nothing
                target = self.options.output / f"{name}.png"
                try:
                    made = self.paint(content)
                    written = self.save(made, name)
                except Exception as error:
                    outcomes.failed(content, target, error)
                    continue
                if not self.options.json:
                    print(*written, sep="\n", flush=True)
                outcomes.made(content, target, made.result)
                if self.stop.asked:
                    return

    def paint(self, content: Path) -> Artwork:
        """Take one content through all stages, and show the progress of the transfer."""
        options, shape = self.options, read_picture(content, name="content").rgb.shape[:2]
        arguments = options.arguments(shape) | {"recipe": self.recipe}
        keep_heap_for(fit(shape, arguments["size"]))
        note(f"painting {content}")
        with watching(self.stop) as callback:
            return artwork(
                content,
                self.style,
                model=self.model,
                callback=callback,
                **self.stages.to_dict(),
                **arguments,
            )

    def save(self, made: Artwork, name: str) -> list[Path]:
        """Save the result, and with --keep-stages the picture of each stage; return the paths, the result's first."""
        folder, result = self.options.output, made.result
        target = folder / f"{name}.png"
        if made.quantized is not None and result.alpha is None:
            saved = save_indexed(target, made.quantized, recipe=result.settings)
            kilobytes = f"{saved.bytes / 1000:.0f} kB instead of {saved.full_bytes / 1000:.0f} kB with 24 bits"
            note(f"{len(made.quantized.palette)} colours, {kilobytes}")
        else:
            result.save(target)
        return [target, *(self.save_stages(made, name) if self.options.keep_stages else [])]

    def save_stages(self, made: Artwork, name: str) -> list[Path]:
        """Save NAME-1-content.png and so on for all stages but the last, and all in a row; return the paths."""
        folder, alpha = self.options.output, made.result.alpha
        before = list(made.pictures.items())[:-1]
        kept = [
            save_image(folder / f"{name}-{number}-{stage}.png", picture, alpha=alpha)
            for number, (stage, picture) in enumerate(before, 1)
        ]
        return [*kept, save_image(folder / f"{name}-stages.png", draw_stages(made.pictures))]
