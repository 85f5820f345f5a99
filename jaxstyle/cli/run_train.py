"""What `jaxstyle train` does around `train_johnson` and `train_adain`: settings, progress, signals, exit codes."""

import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxstyle.cli.progress import PLAIN_SECONDS, download_progress
from jaxstyle.cli.run_stylize import Stop, load_weights, stopping
from jaxstyle.cli.shown import note
from jaxstyle.errors import SettingError
from jaxstyle.feedforward.johnson import load_johnson
from jaxstyle.feedforward.train.adain import train_adain
from jaxstyle.feedforward.train.johnson import johnson_recipe, train_johnson
from jaxstyle.feedforward.train.loop import Trained, TrainingProgress
from jaxstyle.feedforward.train.settings import AdaINTraining, JohnsonTraining, Training
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.weights.load import read_weights

if TYPE_CHECKING:
    from jaxstyle.cli.train import TrainAdain, TrainJohnson

STOPPED = 75


def run_johnson(options: "TrainJohnson") -> int:
    """Train or go on; the exit code."""
    if options.recipe is not None and options.style_weight is not None:
        raise SettingError("--style-weight: the recipe has one; change it there, or leave one of the two out")
    if options.recipe is not None:
        recipe = load_recipe(options.recipe)
    else:
        recipe = johnson_recipe(style_weight=10.0 if options.style_weight is None else options.style_weight)
    if options.init is not None and options.width is not None:
        raise SettingError("--width: the network of --init has its own; leave one of the two out")
    settings = _settings(JohnsonTraining, options)
    init = None if options.init is None else load_johnson(options.init)

    def train(**common: Any) -> Trained:
        model = load_weights(options.weights)
        chosen = {"model": model, "settings": settings, "recipe": recipe, "init": init}
        return train_johnson(options.contents, options.style, options.output, **chosen, **common)

    return _run(train, options.output, options.resume)


def run_adain(options: "TrainAdain") -> int:
    """Train or go on; the exit code."""
    settings = _settings(AdaINTraining, options)

    def train(**common: Any) -> Trained:
        with download_progress(options.weights) as progress:
            weights = read_weights(options.weights, progress=progress)
        return train_adain(
            options.contents, options.styles, options.output, weights=weights, settings=settings, **common
        )

    return _run(train, options.output, options.resume)


def _settings(kind: type[Training], options: Any) -> Any:
    """The options that are settings, those that were given."""
    names = [entry.name for entry in fields(kind)]
    given = {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}
    return kind(**given)


def _run(train: Callable[..., Trained], output: Path, resume: str) -> int:
    keep_programs()
    with stopping() as stop:
        trained = train(resume=resume == "on", callback=_Lines(), stop=lambda: _asked(stop))
    if trained.status == "stopped":
        print(f"jaxstyle: interrupted at step {trained.steps}; the same command goes on in {output}", file=sys.stderr)
        return STOPPED
    print(trained.path)
    return 0


def _asked(stop: Stop) -> bool:
    stop.armed = True  # after a step there is something to save
    return stop.asked


class _Lines:
    """A line now and then, and at the end, on standard error."""

    def __init__(self) -> None:
        self.last = -PLAIN_SECONDS

    def __call__(self, progress: TrainingProgress) -> None:
        """Print it, if it is time."""
        if time.monotonic() - self.last < PLAIN_SECONDS and progress.step != progress.steps:
            return
        self.last = time.monotonic()
        left = _duration((progress.steps - progress.step) / max(progress.steps_per_second, 1e-9))
        speed = f"{progress.images_per_second:.3g} images/s  {left} left"
        line = f"step {progress.step}/{progress.steps}  loss {progress.loss:.4g}  {speed}"
        note(line)


def _duration(seconds: float) -> str:
    """ "2:05:09"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
