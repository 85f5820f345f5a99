"""Named recipes: jaxstyle's own, and those of the field's papers, tools and tutorials.

Published weights belong to the networks they were published with: Caffe's VGG19 ("imagenet"), but torchvision's VGG19
for crowsonkb and PyTorch's tutorial, and VGG16 where a preset says so. Here they are given for pixels in [0, 1], and
act on the features of whatever network is loaded.
"""

from collections.abc import Callable

from jaxstyle.errors import SettingError, suggest
from jaxstyle.objective.presets.distributions import HYPERCOLUMN, crowsonkb, nnst, sliced_wasserstein, strotss
from jaxstyle.objective.presets.gram import gatys, johnson_perceptual, neural_style
from jaxstyle.objective.presets.own import STYLE_LAYERS, default, embedded, portrait
from jaxstyle.objective.presets.tutorials import keras_example, pytorch_tutorial, tensorflow_tutorial
from jaxstyle.objective.recipe import Recipe
from jaxstyle.weights.catalogue import SHIPPED

PRESETS: dict[str, Callable[[], Recipe]] = {
    preset.__name__: preset
    for preset in (
        default,
        portrait,
        embedded,
        gatys,
        neural_style,
        crowsonkb,
        johnson_perceptual,
        strotss,
        nnst,
        sliced_wasserstein,
        tensorflow_tutorial,
        pytorch_tutorial,
        keras_example,
    )
}
"""{name: function}: the presets, by the names that `load_recipe` and the command line take."""


def preset(name: str) -> Recipe:
    """Return the preset of that name. Raises SettingError if there is none, suggesting the nearest name."""
    if name not in PRESETS:
        raise SettingError(f"recipe: there is no preset {name!r}; {suggest(name, PRESETS)}")
    return PRESETS[name]()


def recipe_for(name: str) -> Recipe:
    """Recipe that `stylize` uses if none is given: `embedded` for networks that come with jaxstyle, else `default`."""
    return embedded() if name in SHIPPED else default()


__all__ = ["HYPERCOLUMN", "PRESETS", "STYLE_LAYERS", "preset", "recipe_for", *PRESETS]
