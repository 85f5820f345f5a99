"""What `jaxstyle texture` does: reads the pictures, makes the texture and shows its progress, and saves it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from jaxstyle.analysis import Texture, texture
from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.shown import Reading
from jaxstyle.cli.stopping import STOPPED, stopping, watching
from jaxstyle.cli.texture import TextureCommand
from jaxstyle.files import refuse_overwriting
from jaxstyle.image import check_target, fit, load_image, resize, save_image
from jaxstyle.runtime import keep_programs


class Step(NamedTuple):
    """The steps done, of how many, and the loss."""

    step: int
    steps: int
    loss: float


class TextureSteps(Reading):
    """How the steps of a texture are shown, given as `Step`."""

    columns = (MofNCompleteColumn(), TimeRemainingColumn())

    def bar(self, progress: Step) -> dict[str, Any]:
        """The steps done, and the loss."""
        return {
            "completed": progress.step,
            "total": progress.steps,
            "description": f"loss {progress.loss:.3g}",
        }

    def line(self, progress: Step) -> str:
        """A line with the step and the loss."""
        return f"step {progress.step}/{progress.steps}  loss {progress.loss:.3g}"

    def ended(self, progress: Step) -> bool:
        """Whether this is the last step."""
        return progress.step == progress.steps

    def as_json(self, progress: Step) -> dict[str, Any]:
        """The numbers by name."""
        return {**progress._asdict(), "loss": progress.loss if np.isfinite(progress.loss) else None}


def run(options: TextureCommand) -> int:
    """Make the texture and save it; the exit code."""
    check_target(options.output)
    refuse_overwriting(options.output, [*options.style, options.model])
    keep_programs()
    styles = [_reduced(path, options.style_size) for path in options.style]
    model = load_weights(options.model)
    with stopping() as stop, watching(stop, TextureSteps()) as watch:

        def callback(step: int, total: float) -> bool:
            return watch(Step(step, options.steps, total))

        made = _made(options, model, styles, callback)
    print(save_image(options.output, made.picture))
    return 0 if len(made.total) == options.steps else STOPPED


def _made(options: TextureCommand, model: Any, styles: list[np.ndarray], callback: Any) -> Texture:
    how: Any = {"layers": options.layers, "seed": options.seed, "steps": options.steps, "callback": callback}
    size: Any = options.size[0] if len(options.size) == 1 else options.size
    return texture(model, styles, size, blend=options.blend, tileable=options.tileable, **how)


def _reduced(path: Path, size: int) -> np.ndarray:
    """A picture, reduced if it is larger than `size`."""
    picture = load_image(path)
    if max(picture.shape[:2]) <= size:
        return picture
    return resize(picture, fit(picture.shape[:2], size))
