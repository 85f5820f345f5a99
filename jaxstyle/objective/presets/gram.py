"""Published recipes whose style is Gram matrices, with the weights that their codes have."""

from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.objective.presets.own import STYLE_LAYERS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import absolute
from jaxstyle.optimize.optimizers import LBFGS
from jaxstyle.weights.layout import WIDTHS

# Gatys' and Johnson's L-BFGS has no line search.
_QUASI_NEWTON = LBFGS(1.0, memory=100, line_search=False)


def gatys() -> Recipe:
    """Gatys, Ecker & Bethge 2016, as in their published code: layer weights 1e3 / c^2, L-BFGS from the content.

    c is the number of channels that the layer has in VGG19, even if a narrower network is loaded.
    """
    return Recipe(
        content=(absolute(ContentLoss("relu4_2"), 1.0),),
        style=tuple(absolute(GramLoss(layer), 1e3 / WIDTHS[f"conv{layer[4:]}"] ** 2) for layer in STYLE_LAYERS),
        optimizer=_QUASI_NEWTON,
        steps=500,
        average=0.0,
        clip=False,
    )


def neural_style() -> Recipe:
    """Johnson's neural-style (Lua): Gram matrices divided by the channels too, total variation, from noise.

    Its pixels run to 256; the weights here are for 255. It starts from noise of 0.001 * randn about the mean pixel, we
    from 0.1 * randn about grey.
    """
    return Recipe(
        content=(absolute(ContentLoss("relu4_2"), 5.0),),
        style=tuple(absolute(GramLoss(layer, per_channel=True), 100.0) for layer in STYLE_LAYERS),
        prior=(absolute(TotalVariation(form="corner"), 1e-3 * 255**2),),
        optimizer=_QUASI_NEWTON,
        steps=1000,
        average=0.0,
        clip=False,
        init="noise",
    )


def johnson_perceptual() -> Recipe:
    """The perceptual losses of Johnson, Alahi & Fei-Fei 2016 as an objective; their network is VGG16."""
    return Recipe(
        content=(absolute(ContentLoss("relu3_3"), 1.0),),
        style=tuple(
            absolute(GramLoss(layer, per_channel=True), 5.0) for layer in ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
        ),
        optimizer=_QUASI_NEWTON,
        steps=500,
        average=0.0,
        clip=False,
    )
