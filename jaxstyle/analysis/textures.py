"""Textures: pictures of any size that have a style's statistics and no content (Gatys, Ecker & Bethge 2015)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxstyle import optimize
from jaxstyle.analysis.wrapped import wrap
from jaxstyle.errors import SettingError, check_seed, is_whole
from jaxstyle.image import load_image
from jaxstyle.losses import GramLoss, Loss, layers_of
from jaxstyle.networks.load import as_network
from jaxstyle.networks.model import Adaptable
from jaxstyle.objective.make import make_objective, ready
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.presets import STYLE_LAYERS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import LBFGS
from jaxstyle.runtime.installation import require_right_numbers

Callback = Callable[[int, float], Any]
MakeLoss = Callable[[str], Loss]
LAYERS = STYLE_LAYERS[:4]
EDGES = (16, 8192)


@dataclass(frozen=True)
class Texture:
    """A texture, and how far it came.

    Attributes:
        picture: (h, w, 3), RGB in [0, 1].
        total: (n,), the loss before each step; each layer's part is relative to its style's size.
    """

    picture: Float[np.ndarray, "h w 3"]
    total: Float[np.ndarray, " n"]


def texture(
    model: Any,
    style: Any,
    size: int | tuple[int, int] = 256,
    *,
    layers: Sequence[str] = LAYERS,
    loss: MakeLoss = GramLoss,
    blend: Sequence[float] | None = None,
    tileable: bool = False,
    seed: int = 0,
    steps: int = 200,
    callback: Callback | None = None,
) -> Texture:
    """Make a texture from noise, with the statistics of one style or of several.

    Gatys, Ecker & Bethge 2015 ("Texture Synthesis Using Convolutional Neural Networks"), with average pooling where the
    network can, L-BFGS, and by default the Gram matrices of relu1_1 to relu4_1; theirs are conv1_1 and four pooling
    layers, 2000 evaluations.

    Args:
        model: the network, in any form that `stylize` takes.
        style: a picture in any form that `stylize` takes, or a list of them.
        size: (height, width) in pixels, or the edge of a square, from 16 to 8192.
        layers: names of the layers; more of them, deeper ones, make larger structures.
        loss: function layer -> style loss, such as `GramLoss` or `SlicedWassersteinLoss`.
        blend: share of each style; equal by default.
        tileable: whether copies of the texture fit each other on all sides. Its edges must then be multiples of the
            deepest layer's stride.
        seed: random seed of the noise.
        steps: number of L-BFGS steps, at least 1.
        callback: called with (steps done, total) about every second; if it returns True, the texture is returned as
            it is.

    Raises:
        SettingError: a setting is not usable. ImageError: a style is not usable.

    Example:
        >>> found = texture(model, style, size=(64, 96), tileable=True, steps=2)  # 200 steps for one to look at
        >>> found.picture.shape
        (64, 96, 3)
    """
    shape = _shape(size)
    recipe = _recipe(layers, loss, seed, steps)
    network = _ready(model, recipe)
    given = style if isinstance(style, list | tuple) else [style]
    styles = [load_image(each, name=f"style[{i}]" if len(given) > 1 else "style") for i, each in enumerate(given)]
    grey = np.full((*shape, 3), 0.5, np.float32)
    objective = make_objective(network, grey, styles, recipe, blend=blend)
    if tileable:
        used = {layer for term in recipe.style for layer in layers_of(term.loss)}
        objective = replace(objective, model=wrap(objective.model, used, shape))
    return _painted(objective, _noise(shape, seed), recipe, callback)


def texture_layers(model: Any, style: Any, layers: Sequence[str] = STYLE_LAYERS, **options: Any) -> dict[str, Texture]:
    """Make a texture of the first layer, of the first two, and so on (Gatys et al. 2016, figure 1, style row).

    Returns:
        {the deepest layer: the texture}; further arguments as for `texture`.
    """
    network = as_network(model)
    return {layer: texture(network, style, layers=layers[: i + 1], **options) for i, layer in enumerate(layers)}


def _recipe(layers: Any, loss: MakeLoss, seed: Any, steps: Any) -> Recipe:
    """The recipe of a texture: each layer's loss counts the same."""
    if isinstance(layers, str) or not layers:
        raise SettingError(f"layers: got {layers!r}, expected a tuple of layer names, at least one")
    if not is_whole(steps, 1):
        raise SettingError(f"steps: got {steps!r}, expected a whole number, at least 1")
    check_seed(seed)
    style = tuple(Term(loss(layer), 1 / len(layers)) for layer in layers)
    return Recipe(content=(), style=style, optimizer=LBFGS(), steps=steps, average=0.0, clip=False, init="noise")


def _ready(model: Any, recipe: Recipe) -> Any:
    """The network, with average pooling where it can change its own."""
    require_right_numbers()
    network = as_network(model)
    return ready(network, replace(recipe, pooling="average") if isinstance(network, Adaptable) else recipe, Plan())


def _shape(size: Any) -> tuple[int, int]:
    shape = (size, size) if not isinstance(size, tuple | list) else tuple(size)
    if len(shape) != 2 or not all(is_whole(edge, *EDGES) for edge in shape):
        raise SettingError(f"size: got {size!r}, expected (height, width), each from {EDGES[0]} to {EDGES[1]} pixels")
    return int(shape[0]), int(shape[1])


def _noise(shape: tuple[int, ...], seed: int) -> Any:
    return jnp.clip(0.5 + 0.1 * jax.random.normal(jax.random.key(seed), (*shape, 3)), 0, 1)


def _painted(objective: Any, begin: Any, recipe: Recipe, callback: Callback | None) -> Texture:
    """Minimise the objective from an image."""
    state, totals = optimize.init(begin, recipe.optimizer), []
    for state, info in optimize.chunks(state, objective, recipe.optimizer, recipe.steps, clip=False):  # noqa: B020
        totals.append(info.total)
        if callback is not None and callback(int(state.step), float(info.total[-1])):
            break
    return Texture(np.clip(np.asarray(state.average), 0, 1), np.concatenate(totals))
