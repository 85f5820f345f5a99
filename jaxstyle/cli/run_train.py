"""What `jaxstyle train` does around `train_johnson` and `train_adain`: settings, progress, signals, exit codes."""

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxstyle.cli.downloads import download_progress, load_weights
from jaxstyle.cli.progress import Updates
from jaxstyle.cli.stopping import STOPPED, Stop, stopping, watching
from jaxstyle.errors import SettingError
from jaxstyle.feedforward.johnson import load_johnson
from jaxstyle.feedforward.train.adain import train_adain
from jaxstyle.feedforward.train.johnson import johnson_recipe, train_johnson
from jaxstyle.feedforward.train.loop import Trained
from jaxstyle.feedforward.train.settings import AdaINTraining, JohnsonTraining, Training
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.weights.load import read_weights

if TYPE_CHECKING:
    from jaxstyle.cli.train import TrainAdain, TrainJohnson


def run_johnson(options: "TrainJohnson") -> int:
    """Train a Johnson network, or go on with its training, and return the exit code."""
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
        model = load_weights(options.model)
        chosen = {"model": model, "settings": settings, "recipe": recipe, "init": init}
        return train_johnson(options.contents, options.style, options.output, **chosen, **common)

    return _run(train, options.output, options.resume)


def run_adain(options: "TrainAdain") -> int:
    """Train a decoder of AdaIN, or go on with its training, and return the exit code."""
    settings = _settings(AdaINTraining, options)

    def train(**common: Any) -> Trained:
        with download_progress(options.model) as progress:
            weights = read_weights(options.model, progress=progress)
        return train_adain(
            options.contents, options.styles, options.output, weights=weights, settings=settings, **common
        )

    return _run(train, options.output, options.resume)


def _settings(kind: type[Training], options: Any) -> Any:
    """The settings of a training by the options that were given; the others have their defaults."""
    names = [entry.name for entry in fields(kind)]
    given = {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}
    return kind(**given)


def _run(train: Callable[..., Trained], output: Path, resume: str) -> int:
    keep_programs()
    with stopping() as stop, watching(stop, Updates()) as callback:
        trained = train(resume=resume == "on", callback=callback, stop=lambda: _asked(stop))
    if trained.status == "stopped":
        print(f"jaxstyle: interrupted at step {trained.steps}; the same command goes on in {output}", file=sys.stderr)
        return STOPPED
    print(trained.path)
    return 0


def _asked(stop: Stop) -> bool:
    stop.armed = True  # after a step there is something to save
    return stop.asked
