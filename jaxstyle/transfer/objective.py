"""`make_objective` for pictures and networks as users have them: paths, names, and objects of any kind."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstyle import objective
from jaxstyle.image import load_mask, read_picture
from jaxstyle.networks.load import as_network
from jaxstyle.networks.model import FeatureModel
from jaxstyle.objective import presets
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.runtime.installation import require_right_numbers
from jaxstyle.transfer.inputs import sized

OneOrMore = Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None


def make_objective(
    model: FeatureModel | str | Path | Callable[[], FeatureModel],
    content: Any,
    styles: Any,
    recipe: Recipe | None = None,
    *,
    blend: Sequence[float] | None = None,
    content_masks: Mapping[str, Any] | None = None,
    style_masks: OneOrMore = None,
    references: Mapping[str, Any] | None = None,
    plan: Plan = Plan(),  # noqa: B008
) -> Objective:
    """Make the objective of one run: a pure function of the image, and a pytree that `jit`, `grad` and `vmap` take.

    Pictures and networks are given as for `stylize`, and resized by its defaults: a content from a file to at most 512
    pixels, styles and references to the content's long edge. Arrays of floats stay as they are, so that gradients
    with respect to them can be computed too.

    Args:
        model: a feature network, or what `load_vgg19` takes ("imagenet-8bit", a path), or a function that returns one.
        content: a picture of shape (h, w, 3) in [0, 1], or what `load_image` reads; the generated one has its size.
        styles: one picture or a list of them; arrays of any sizes.
        recipe: losses and weights; by default the recipe for the network, as for `stylize`.
        blend: weight of each style, at least 0; scaled to sum to 1. Equal by default.
        content_masks: {region: array (h, w) in [0, 1], or a grey picture} of the generated picture.
        style_masks: the same regions of the style, for several styles a list; see `jaxstyle.objective.make_objective`.
        references: further pictures by name, for the terms with `of="name"`.
        plan: how the objective is computed.

    Raises:
        SettingError: a setting is not usable. ImageError: a picture is not usable. WeightsError: the network is not.
        InstallationError: the installed JAX computes wrong numbers.

    Example:
        >>> photo = jaxstyle.load_image("photo.jpg", size=256)
        >>> objective = jaxstyle.make_objective("imagenet-8bit", photo, "painting.jpg")
        >>> total, values = objective(photo)  # values: {"gram/relu3_1": ...}
    """
    require_right_numbers()
    network = as_network(model)
    several = list(styles) if isinstance(styles, list | tuple) else [styles]
    names = [f"styles[{i}]" if len(several) > 1 else "styles" for i in range(len(several))]
    picture = _array(content, "content", None)
    edge = max(picture.shape[:2]) if picture.ndim == 3 else None
    return objective.make_objective(
        network,
        picture,
        [_array(style, name, edge) for style, name in zip(several, names, strict=True)],
        recipe or presets.recipe_for(getattr(network, "name", "")),
        blend=blend,
        content_masks=_masks(content_masks, "content_masks"),
        style_masks=_masks_of_styles(style_masks),
        references={name: _array(each, f"references[{name!r}]", edge) for name, each in (references or {}).items()},
        plan=plan,
    )


def _array(picture: Any, name: str, edge: int | None) -> Any:
    """The picture as an array. Arrays of floats stay as they are; others are resized to the long edge `edge`."""
    if isinstance(picture, jax.Array | np.ndarray) and jnp.issubdtype(picture.dtype, jnp.floating):
        return picture
    return sized(read_picture(picture, name=name), edge, picture).rgb


def _masks(masks: Any, name: str) -> Any:
    """The masks as arrays, {region: (h, w) in [0, 1]}."""
    if not isinstance(masks, Mapping):
        return masks
    return {
        region: mask if isinstance(mask, jax.Array | np.ndarray) else load_mask(mask, name=f"{name}[{region!r}]")
        for region, mask in masks.items()
    }


def _masks_of_styles(masks: OneOrMore) -> Any:
    if masks is None or isinstance(masks, Mapping):
        return _masks(masks, "style_masks")
    return [_masks(each, f"style_masks[{i}]") for i, each in enumerate(masks)]
