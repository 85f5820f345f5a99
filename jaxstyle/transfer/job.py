"""From a job, which is pictures and settings, to a run that can start."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax

from jaxstyle.errors import SettingError, check_seed
from jaxstyle.image import fit, read_picture, resize_picture
from jaxstyle.image.recipe import encode_recipe
from jaxstyle.networks.load import load_network
from jaxstyle.objective.blend import blend_shares
from jaxstyle.objective.make import ready
from jaxstyle.objective.memo import Once, call
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.pyramid import levels
from jaxstyle.runtime.installation import require_right_numbers
from jaxstyle.transfer.inputs import (
    Inputs,
    initial,
    masks_given,
    read_masks,
    read_style_masks,
    recolored,
    sized,
    style_edge,
)
from jaxstyle.transfer.memory import choose_plan
from jaxstyle.transfer.result import describe, describe_model, versions
from jaxstyle.transfer.run import Run


@dataclass(frozen=True)
class Job:
    """One picture to paint; the arguments of `stylize`, with the single settings already in the recipe."""

    content: Any
    styles: tuple[Any, ...]
    recipe: Recipe
    size: int | None = None
    style_scale: float = 1.0
    blend: Sequence[float] | None = None
    init: Any = None
    seed: int = 0
    content_masks: Mapping[str, Any] | None = None
    style_masks: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None


def prepare(job: Job, model: Any, plan: Plan | None = None, *, once: Once = call) -> Run:
    """The run of a job: all that can be wrong with the job is found here, before the network is loaded.

    Args:
        job: pictures and settings.
        model: a network, the name or path of one, or a function that gives one.
        plan: how it is computed; chosen by the free memory when None.
        once: calls a function; `Memo`s share pictures and targets between runs.

    Raises:
        SettingError: a setting that does not fit. ImageError: a picture that cannot be used. WeightsError: the network.
        InstallationError: the installed JAX computes wrong numbers.
    """
    require_right_numbers()
    started, recipe, seed = time.perf_counter(), job.recipe, job.seed
    shares = blend_shares(job.blend, len(job.styles))
    original = once(_read, job.content, "content")
    picture = once(sized, original, job.size)
    names = [f"style[{i}]" if len(job.styles) > 1 else "style" for i in range(len(job.styles))]
    styles = [once(_read, style, name) for style, name in zip(job.styles, names, strict=True)]
    edge = style_edge(picture, job.style_scale)
    shaped = [once(resize_picture, style, fit(style.rgb.shape[:2], edge)).rgb for style in styles]
    kept, painted = once(recolored, picture.rgb, tuple(shaped), recipe.color)
    check_seed(seed)
    if not isinstance(plan, Plan | None):
        raise SettingError(f"plan: got {plan!r}, expected a Plan")
    content_masks = read_masks(job.content_masks, kept.shape, "content_masks")
    inputs = Inputs(kept, painted, content_masks, read_style_masks(job.style_masks, painted))
    sizes = levels(recipe.pyramid, kept.shape, recipe.steps)
    first = inputs.at(sizes[0].shape, once)
    init = recipe.init if job.init is None else job.init
    begin, init_picture = initial(init, first.content, painted[0], int(seed))
    network = _network(model)
    described = describe_model(network)
    plan = choose_plan(sizes[-1].shape, recipe, model=network) if plan is None else plan
    network = ready(network, recipe, plan)
    settings = {
        "recipe": recipe.to_dict(),
        "seed": int(seed),
        "size": max(picture.rgb.shape[:2]),
        "style_scale": float(job.style_scale),
        "blend": list(shares),
        "plan": asdict(plan),
        "masks": masks_given(job.content_masks, job.style_masks),
        "model": described,
        "content": once(describe, job.content, original),
        "styles": [once(describe, *pair) for pair in zip(job.styles, styles, strict=True)],
        "versions": once(versions, jax.default_backend()),
    } | init_picture
    encode_recipe(settings)  # what cannot be saved must not be found out at the end
    return Run(recipe, network, inputs, sizes, shares, plan, picture, settings, started, begin, once)


def _read(source: Any, name: str) -> Any:
    return read_picture(source, name=name)


def _network(model: Any) -> Any:
    given: Callable[[], Any] = (lambda: load_network(model)) if isinstance(model, str | Path) else model
    return given() if callable(given) else given
