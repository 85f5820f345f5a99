"""`artwork`, the whole pipeline in one call: content abstraction, style transfer, colour quantisation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxstyle.artworks.stages import Stages
from jaxstyle.image import Picture, read_picture
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.preprocess import Quantized
from jaxstyle.preprocess.abstraction import Statistic
from jaxstyle.preprocess.dither import Dither
from jaxstyle.transfer.api import stylize
from jaxstyle.transfer.inputs import sized
from jaxstyle.transfer.progress import Callback
from jaxstyle.transfer.result import Result, describe


@dataclass(frozen=True)
class Artwork:
    """A finished artwork.

    Attributes:
        pictures: {stage: its picture (h, w, 3), RGB in [0, 1]} for the stages that were on, in the order of `STAGES`.
        result: the result of the transfer, but with the picture of the last stage as its image. Its settings say which
            stages were on.
        quantized: the picture of the stage "after_quantize" with its palette and labels, for `save_indexed`; None if
            that stage was off.
    """

    pictures: dict[str, Float[np.ndarray, "h w 3"]]
    result: Result
    quantized: Quantized | None = None


def artwork(
    content: Any,
    style: Any,
    *,
    model: VGG19 | str | Path | Callable[[], VGG19],
    superpixels: int | None = None,
    compactness: float = 10.0,
    statistic: Statistic = "mean",
    merge: float | None = None,
    quantize: int | None = None,
    after_quantize: int | None = None,
    dither: Dither | None = None,
    recipe: Recipe | None = None,
    size: int | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    callback: Callback | None = None,
    every: int = 10,
    **settings: Any,
) -> Artwork:
    """Simplify the content, paint it in the style, and reduce the colours of the painting.

    The transfer is always done; every other stage is on if its setting is given. The content is resized to `size`
    first, so that the number of regions is that of the result. Its transparency is kept. The last picture before the
    transfer is the content picture of the transfer: the content losses compare with it, and by default the optimisation
    starts from it.

    Args:
        content: the picture whose scene is kept, in any form that `stylize` accepts.
        style: a picture, or a list of pictures.
        model: the network, as for `stylize`.
        superpixels: before the transfer, divide the content into about this number of regions (at least 1), and paint
            each in one colour.
        compactness: the compactness of these regions; see `jaxstyle.preprocess.superpixels`.
        statistic: the colour of a region: the "mean" or the "median" of its pixels.
        merge: merge neighbouring regions whose colours are nearer than this distance; see `merge_regions`.
        quantize: before the transfer, reduce the content to this number of colours, from 1 to 256; see
            `quantize_colors`.
        after_quantize: reduce the result to this number of colours, from 1 to 256.
        dither: how both quantisations dither: "floyd_steinberg" or "ordered"; None for no dithering.
        recipe, size, seed, plan, callback, every: as for `stylize`. The seed is used for both quantisations too.
        settings: further arguments of `stylize`, such as `steps` and `style_weight`.

    Raises:
        SettingError: a setting is not usable. ImageError: a picture is not usable. WeightsError: the network is not.
    """
    stages = Stages(superpixels, compactness, statistic, merge, quantize, after_quantize, dither)
    original = read_picture(content, name="content")
    picture = sized(original, size, content)
    pictures = stages.before(picture.rgb, seed)
    result = stylize(
        _with_alpha(Picture(list(pictures.values())[-1], picture.alpha)),
        style,
        model=model,
        recipe=recipe,
        seed=seed,
        plan=plan,
        callback=callback,
        every=every,
        **settings,
    )
    pictures["transfer"] = result.image
    source = describe(content, original)
    if "superpixels" not in pictures and "quantize" not in pictures:
        result = replace(result, settings=result.settings | {"content": source})
    return _finish(pictures, result, stages, source)


def _with_alpha(picture: Picture) -> np.ndarray:
    return picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])


def _finish(pictures: dict[str, Any], result: Result, stages: Stages, source: dict[str, Any]) -> Artwork:
    """Do the last stage, and add the settings of all stages to the result."""
    quantized = stages.after(result.image, int(result.settings["seed"]))
    settings = result.settings | {"artwork": {"content": source} | stages.to_dict()}
    if quantized is None:
        return Artwork(pictures, replace(result, settings=settings))
    pictures = pictures | {"after_quantize": quantized.image}
    return Artwork(pictures, replace(result, image=quantized.image, settings=settings), quantized)
