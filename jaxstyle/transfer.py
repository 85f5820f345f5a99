"""The one-call interface: pictures in, picture out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle import optimize, presets
from jaxstyle.blend import blend_shares
from jaxstyle.color import keep_color
from jaxstyle.image import fit, read_picture, resize
from jaxstyle.inputs import initial, masks_given, read_masks, read_style_masks, recolored, sized, style_edge
from jaxstyle.objective import Objective, make_objective
from jaxstyle.recipe import Color, Init, Recipe
from jaxstyle.result import Result, Status, describe, versions
from jaxstyle.vgg import VGG19
from jaxstyle.weights.load import load_vgg19


@dataclass(frozen=True)
class Progress:
    """Where a run is, handed to the callback between chunks of steps.

    Attributes:
        step: steps done, of `steps`.
        steps: steps asked for.
        total: the objective's value before the last step.
        values: each term's, unweighted.
        seconds: since the start, compilation included.
        state: the optimiser's state; `image` is its picture so far.
    """

    step: int
    steps: int
    total: float
    values: dict[str, float]
    seconds: float
    state: optimize.State

    @property
    def image(self) -> Float[np.ndarray, "h w 3"]:
        """The picture as it would be if the run ended now, RGB in [0, 1]."""
        return np.clip(np.asarray(self.state.average), 0, 1)


Callback = Callable[[Progress], bool | None]


def stylize(
    content: Any,
    style: Any,
    *,
    model: VGG19 | str | Path,
    recipe: Recipe | None = None,
    size: int | None = None,
    style_scale: float = 1.0,
    blend: Sequence[float] | None = None,
    steps: int | None = None,
    style_weight: float | None = None,
    content_weight: float | None = None,
    learning_rate: float | None = None,
    init: Init | Any = None,
    color: Color | None = None,
    content_masks: Mapping[str, Any] | None = None,
    style_masks: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    every: int = 10,
) -> Result:
    """Paint the content picture in the style of one or more pictures.

    Pictures may be paths, file objects, PIL images, uint8 or float [0, 1] arrays of shape (h, w, 3); `jaxstyle.image`
    lists what is done with each kind.

    Args:
        content: the picture whose scene is kept.
        style: a picture, or a list of pictures.
        model: the feature network, or what `load_vgg19` takes: "imagenet", "embedded", a path.
        recipe: losses, weights and optimiser; `presets.default()`, and for the network "embedded"
            `presets.embedded()`, when not given.
        size: long edge of the result in pixels; the content's own by default.
        style_scale: long edge of the styles over that of the result; larger paints with broader strokes.
        blend: how much of each style; equal by default.
        steps: instead of the recipe's.
        style_weight: instead of the recipe's.
        content_weight: instead of the recipe's.
        learning_rate: instead of the recipe's optimiser's.
        init: "content", "style" (the first one, stretched), "noise", or any picture; else the recipe's.
        color: instead of the recipe's: "style", "luminance", "cholesky", "pca", "symmetric" or "histogram".
        content_masks: {region: picture in grey}: where in the result each region is; white is all of it.
        style_masks: the same regions in the style, for several styles a list; see `make_objective`.
        seed: of the noise. The same seed, pictures and settings give the same bits on the same platform and versions.
        callback: called with `Progress` after each `every` steps; returning True ends the run with what it has.
        every: steps between two callbacks.

    Raises:
        SettingError: a setting that does not fit. ImageError: a picture that cannot be used. WeightsError: the network.
    """
    started = time.perf_counter()
    model = model if not isinstance(model, str | Path) else load_vgg19(model)
    recipe = recipe or presets.recipe_for(model)
    recipe = _override(recipe, steps, style_weight, content_weight, learning_rate, init, color)
    sources = list(style) if isinstance(style, list | tuple) else [style]
    shares = blend_shares(blend, len(sources))
    original = read_picture(content, name="content")
    picture = sized(original, size)
    styles = [read_picture(s, name=f"style[{i}]" if len(sources) > 1 else "style") for i, s in enumerate(sources)]
    edge = style_edge(picture, style_scale)
    scaled = [resize(s.rgb, fit(s.rgb.shape[:2], edge)) for s in styles]
    kept, painted = recolored(picture.rgb, scaled, recipe.color)
    begin, own_init = initial(recipe.init if init is None else init, kept, painted[0], seed)
    masks = read_masks(content_masks, kept.shape, "content_masks"), read_style_masks(style_masks, painted)
    objective = make_objective(
        model,
        jnp.asarray(kept),
        list(map(jnp.asarray, painted)),
        recipe,
        blend=shares,
        content_masks=masks[0],
        style_masks=masks[1],
    )
    state, history, status = _optimize(jnp.asarray(begin), objective, recipe, callback, every, started)
    settings = {
        "recipe": recipe.to_dict() | own_init,
        "seed": seed,
        "size": max(picture.rgb.shape[:2]),
        "style_scale": style_scale,
        "masks": masks_given(content_masks, style_masks),
        "blend": list(shares),
        "model": {"name": model.name, "sha256": model.sha256},
        "content": describe(content, original),
        "styles": [describe(*pair) for pair in zip(sources, styles, strict=True)],
        "status": status,
        "versions": versions(jax.default_backend()),
    }
    image = np.clip(np.asarray(state.average), 0, 1)
    if recipe.color == "luminance":
        image = keep_color(image, picture.rgb)
    return Result(image, history, status, settings, picture.alpha, time.perf_counter() - started)


def _override(
    recipe: Recipe,
    steps: int | None,
    style_weight: float | None,
    content_weight: float | None,
    learning_rate: float | None,
    init: Any,
    color: Color | None,
) -> Recipe:
    """The recipe with the settings that were given on top."""
    given: dict[str, Any] = {"steps": steps, "style_weight": style_weight, "content_weight": content_weight}
    given["color"] = color
    if init is not None:
        given["init"] = init if isinstance(init, str) else "content"
    if learning_rate is not None:
        given["optimizer"] = replace(recipe.optimizer, learning_rate=learning_rate)
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def _optimize(
    begin: Array, objective: Objective, recipe: Recipe, callback: Callback | None, every: int, started: float
) -> tuple[optimize.State, dict[str, np.ndarray], Status]:
    state = optimize.init(begin, recipe.optimizer)
    status: Status = "done"
    infos: list[optimize.Info] = []
    chunks = optimize.chunks(
        state, objective, recipe.optimizer, recipe.steps, every=every, average=recipe.average, clip=recipe.clip
    )
    for state, info in chunks:
        infos.append(jax.device_get(info))
        values = {name: float(column[-1]) for name, column in infos[-1].values.items()}
        seconds = time.perf_counter() - started
        progress = Progress(int(state.step), recipe.steps, float(infos[-1].total[-1]), values, seconds, state)
        if callback is not None and callback(progress) and progress.step < recipe.steps:
            status = "stopped"
            break
    status = status if bool(state.finite) else "not finite"
    names = ("total", *objective.weights)
    columns = [(info.total, *(info.values[name] for name in objective.weights)) for info in infos]
    joined = [np.concatenate(column) for column in zip(*columns, strict=True)] or [np.zeros(0)] * len(names)
    return state, dict(zip(names, joined, strict=True)), status
