"""The one-call interface of fast networks: pictures in, picture out, in one forward pass."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.feedforward.load import load_fast
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.painter import FastSettings, Painter, make_frame, read_source, read_styles, takes_masks
from jaxstyle.feedforward.refine import Refine
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Color, Recipe
from jaxstyle.transfer.progress import Callback
from jaxstyle.transfer.result import Result


def stylize_fast(
    content: Any,
    style: Any = None,
    *,
    model: FastModel | str | Path | Callable[[], FastModel],
    size: int | None = None,
    style_size: int | None = None,
    strength: float = 1.0,
    blend: Sequence[float] | None = None,
    color: Color | None = None,
    masks: Sequence[Any] | None = None,
    refine: int = 0,
    refine_model: VGG19 | str | Path | Callable[[], VGG19] | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    callback: Callback | None = None,
    every: int = 10,
) -> Result:
    """Paint the content picture in the style of one or more pictures in one forward pass, and refine it if asked to.

    Pictures are what `stylize` takes. A result saved knows how it was made: `jaxstyle rerun` makes it again.

    Example:
        >>> stylize_fast("photo.jpg", "painting.jpg", model="magenta").save("out.png")
        >>> stylize_fast("photo.jpg", "painting.jpg", model="magenta", refine=50, refine_model="imagenet")

    Args:
        content: the picture whose scene is kept.
        style: a picture, or a list of pictures; None for a network with a style of its own (Johnson-type), unless
            its result is refined: then that style.
        model: the fast network, what `load_fast` takes: "magenta", a path, a network, or a function that gives one,
            called when all else is checked.
        size: long edge of the result in pixels; by default as for `stylize`.
        style_size: long edge of the styles in pixels, which sets how broad the strokes are; by default what the
            network was trained with (Magenta: 256), else the result's. A refinement sees them at the result's size.
        strength: 1 is all of the style, 0 as much of the content as the network can keep.
        blend: how much of each style; equal by default.
        color: "style", "luminance", "cholesky", "pca", "symmetric" or "histogram", as for `stylize`; the recipe's,
            else "style", when not given.
        masks: for each style a picture in grey, white where in the content it is painted, soft where grey; for networks
            that move statistics of features (AdaIN, WCT).
        refine: optimisation steps from the fast result.
        refine_model: the feature network for them, what `load_vgg19` takes: "imagenet", "embedded", a path, ...
        recipe: losses, weights and optimiser for them; `stylize`'s when not given. Its pyramid is left out.
        seed: of a recipe's noise.
        plan: how the refinement is computed, as for `stylize`.
        callback: called with `Progress` during the refinement, as by `stylize`.
        every: the most steps between two callbacks.

    Raises:
        SettingError: a setting that does not fit. ImageError: a picture that cannot be used. WeightsError: a network.
    """
    started = time.perf_counter()
    color = color or (recipe.color if isinstance(recipe, Recipe) else "style")
    fast = FastSettings(style_size, strength, blend, color)
    if not is_whole(every, 1):
        raise SettingError(f"every: got {every!r}, expected at least 1 step between two reports")
    given = Refine(refine, refine_model, recipe, seed, plan)
    styles = read_styles(style)
    _check_masks(masks, len(styles), blend)
    frame = make_frame(read_source(content, "content"), size, color, masks)
    network = load_fast(model)
    if masks is not None and not takes_masks(network):
        raise SettingError(f"masks: the network {network.name!r} takes none; use AdaIN or WCT, or leave them out")
    given.check(network, styles)
    painter = Painter(network, styles, fast)
    painted = painter.paint([frame])[0]
    if refine:
        return given.refine(painter, frame, painted, started, callback, every)
    return painter.result(painted, frame, started)


def _check_masks(masks: Sequence[Any] | None, count: int, blend: Any) -> None:
    if masks is None:
        return
    if isinstance(masks, str | bytes) or not hasattr(masks, "__len__") or len(masks) != count:
        raise SettingError(
            f"masks: got {type(masks).__name__}, expected a list with a picture for each of {count} styles"
        )
    if blend is not None:
        raise SettingError("blend: got one besides masks; masks say where each style goes, leave it out")
