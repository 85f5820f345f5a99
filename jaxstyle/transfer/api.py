"""The one-call interface: pictures in, picture out."""

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
from jaxstyle.objective.recipe import Color, Init, Recipe, Term, check_weight
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
"""Style weights by name, for recipes whose terms are relative to their targets, as `presets.default()`'s are."""
OPTIMIZERS_BY_NAME: dict[str, Optimizer] = {"adam": Adam(), "lbfgs": LBFGS(line_search=False)}
"""Optimisers by name, with settings that serve style transfer."""
AVERAGE = 0.9
"""Iterates of Adam and its kin jump; their average does not."""


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
    lists what is done with each kind.

    Args:
        content: the picture whose scene is kept; None for a texture, by a recipe without content terms.
        style: a picture, or a list of pictures; None for a reconstruction, by a recipe without style terms.
        model: the feature network, what `load_vgg19` takes ("imagenet", "embedded", a path), or a function that gives
            a network, called when all else is checked.
        recipe: losses, weights and optimiser; `presets.default()`, and for the networks "embedded" and
            "random" `presets.embedded()`, when not given.
        size: long edge of the result in pixels. By default the content's own; a file's is at most 512, while arrays
            and PIL images keep the size that their maker gave them.
        style_scale: long edge of the styles over that of the result; larger paints with broader strokes.
        blend: how much of each style; equal by default.
        steps: instead of the recipe's; a pyramid's other levels take theirs in proportion.
        style_weight: instead of the recipe's; a number, or for `presets.default()` and its kin one of `STRENGTHS`:
            "light" (1, a tint of the style), "medium" (3) or "full" (10, as painted; above it little changes).
        content_weight: instead of the recipe's.
        tv_weight: weight of total variation, which smooths away speckle, instead of the recipe's; 0 for none.
        optimizer: instead of the recipe's: "adam" or "lbfgs" with their usual settings, an `Adam`, an `LBFGS`, or an
            optax transformation.
        learning_rate: instead of the recipe's optimiser's.
        init: "content", "style" (the first one, stretched), "noise", or any picture; else the recipe's.
        color: instead of the recipe's: "style", "luminance", "cholesky", "pca", "symmetric" or "histogram".
        pyramid: instead of the recipe's: smaller sizes to paint at before; False for none, True for `Pyramid()`.
        content_masks: {region: picture in grey}: where in the result each region is; white is all of it.
        style_masks: the same regions in the style, for several styles a list; see `make_objective`.
        seed: of the noise. The same seed, pictures and settings give the same bits on the same platform and versions.
        plan: how it is computed, which is not part of the recipe: precision, memory, speed. When not given, the fastest
            in float32 that fits into the free memory, see `jaxstyle.transfer.choose_plan`; where an allocator refuses
            all the same, the run goes on from its last image with a smaller one.
        callback: called with `Progress` after the first step (of each level), at multiples of `every`, and about once a
            second where steps are slow; returning True ends the run with what it has.
        every: the most steps between two callbacks (100 at most).
        resume: where an earlier run with the same arguments was stopped, its `result.reached`, or a file that
            `jaxstyle.transfer.write_state` wrote of it: the run goes on there, and gives the bits that it would have
            given without the stop.

    Raises:
        SettingError: a setting that does not fit. ImageError: a picture that cannot be used. WeightsError: the network.
        Interrupted: by Ctrl-C or Jupyter's stop, after the first step; a KeyboardInterrupt whose `result` is the
            picture as far as it came.
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
    """The job of painting a picture, with the settings applied to the recipe."""
    init = named_init(settings.init)
    recipe = override(recipe, replace(settings, init=init))
    begin = None if isinstance(init, str) else init
    blend = None if settings.blend is None else tuple(settings.blend)
    size, scale, seed = settings.size, settings.style_scale, settings.seed
    return Job(content, styles, recipe, size, scale, blend, begin, seed, content_masks, style_masks)


def named_init(init: Any) -> Any:
    """What a run starts from: a name of `Init` stays one, any other text that looks like a file is its path."""
    is_file = isinstance(init, str) and init not in get_args(Init) and (Path(init).suffix or Path(init).exists())
    return Path(init) if is_file else init


def override(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe with the settings that were given on top."""
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
    """The recipe with another optimiser, and with what goes with it: L-BFGS takes neither clipping nor averaging."""
    if isinstance(optimizer, str) and optimizer not in OPTIMIZERS_BY_NAME:
        raise SettingError(f"optimizer: got {optimizer!r}; {suggest(optimizer, OPTIMIZERS_BY_NAME)}")
    chosen = as_optimizer(OPTIMIZERS_BY_NAME[optimizer] if isinstance(optimizer, str) else optimizer)
    if chosen.clips == recipe.optimizer.clips:
        return replace(recipe, optimizer=chosen)
    return replace(recipe, optimizer=chosen, clip=chosen.clips, average=AVERAGE if chosen.clips else 0.0)


def _strength(given: float | str | None) -> float | None:
    if not isinstance(given, str):
        return given
    if given not in STRENGTHS:
        raise SettingError(f"style_weight: got {given!r}; {suggest(given, STRENGTHS)}, or a number")
    return STRENGTHS[given]


def _smoothed(prior: tuple[Term, ...], weight: float) -> tuple[Term, ...]:
    """The terms with that weight of total variation, which is added where there is none."""
    check_weight("tv_weight", weight)
    if not any(isinstance(term.loss, TotalVariation) for term in prior):
        return (*prior, Term(TotalVariation(), weight, relative=False)) if weight else prior
    return tuple(replace(term, weight=weight) if isinstance(term.loss, TotalVariation) else term for term in prior)
