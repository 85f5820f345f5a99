"""`stylize`, the one-call interface: pictures in, picture out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from jaxstyle.errors import SettingError, suggest
from jaxstyle.losses import TotalVariation
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective import presets
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Color, Init, Recipe
from jaxstyle.objective.term import Term, check_weight
from jaxstyle.optimize.optimizers import LBFGS, Adam, Optimizer, as_optimizer, with_learning_rate
from jaxstyle.optimize.pyramid import Pyramid
from jaxstyle.transfer.job import Job, prepare
from jaxstyle.transfer.painting import paint
from jaxstyle.transfer.progress import Callback, Progress
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.settings import Settings
from jaxstyle.transfer.state_file import at

__all__ = ["Callback", "Progress", "stylize"]

STRENGTHS = {"light": 1.0, "medium": 3.0, "full": 10.0}
"""Style weights by name, for recipes whose terms are relative to their targets, like those of `presets.default()`."""
OPTIMIZERS_BY_NAME: dict[str, Optimizer] = {"adam": Adam(), "lbfgs": LBFGS(line_search=False)}
"""Optimisers by name, with settings that serve style transfer."""
AVERAGE = 0.9
"""Decay of the moving average for optimisers like Adam, whose single images fluctuate, while their average does not."""


def stylize(
    content: Any,
    style: Any,
    *,
    model: VGG19 | str | Path | Callable[[], VGG19],
    recipe: Recipe | None = None,
    size: int | None = None,
    style_scale: float = 1.0,
    blend: Sequence[float] | None = None,
    steps: int | None = None,
    style_weight: float | str | None = None,
    content_weight: float | None = None,
    tv_weight: float | None = None,
    optimizer: Optimizer | str | None = None,
    learning_rate: float | None = None,
    init: Init | Any = None,
    color: Color | None = None,
    pyramid: Pyramid | bool | None = None,
    content_masks: Mapping[str, Any] | None = None,
    style_masks: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    callback: Callback | None = None,
    every: int = 10,
    resume: Reached | Path | None = None,
) -> Result:
    """Paint the content picture in the style of one or more pictures.

    Pictures may be paths, file objects, PIL images, uint8 or float [0, 1] arrays of shape (h, w, 3); `jaxstyle.image`
    explains how each kind is read.

    Args:
        content: the picture whose scene is kept; None for a texture, with a recipe that has no content terms.
        style: a picture, or a list of pictures; None for a reconstruction, with a recipe that has no style terms.
        model: the feature network, or what `load_vgg19` takes ("imagenet", "embedded", a path), or a function that
            returns a network, which is called after pictures and settings were checked.
        recipe: losses, weights and optimiser; `presets.default()`, and for the networks "embedded" and
            "random" `presets.embedded()`, when not given.
        size: long edge of the result in pixels. By default the content's own, at most 512 for a file; arrays and PIL
            images keep their size.
        style_scale: long edge of the styles divided by that of the result, above 0 and at most 100; a larger one paints
            broader strokes.
        blend: weight of each style, at least 0; equal by default.
        steps: steps at the result's size, instead of the recipe's; the smaller sizes of a pyramid take theirs in
            proportion.
        style_weight: weight of the style terms, instead of the recipe's: a number, at least 0, or for recipes like
            `presets.default()` one of `STRENGTHS`: "light" (1, a tint of the style), "medium" (3) or "full" (10, as
            painted; above it little changes).
        content_weight: weight of the content terms, at least 0, instead of the recipe's.
        tv_weight: weight of the total variation loss, which smooths away speckle, instead of the recipe's; 0 for none.
        optimizer: optimiser instead of the recipe's: "adam" or "lbfgs" with their usual settings, an `Adam`, an
            `LBFGS`, or an optax transformation.
        learning_rate: learning rate of the optimiser, instead of the recipe's.
        init: what to start from, instead of the recipe's: "content", "style" (the first one, stretched), "noise", or
            any picture.
        color: how colours are treated (see `Recipe`), instead of the recipe's: "style", "luminance", "cholesky", "pca",
            "symmetric", "histogram" or "affine".
        pyramid: smaller sizes to paint at first, instead of the recipe's: a `Pyramid`, True for `Pyramid()`, False for
            none.
        content_masks: {region: grey picture} that is white where the result has the region; grey is partly in it.
        style_masks: the same regions in the style; for several styles a list, see `make_objective`.
        seed: random seed of the initial noise, from 0 to 2**32 - 1. The same seed, pictures and settings give the same
            bits on the same platform with the same versions.
        plan: how the run is computed (precision, memory, speed), which is not part of the recipe. By default the
            fastest plan in float32 that fits into the free memory, see `jaxstyle.transfer.choose_plan`. If memory runs
            out all the same, the run goes on from its last image with a plan that takes less.
        callback: called with `Progress` after the first step (of each level), at multiples of `every`, and about once a
            second where steps are slow; if it returns True, the run ends with the picture so far.
        every: the most steps between two callbacks, at least 1; above 100 it counts as 100.
        resume: the `result.reached` of an earlier run with the same arguments that was stopped, or a file that
            `jaxstyle.transfer.write_state` wrote of it. The run goes on there; its result is the same, bit for bit, as
            without the stop.

    Raises:
        SettingError: a setting is not usable. ImageError: a picture is not usable. WeightsError: the network is not.
        InstallationError: the installed JAX computes wrong numbers.
        Interrupted: Ctrl-C or Jupyter's stop came after the first step. It is a KeyboardInterrupt whose `result` has
            the picture so far.
    """
    given = locals()
    settings = Settings(**{entry.name: given[entry.name] for entry in fields(Settings)})
    if not isinstance(recipe, Recipe | None):
        raise SettingError(f"recipe: got {recipe!r}, expected a Recipe, such as presets.default()")
    recipe = recipe or presets.recipe_for(model if isinstance(model, str) else getattr(model, "name", ""))
    sources = tuple(style) if isinstance(style, list | tuple) else () if style is None else (style,)
    job = make_job(content, sources, recipe, settings, content_masks, style_masks)
    return paint(prepare(job, model, plan), callback, every, start=None if resume is None else partial(at, resume))


def make_job(
    content: Any,
    styles: tuple[Any, ...],
    recipe: Recipe,
    settings: Settings,
    content_masks: Mapping[str, Any] | None = None,
    style_masks: Any = None,
) -> Job:
    """Make the job of painting one picture, with the settings applied to the recipe. Raises SettingError."""
    init = named_init(settings.init)
    recipe = override(recipe, replace(settings, init=init))
    begin = None if isinstance(init, str) else init
    blend = None if settings.blend is None else tuple(settings.blend)
    size, scale, seed = settings.size, settings.style_scale, settings.seed
    return Job(content, styles, recipe, size, scale, blend, begin, seed, content_masks, style_masks)


def named_init(init: Any) -> Any:
    """Convert `init`: text that looks like a file becomes its path; a name of `Init` and any other value stay."""
    is_file = isinstance(init, str) and init not in get_args(Init) and (Path(init).suffix or Path(init).exists())
    return Path(init) if is_file else init


def override(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe with those of its settings replaced that are given in `settings`. Raises SettingError."""
    given: dict[str, Any] = {name: getattr(settings, name) for name in ("steps", "content_weight", "color")}
    given["style_weight"] = _strength(settings.style_weight)
    if isinstance(settings.init, str):
        given["init"] = settings.init
    if settings.optimizer is not None:
        recipe = with_optimizer(recipe, settings.optimizer)
    if settings.learning_rate is not None:
        given["optimizer"] = _faster(recipe, settings.learning_rate)
    if settings.tv_weight is not None:
        given["prior"] = _smoothed(recipe.prior, settings.tv_weight)
    if settings.pyramid is not None and not settings.pyramid:
        recipe = replace(recipe, pyramid=None)
    given["pyramid"] = Pyramid() if settings.pyramid is True else settings.pyramid or None
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def _faster(recipe: Recipe, rate: Any) -> Optimizer:
    """The recipe's optimiser with another learning rate."""
    check_weight("learning_rate", rate)
    if getattr(recipe.optimizer, "line_search", False):
        raise SettingError("learning_rate: the recipe's L-BFGS searches for its step size and takes none; leave it out")
    return with_learning_rate(recipe.optimizer, float(rate))


