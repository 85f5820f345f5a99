"""`stylize_fast`, the one-call interface of fast networks: pictures in, picture out, in one forward pass."""

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
    plan: Plan | None = None,
    callback: Callback | None = None,
    every: int = 10,
) -> Result:
    """Paint the content picture in the style of one or more pictures in one forward pass, and optionally refine it.

    Pictures are given in any form that `stylize` accepts. A saved result contains its settings, from which
    `jaxstyle rerun` makes it again.

    Example:
        >>> stylize_fast("photo.jpg", "painting.jpg", model="magenta").save("out.png")
        >>> stylize_fast("photo.jpg", "painting.jpg", model="magenta", refine=50, refine_model="imagenet")

    Args:
        content: the picture whose scene is kept.
        style: a picture, or a list of pictures. For a network that was trained for one style (Johnson-type): None, or
            the picture of that style if the result is refined.
        model: the fast network, in any form that `load_fast` accepts: "magenta", a path, a network, or a function that
            returns one, which is called after the pictures and settings were checked.
        size: long edge of the result in pixels; by default as for `stylize`.
        style_size: long edge of the styles in pixels; larger styles give broader strokes. By default the size that the
            network requires (Magenta: 256), else the result's size. A refinement uses the styles at the result's size.
        strength: in [0, 1]. 1 applies the style in full, 0 keeps as much of the content as the network can.
        blend: the weight of each style; equal by default.
        color: how colours are treated, as for `stylize`: "style", "luminance", "cholesky", "pca", "symmetric",
            "histogram" or "affine". By default the recipe's, or "style" without a recipe.
        masks: one grey picture for each style, white where that style is painted in the content; grey mixes softly.
            Only for networks that transform statistics of features (AdaIN, WCT).
        refine: the number of optimisation steps that start from the fast result; 0 for none.
        refine_model: the feature network of the refinement, in any form that `load_vgg19` accepts: "imagenet",
            "embedded", a path, ...
        recipe: losses, weights and optimiser of the refinement; by default those of `stylize`. Its pyramid is not used.
        plan: how the refinement is computed, as for `stylize`.
        callback: called with `Progress` during the refinement, as for `stylize`.
        every: the most steps between two callbacks, at least 1.

    Raises:
        SettingError: a setting is not usable. ImageError: a picture is not usable. WeightsError: a network is not.
    """
    started = time.perf_counter()
    color = color or (recipe.color if isinstance(recipe, Recipe) else "style")
    fast = FastSettings(style_size, strength, blend, color)
    if not is_whole(every, 1):
        raise SettingError(f"every: got {every!r}, expected at least 1 step between two reports")
    given = Refine(refine, refine_model, recipe, plan)
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
