"""Turns a job, which is pictures and settings, into a run that can start."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax

from jaxstyle.errors import SettingError, check_seed
from jaxstyle.image.recipe import encode_recipe
from jaxstyle.networks.load import as_network
from jaxstyle.objective.blend import blend_shares
from jaxstyle.objective.make import ready
from jaxstyle.objective.memo import Once, call
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.pyramid import levels
from jaxstyle.runtime.installation import require_right_numbers
from jaxstyle.transfer.inputs import (
    initial,
    masks_given,
)
from jaxstyle.transfer.memory import choose_plan
from jaxstyle.transfer.pictures import JobPictures, check_missing, read_pictures
from jaxstyle.transfer.result import describe, describe_model, versions
from jaxstyle.transfer.run import Run


@dataclass(frozen=True)
class Job:
    """One picture to paint: the arguments of `stylize`, with the overriding settings already applied to the recipe."""

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
    """Prepare the run of a job. Pictures and settings are checked before the network is loaded.

    Args:
        job: the pictures and the settings.
        model: a network, the name or path of one, or a function that returns one.
        plan: how the run is computed; None chooses it by the free memory.
        once: how functions of pictures are called: `call`, or a `Memo`, by which runs share pictures and targets.

    Raises:
        SettingError: a setting is not usable. ImageError: a picture is not usable. WeightsError: the network is not.
        InstallationError: the installed JAX computes wrong numbers.
    """
    require_right_numbers()
    started, recipe = time.perf_counter(), job.recipe
    shares = blend_shares(job.blend, len(job.styles)) if recipe.style or job.styles else ()
    check_missing(job)
    check_seed(job.seed)
    if not isinstance(plan, Plan | None):
        raise SettingError(f"plan: got {plan!r}, expected a Plan")
    pictures = read_pictures(job, once)
    sizes = levels(recipe.pyramid, pictures.inputs.content.shape, recipe.steps)
    first = pictures.inputs.at(sizes[0].shape, once)
    init = recipe.init if job.init is None else job.init
    begin, init_picture = initial(init, first.content, pictures.inputs.styles[:1], int(job.seed))
    network = as_network(model)
    described = describe_model(network)
    plan = choose_plan(sizes[-1].shape, recipe, model=network) if plan is None else plan
    settings = _settings(job, pictures, once) | {
        "blend": list(shares),
        "plan": asdict(plan),
        "model": described,
        "versions": once(versions, jax.default_backend()),
    }
    encode_recipe(settings | init_picture)  # raises now, not at the end, if the settings cannot be saved
    return Run(
        recipe=recipe,
        model=ready(network, recipe, plan),
        inputs=pictures.inputs,
        levels=sizes,
        shares=shares,
        plan=plan,
        picture=pictures.content,
        settings=settings | init_picture,
        started=started,
        begin=begin,
        once=once,
    )


def _settings(job: Job, pictures: JobPictures, once: Once) -> dict[str, Any]:
    """The settings of a job that its result records."""
    sources = zip((job.content, *job.styles), pictures.read, strict=True)
    content, *styles = (None if source is None else once(describe, source, picture) for source, picture in sources)
    return {
        "recipe": job.recipe.to_dict(),
        "seed": int(job.seed),
        "size": max(pictures.content.rgb.shape[:2]),
        "style_scale": float(job.style_scale),
        "masks": masks_given(job.content_masks, job.style_masks),
        "content": content,
        "styles": styles,
    }
