"""Held-out layers: judge results by layers of the network that no recipe optimised."""

from collections.abc import Iterable, Sequence

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import layers_of
from jaxstyle.networks.model import check_layers
from jaxstyle.networks.vgg import VGG, block_of
from jaxstyle.objective.recipe import Recipe

ORDER = ("2", "3", "4", "1")
"""The order in which a block's layers are tried: the usual recipes optimise the first and leave the second free."""
CONTENT = "relu4_2"
"""The layer that counts as the content layer of a recipe without content terms."""

Layers = tuple[str, ...]


def held_out(
    recipes: Recipe | Sequence[Recipe], model: VGG, shapes: Iterable[tuple[int, ...]] = ()
) -> tuple[Layers, Layers]:
    """The layers to measure content and style at: (content layers, style layers), each in the network's order.

    Only layers that no content or style term of any recipe uses are chosen. For style it is one layer of each block:
    relu1_2, relu2_2, relu3_2, relu4_2, relu5_2, or the third, fourth or first layer of a block whose second one is
    used. For content it is the layer nearest to each recipe's deepest content layer, or the shallower of two nearest
    ones. A recipe without content terms counts as one with relu4_2.

    If the recipes use every layer there is, none can be held out: then all layers may be chosen.

    Args:
        recipes: one recipe, or all that are to be compared: numbers from different layers cannot be compared.
        model: the network. Layers that it does not have are not chosen.
        shapes: (height, width, ...) of the pictures. Layers that one of them is too small for are not chosen.

    Example:
        >>> held_out(presets.default(), model)
        (('relu4_3',), ('relu1_2', 'relu2_2', 'relu3_2', 'relu4_3', 'relu5_2'))

    Raises:
        SettingError: there is no recipe, or something that is not a recipe.
        ImageError: a picture is too small for every layer.
    """
    given = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    for recipe in given:
        if not isinstance(recipe, Recipe):
            raise SettingError(f"recipes: got {type(recipe).__name__}, expected Recipes, such as presets.default()")
    if not given:
        raise SettingError("recipes: got none, expected at least one")
    reached = reachable(model, shapes)
    terms = [term for recipe in given for term in (*recipe.content, *recipe.style)]
    used = {_after_relu(layer) for term in terms for layer in layers_of(term.loss)}
    free = [layer for layer in reached if layer not in used] or list(reached)
    content = {_nearest(_content_layer(recipe, model), free, model) for recipe in given}
    return tuple(layer for layer in reached if layer in content), _one_of_each_block(free)


def reachable(model: VGG, shapes: Iterable[tuple[int, ...]]) -> Layers:
    """The network's ReLU layers that pictures of all `shapes` are large enough for. ImageError if there are none."""
    sizes = [tuple(shape) for shape in shapes]
    layers = [layer for layer in model.layers if layer.startswith("relu") and not layer.endswith("_aux")]
    found = tuple(layer for layer in layers if all(_fits(model, layer, size) for size in sizes))
    for size in sizes if not found else ():
        check_layers(model, layers[:1], size)
    return found


def _fits(model: VGG, layer: str, shape: tuple[int, ...]) -> bool:
    try:
        check_layers(model, (layer,), shape)
    except ImageError:
        return False
    return True


def _content_layer(recipe: Recipe, model: VGG) -> str:
    """The deepest layer of the recipe's content terms that the network has; `CONTENT` if there is none."""
    layers = [_after_relu(layer) for term in recipe.content for layer in layers_of(term.loss)]
    known = [layer for layer in layers if layer.startswith("relu") and layer in model.layers]
    return max(known, key=model.layers.index, default=CONTENT)


def _after_relu(layer: str) -> str:
    """The layer itself, or for a convolution the ReLU after it."""
    return f"relu{layer[4:]}" if layer.startswith("conv") else layer


def _nearest(layer: str, free: Sequence[str], model: VGG) -> str:
    relus = [name for name in model.layers if name.startswith("relu") and not name.endswith("_aux")]
    depths = {name: depth for depth, name in enumerate(relus)}
    depth = depths.get(layer.removesuffix("_aux"), len(relus))
    return min(free, key=lambda name: (abs(depths[name] - depth), depths[name]))


def _one_of_each_block(free: Sequence[str]) -> Layers:
    blocks: dict[int, list[str]] = {}
    for layer in free:
        blocks.setdefault(block_of(layer), []).append(layer)
    return tuple(min(layers, key=lambda layer: ORDER.index(layer[-1])) for layers in blocks.values())
