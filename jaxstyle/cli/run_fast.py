"""What `jaxstyle fast` does around `Work`: read settings, find pictures, load networks, print the outcome."""

import functools
import json
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from jaxstyle.cli.downloads import download_progress
from jaxstyle.cli.fast_work import Work
from jaxstyle.cli.outcomes import Outcomes
from jaxstyle.cli.progress import Pictures
from jaxstyle.cli.shown import Display, Nothing, display
from jaxstyle.cli.stopping import stopping
from jaxstyle.errors import SettingError
from jaxstyle.feedforward.frames import group, told_apart
from jaxstyle.feedforward.load import NAMES, load_fast
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.painter import FastSettings, read_source, read_styles, takes_style
from jaxstyle.feedforward.refine import Refine
from jaxstyle.image import fit
from jaxstyle.image.write import make_folder
from jaxstyle.objective.recipe_file import load_recipe
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.weights.catalogue import default_network

if TYPE_CHECKING:
    from jaxstyle.cli.fast import FastCommand


def run_fast(options: "FastCommand") -> int:
    """Paint and save all pictures, and return the exit code."""
    keep_programs()
    fast, refine = _settings(options)
    network = functools.cache(lambda: _load(options.model))
    styled = options.model in NAMES or takes_style(network())
    contents, styles = told_apart(options.pictures, options.style, styled)
    if not styled:
        refine.check(network(), styles)
    groups = group(contents, styles, options.output, blended=options.blend is not None)
    if len(contents) == 1:
        read_source(contents[0], "content")
    if len(groups) == 1:
        read_styles(styles)
    make_folder(options.output)
    model = network()
    with stopping() as stop, _progress(refine) as show:
        total = sum(len(each.outputs) for each in groups)
        outcomes = Outcomes(total, stop, show, "use a smaller --size")
        Work(options.size, fast, refine, model, stop, outcomes).paint_all(groups)
    if said := json.dumps(outcomes.summary(options.output)) if options.json else "\n".join(outcomes.files()):
        print(said)
    return outcomes.code()


def _progress(refine: Refine) -> AbstractContextManager[Display]:
    """The display of how many pictures are done; none if pictures are refined, as each then shows its own steps."""
    return nullcontext(Nothing()) if refine.steps else display(Pictures())


def _settings(options: "FastCommand") -> tuple[FastSettings, Refine]:
    """The settings of the fast network and of the refinement, checked. The feature network is not loaded yet."""
    if not options.refine and options.refine_model is not None:
        raise SettingError("--refine-model: is for refining; give it steps, such as --refine 50")
    recipe = None if options.recipe is None else load_recipe(options.recipe)
    weights = options.refine_model or (default_network() if options.refine else None)
    color = options.color or ("style" if recipe is None else recipe.color)
    if options.size is not None:
        fit((1, 1), options.size)
    return FastSettings(options.style_size, options.strength, options.blend, color), Refine(
        options.refine, weights, recipe
    )


def _load(name: str) -> FastModel:
    """Load a fast network by name or path, and show the progress if it is downloaded."""
    with download_progress(name) as progress:
        return load_fast(name, progress=progress)
