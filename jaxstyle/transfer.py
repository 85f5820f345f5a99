"""The one-call interface: pictures in, picture out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxstyle import optimize, presets
from jaxstyle.blend import blend_shares
from jaxstyle.color import keep_color
from jaxstyle.errors import SettingError
from jaxstyle.image import Picture, fit, read_picture, resize
from jaxstyle.image.recipe import encode_recipe
from jaxstyle.inputs import initial, masks_given, read_masks, read_style_masks, recolored, sized, style_edge
from jaxstyle.objective import Objective, make_objective
from jaxstyle.optimize import Info, State
from jaxstyle.recipe import Color, Init, Recipe, check_weight
from jaxstyle.result import Result, Status, describe, describe_model, versions
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
        content: what the content terms add to the total.
        style: what the style terms add to the total.
        make_result: the run as it would be if it ended now.
    """

    step: int
    steps: int
    total: float
    values: dict[str, float]
    seconds: float
    content: float
    style: float
    make_result: Callable[[], Result] = field(repr=False)

    @property
    def image(self) -> Float[np.ndarray, "h w 3"]:
        """The picture as it would be if the run ended now, RGB in [0, 1]."""
        return self.make_result().image


Callback = Callable[[Progress], bool | None]


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
        model: the feature network, what `load_vgg19` takes ("imagenet", "embedded", a path), or a function that gives
            a network, called when all else is checked.
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
        callback: called with `Progress` after the first step, at multiples of `every`, and about once a second where
            steps are slow; returning True ends the run with what it has.
        every: the most steps between two callbacks (100 at most).

    Raises:
        SettingError: a setting that does not fit. ImageError: a picture that cannot be used. WeightsError: the network.
    """
    started = time.perf_counter()
    if not isinstance(recipe, Recipe | None):
        raise SettingError(f"recipe: got {recipe!r}, expected a Recipe, such as presets.default()")
    if isinstance(init, str) and init not in get_args(Init) and (Path(init).suffix or Path(init).exists()):
        init = Path(init)
    recipe = recipe or presets.recipe_for(model if isinstance(model, str) else getattr(model, "name", ""))
    recipe = _override(recipe, steps, style_weight, content_weight, learning_rate, init, color)
    sources = list(style) if isinstance(style, list | tuple) else [style]
    shares = blend_shares(blend, len(sources))
    original = read_picture(content, name="content")
    picture = sized(original, size)
    styles = [read_picture(s, name=f"style[{i}]" if len(sources) > 1 else "style") for i, s in enumerate(sources)]
    edge = style_edge(picture, style_scale)
    kept, painted = recolored(picture.rgb, [resize(s.rgb, fit(s.rgb.shape[:2], edge)) for s in styles], recipe.color)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise SettingError(f"seed: got {seed!r}, expected a whole number from 0 to 2**32 - 1")
    begin, init_picture = initial(recipe.init if init is None else init, kept, painted[0], int(seed))
    masks = read_masks(content_masks, kept.shape, "content_masks"), read_style_masks(style_masks, painted)
    network = load_vgg19(model) if isinstance(model, str | Path) else model() if callable(model) else model
    settings = {
        "recipe": recipe.to_dict(),
        "seed": int(seed),
        "size": max(picture.rgb.shape[:2]),
        "style_scale": float(style_scale),
        "blend": list(shares),
        "masks": masks_given(content_masks, style_masks),
        "model": describe_model(network),
        "content": describe(content, original),
        "styles": [describe(*pair) for pair in zip(sources, styles, strict=True)],
        "versions": versions(jax.default_backend()),
    } | init_picture
    encode_recipe(settings)  # what cannot be saved must not be found out at the end
    objective = make_objective(
        network, kept, painted, recipe, blend=shares, content_masks=masks[0], style_masks=masks[1]
    )
    run = _Run(recipe, objective, picture, settings, started)
    state, history, status = run.optimize(optimize.init(jnp.asarray(begin), recipe.optimizer), callback, every)
    return Result(
        run.finish(state), history, status, settings | {"status": status}, picture.alpha, time.perf_counter() - started
    )


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
    if isinstance(init, str):
        given["init"] = init
    if learning_rate is not None:
        check_weight("learning_rate", learning_rate)
        if getattr(recipe.optimizer, "line_search", False):
            raise SettingError(
                "learning_rate: the recipe's L-BFGS searches for its step size and takes none; leave it out"
            )
        given["optimizer"] = replace(recipe.optimizer, learning_rate=float(learning_rate))
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class _Run:
    """What stays the same while a picture is painted."""

    recipe: Recipe
    objective: Objective
    picture: Picture
    settings: dict[str, Any]
    started: float

    def optimize(
        self, state: State, callback: Callback | None, every: int
    ) -> tuple[State, dict[str, np.ndarray], Status]:
        """The last state, the history and how it ended."""
        recipe, ended = self.recipe, False
        infos: list[Info] = []
        chunks = optimize.chunks(
            state, self.objective, recipe.optimizer, recipe.steps, every=every, average=recipe.average, clip=recipe.clip
        )
        for state, info in chunks:
            infos.append(jax.device_get(info))
            ended = callback is not None and bool(callback(self.progress(state, infos[-1])))
            if ended and int(state.step) < recipe.steps:
                break
            ended = False
        status: Status = "not finite" if not bool(state.finite) else "stopped" if ended else "done"
        return state, self.history(infos), status

    def progress(self, state: State, info: Info) -> Progress:
        """What the callback sees after a chunk of steps."""
        values = {name: float(column[-1]) for name, column in info.values.items()}
        weights = self.recipe.weights()
        shares = [
            sum(weights[term.name] * values[term.name] for term in terms)
            for terms in (self.recipe.content, self.recipe.style)
        ]
        return Progress(
            step=int(state.step),
            steps=self.recipe.steps,
            total=float(info.total[-1]),
            content=shares[0],
            style=shares[1],
            values=values,
            seconds=time.perf_counter() - self.started,
            make_result=lambda: self.result(state, values),
        )

    def result(self, state: State, values: dict[str, float]) -> Result:
        """The run as it would be if it ended at this state, without its history."""
        seconds = time.perf_counter() - self.started
        settings = self.settings | {"status": "stopped", "step": int(state.step)}
        return Result(self.finish(state), {}, "stopped", settings, self.picture.alpha, seconds)

    def finish(self, state: State) -> np.ndarray:
        """The picture of a state: the averaged iterate, in range, with the content's colours where the recipe says."""
        image = np.clip(np.asarray(state.average, np.float32), 0, 1)
        return keep_color(image, self.picture.rgb) if self.recipe.color == "luminance" else image

    def history(self, infos: list[Info]) -> dict[str, np.ndarray]:
        """The chunks' values joined, for "total" and each term in the recipe's order."""
        names = list(self.recipe.weights())
        columns = [(info.total, *(info.values[name] for name in names)) for info in infos]
        joined = [np.concatenate(column) for column in zip(*columns, strict=True)] or [np.zeros(0)] * (1 + len(names))
        return dict(zip(("total", *names), joined, strict=True))
