"""What `jaxstyle stylize` does around `jaxstyle.stylize`: check the options, show progress, save the result."""

import gc
import glob
import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.shown import note_accelerator
from jaxstyle.cli.state import ended, state_beside
from jaxstyle.cli.stopping import stopping, watching
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.files import refuse_overwriting
from jaxstyle.image import check_fits, check_target, fit, load_image, read_picture, save_animation
from jaxstyle.networks.vgg import VGG
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.api import Progress, stylize
from jaxstyle.transfer.memory import keep_heap_for
from jaxstyle.transfer.result import Result
from jaxstyle.weights.catalogue import is_here

if TYPE_CHECKING:
    from jaxstyle.cli.stylize import StylizeCommand


class Frames:
    """Saves the picture at multiples of `every` steps, and in the end an animation of these pictures and the result."""

    def __init__(self, output: Path, every: int | None):
        self.output, self.every = output, every
        self.animation = output.with_name(f"{output.stem}-progress.webp")
        self.written: list[Path] = []

    def keep(self, inputs: list[Any]) -> None:
        """Raise SettingError if one of the pictures to write would overwrite one of the inputs."""
        if not self.every:
            return
        refuse_overwriting(self.animation, inputs, "--save-every")
        for path in self.output.parent.glob(f"{glob.escape(self.output.stem)}-??????{self.output.suffix}"):
            refuse_overwriting(path, inputs, "--save-every")

    def add(self, progress: Progress) -> None:
        """Save the picture if its step is a multiple of `every`."""
        if self.every and progress.step % self.every == 0:
            path = self.output.with_stem(f"{self.output.stem}-{progress.step:06d}")
            self.written.append(progress.make_result().save(path))

    def animate(self, last: np.ndarray) -> Path | None:
        """Write OUTPUT-progress.webp, which ends with the picture `last`; None if no picture was saved."""
        if not self.written:
            return None
        return save_animation(self.animation, [*map(load_image, self.written), last], seconds=0.15)


def run_stylize(options: "StylizeCommand") -> int:
    """Paint the picture, save it, and return the exit code."""
    keep_programs()
    note_accelerator()
    check_target(options.output)
    if options.save_every is not None and options.save_every < 1:
        raise SettingError(f"--save-every: got {options.save_every}, expected at least 1 step")
    if not options.style:
        raise SettingError("STYLE: got no picture, expected at least one")
    content = read_picture(options.content, name="content")
    arguments = options.arguments(content.rgb.shape)
    shape = fit(content.rgb.shape[:2], arguments["size"])
    check_fits(options.output, shape)
    if options.save_every is not None:
        _check_animation(options.output, shape)
    keep_heap_for(shape)
    content_masks = _masks(options.content_mask, "--content-mask", 1)[0]
    style_masks = _masks(options.style_mask, "--style-mask", len(options.style))
    frames = Frames(options.output, options.save_every)
    masks = [path for given in (content_masks, *style_masks) for path in (given or {}).values()]
    inputs = [options.content, *options.style, *masks, options.init, options.model, options.recipe]
    refuse_overwriting(options.output, inputs)
    if options.keep_state:
        refuse_overwriting(state_beside(options.output), inputs, "--keep-state")
    frames.keep(inputs)
    with stopping() as stop, watching(stop) as watch:

        def callback(progress: Progress) -> bool:
            gc.enable()
            watch(progress)
            frames.add(progress)
            return stop.asked

        def load() -> VGG:
            if is_here(options.model):  # otherwise the download shows its own progress
                watch.show.waiting(f"loading {Path(options.model).name}")
            network = load_weights(options.model)
            watch.show.waiting(f"compiling {shape[1]} x {shape[0]}")
            return network

        result = stylize(
            options.content,
            list(options.style),
            model=load,
            content_masks=content_masks,
            style_masks=style_masks if any(style_masks) else None,
            callback=callback,
            every=_every(options.save_every),
            **arguments,
        )
        watch.show.close()
        return _finish(options, result, frames)


def _check_animation(output: Path, shape: tuple[int, int]) -> None:
    """Raise SettingError if pictures of (height, width) are too large for the animation of --save-every."""
    try:
        check_fits(output.with_suffix(".webp"), shape)
    except ImageFileError as error:
        raise SettingError(
            f"--save-every: {shape[1]} x {shape[0]} is too large for its animation; leave it out"
        ) from error


def _masks(given: tuple[str, ...], option: str, count: int) -> list[dict[str, Path] | None]:
    """Parse "sky=a.png", "2:sky=b.png" as {region: path} for each of `count` pictures, None for those without."""
    found: list[dict[str, Path] | None] = [None] * count
    for entry in given:
        match = re.fullmatch(r"(?:(\d+):)?([^=]+)=(.+)", entry)
        if match is None or not 1 <= int(match[1] or 1) <= count:
            raise SettingError(
                f"{option}: got {entry!r}, expected REGION=PICTURE, or NUMBER:REGION=PICTURE up to {count}"
            )
        number = int(match[1] or 1) - 1
        found[number] = (found[number] or {}) | {match[2]: Path(match[3])}
    return found


def _every(save_every: int | None) -> int:
    """The most steps between two reports, at most 10, that divide `save_every`: no picture to save is passed over."""
    return next(n for n in range(10, 0, -1) if (save_every or 10) % n == 0)


def _finish(options: "StylizeCommand", result: Result, frames: Frames) -> int:
    path, animation = result.save(options.output), None
    try:
        animation = frames.animate(result.image)
    except KeyboardInterrupt:
        print("jaxstyle: interrupted; the picture is saved, the animation is not", file=sys.stderr)
    if options.json:
        print(json.dumps(_summary(result, path, animation)))
    else:
        print(path, *([animation] if animation else []), sep="\n")
    return ended(result, path, keep=options.keep_state)


def _summary(result: Result, path: Path, animation: Path | None) -> dict[str, Any]:
    last = {name: float(column[-1]) for name, column in result.history.items() if len(column)}
    return {
        "output": str(path),
        "animation": None if animation is None else str(animation),
        "status": result.status,
        "hint": result.hint,
        "steps": len(result.history["total"]),
        "levels": [{"size": [width, height], "steps": steps} for (height, width), steps in result.levels],
        "seconds": round(result.seconds, 3),
        "values": {name: value if math.isfinite(value) else None for name, value in last.items()},
    }