def with_optimizer(recipe: Recipe, optimizer: Optimizer | str) -> Recipe:
    """The recipe with another optimiser, and with clipping and averaging that suit it: L-BFGS takes neither."""
    if isinstance(optimizer, str) and optimizer not in OPTIMIZERS_BY_NAME:
        raise SettingError(f"optimizer: got {optimizer!r}; {suggest(optimizer, OPTIMIZERS_BY_NAME)}")
    chosen = as_optimizer(OPTIMIZERS_BY_NAME[optimizer] if isinstance(optimizer, str) else optimizer)
    if chosen.clips == recipe.optimizer.clips:
        return replace(recipe, optimizer=chosen)
    clip = chosen.clips and recipe.parametrization.clips
    return replace(recipe, optimizer=chosen, clip=clip, average=AVERAGE if chosen.clips else 0.0)


def _strength(given: float | str | None) -> float | None:
    if not isinstance(given, str):
        return given
    if given not in STRENGTHS:
        raise SettingError(f"style_weight: got {given!r}; {suggest(given, STRENGTHS)}, or a number")
    return STRENGTHS[given]


def _smoothed(prior: tuple[Term, ...], weight: float) -> tuple[Term, ...]:
    """The prior terms with this weight of total variation; that term is added if it is missing."""
    check_weight("tv_weight", weight)
    if not any(isinstance(term.loss, TotalVariation) for term in prior):
        return (*prior, Term(TotalVariation(), weight, relative=False)) if weight else prior
    return tuple(replace(term, weight=weight) if isinstance(term.loss, TotalVariation) else term for term in prior)
