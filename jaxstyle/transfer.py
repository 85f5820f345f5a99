"""The one-call interface: pictures in, picture out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from numbers import Integral
from pathlib import Path
from typing import Any, get_args

import jax

from jaxstyle import presets
from jaxstyle.blend import blend_shares
from jaxstyle.errors import SettingError
from jaxstyle.image import fit, read_picture, resize
from jaxstyle.image.recipe import encode_recipe
from jaxstyle.inputs import Inputs, initial, masks_given, read_masks, read_style_masks, recolored, sized, style_edge
from jaxstyle.memory import choose_plan
from jaxstyle.objective import ready
from jaxstyle.plan import Plan
from jaxstyle.pyramid import Pyramid, levels
from jaxstyle.recipe import Color, Init, Recipe, check_weight
from jaxstyle.result import Result, describe, describe_model, versions
from jaxstyle.run import Callback, Progress, Run
from jaxstyle.vgg import VGG19
from jaxstyle.weights.load import load_vgg19

__all__ = ["Callback", "Progress", "stylize"]


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
    pyramid: Pyramid | bool | None = None,
    content_masks: Mapping[str, Any] | None = None,
    style_masks: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
    seed: int = 0,
    plan: Plan | None = None,
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
        steps: instead of the recipe's; a pyramid's other levels take theirs in proportion.
        style_weight: instead of the recipe's.
        content_weight: instead of the recipe's.
        learning_rate: instead of the recipe's optimiser's.
        init: "content", "style" (the first one, stretched), "noise", or any picture; else the recipe's.
        color: instead of the recipe's: "style", "luminance", "cholesky", "pca", "symmetric" or "histogram".
        pyramid: instead of the recipe's: smaller sizes to paint at before; False for none, True for `Pyramid()`.
        content_masks: {region: picture in grey}: where in the result each region is; white is all of it.
        style_masks: the same regions in the style, for several styles a list; see `make_objective`.
        seed: of the noise. The same seed, pictures and settings give the same bits on the same platform and versions.
        plan: how it is computed, which is not part of the recipe: precision, memory, speed. When not given, the fastest
            in float32 that fits into the free memory, see `jaxstyle.memory.choose_plan`; where an allocator refuses
            all the same, the run goes on from its last image with a smaller one.
        callback: called with `Progress` after the first step (of each level), at multiples of `every`, and about once a
            second where steps are slow; returning True ends the run with what it has.
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
    recipe = _override(recipe, steps, style_weight, content_weight, learning_rate, init, color, pyramid)
    sources = list(style) if isinstance(style, list | tuple) else [style]
    shares = blend_shares(blend, len(sources))
    original = read_picture(content, name="content")
    picture = sized(original, size)
    styles = [read_picture(s, name=f"style[{i}]" if len(sources) > 1 else "style") for i, s in enumerate(sources)]
    edge = style_edge(picture, style_scale)
    kept, painted = recolored(picture.rgb, [resize(s.rgb, fit(s.rgb.shape[:2], edge)) for s in styles], recipe.color)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise SettingError(f"seed: got {seed!r}, expected a whole number from 0 to 2**32 - 1")
    if not isinstance(plan, Plan | None):
        raise SettingError(f"plan: got {plan!r}, expected a Plan")
    masks = read_masks(content_masks, kept.shape, "content_masks"), read_style_masks(style_masks, painted)
    inputs = Inputs(kept, painted, *masks)
    sizes = levels(recipe.pyramid, kept.shape, recipe.steps)
    first = inputs.at(sizes[0].shape)
    begin, init_picture = initial(recipe.init if init is None else init, first.content, painted[0], int(seed))
    network = load_vgg19(model) if isinstance(model, str | Path) else model() if callable(model) else model
    described = describe_model(network)
    plan = choose_plan(sizes[-1].shape, recipe, model=network) if plan is None else plan
    network = ready(network, recipe, plan)
    settings = {
        "recipe": recipe.to_dict(),
        "seed": int(seed),
        "size": max(picture.rgb.shape[:2]),
        "style_scale": float(style_scale),
        "blend": list(shares),
        "plan": asdict(plan),
        "masks": masks_given(content_masks, style_masks),
        "model": described,
        "content": describe(content, original),
        "styles": [describe(*pair) for pair in zip(sources, styles, strict=True)],
        "versions": versions(jax.default_backend()),
    } | init_picture
    encode_recipe(settings)  # what cannot be saved must not be found out at the end
    run = Run(recipe, network, inputs, sizes, shares, plan, picture, settings, started)
    return run.optimize(begin, callback, every)


def _override(
    recipe: Recipe,
    steps: int | None,
    style_weight: float | None,
    content_weight: float | None,
    learning_rate: float | None,
    init: Any,
    color: Color | None,
    pyramid: Pyramid | bool | None,
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
    given["pyramid"] = Pyramid() if pyramid is True else pyramid or None
    recipe = replace(recipe, pyramid=None) if pyramid is False else recipe
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})
