"""The pipeline in one call: content abstraction, style transfer, quantisation."""

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
        pictures: {stage: RGB in [0, 1]} in the order of `STAGES`, of the stages that were on.
        result: of the transfer; its image is the last stage's picture, its settings say which stages were on.
        quantized: the last stage's palette and labels, for `save_indexed`; None where it was off.
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
    """Make the content simpler, paint it in the style, and make the painting simpler; each stage on or off.

    The content is brought to `size` first, so that numbers of regions are those of the result, and keeps its
    transparency. The last picture before the transfer is both what the content losses compare with and where the run
    starts.

    Args:
        content: the picture whose scene is kept, as `stylize` takes it.
        style: a picture, or a list of pictures.
        model: as for `stylize`.
        superpixels: paint about so many regions of the content in one colour each, before the transfer.
        compactness: of those regions; see `jaxstyle.preprocess.superpixels`.
        statistic: the colour of a region: "mean" or "median".
        merge: then make neighbouring regions one whose colours are nearer than this; see `merge_regions`.
        quantize: paint the content in so many colours, before the transfer; see `quantize_colors`.
        after_quantize: paint the result in so many colours.
        dither: how both quantisations dither; not at all when not given.
        recipe, size, seed, plan, callback, every: as for `stylize`. The seed is that of quantisation too.
        settings: all others of `stylize`, such as `steps` and `style_weight`.

    Raises:
        SettingError: a setting that does not fit. ImageError: a picture that cannot be used. WeightsError: the network.
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
    """The last stage, and what a saved file says of all of them."""
    quantized = stages.after(result.image, int(result.settings["seed"]))
    settings = result.settings | {"artwork": {"content": source} | stages.to_dict()}
    if quantized is None:
        return Artwork(pictures, replace(result, settings=settings))
    pictures = pictures | {"after_quantize": quantized.image}
    return Artwork(pictures, replace(result, image=quantized.image, settings=settings), quantized)
