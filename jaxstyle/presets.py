"""Named recipes: what jaxstyle does when nobody says otherwise."""

from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.optimizers import LBFGS, Adam
from jaxstyle.recipe import Recipe, Term
from jaxstyle.vgg import VGG19

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""The five layers of Gatys et al. 2016."""


def default(*, content_layers: tuple[str, ...] = ("relu4_2",), style_layers: tuple[str, ...] = STYLE_LAYERS) -> Recipe:
    """jaxstyle's own: Gatys' losses, each relative to its target's size, by Adam from the content picture.

    The style terms' weights sum to 1, so `style_weight` means the same for every choice of layers.
    """
    return Recipe(
        content=tuple(Term(ContentLoss(layer), 1 / len(content_layers)) for layer in content_layers),
        style=tuple(Term(GramLoss(layer), 1 / len(style_layers)) for layer in style_layers),
        prior=(Term(TotalVariation(), 1.0, relative=False),),
        style_weight=10.0,
        optimizer=Adam(0.02),
        steps=300,
        average=0.9,
    )


def embedded() -> Recipe:
    """For random features: shallow layers, far more weight on style, and L-BFGS, which adds less noise than Adam."""
    return Recipe(
        content=(Term(ContentLoss("relu3_2"), 0.1),),
        style=tuple(Term(GramLoss(layer), 1 / 3) for layer in STYLE_LAYERS[:3]),
        prior=(Term(TotalVariation(), 1.0, relative=False),),
        style_weight=60.0,
        optimizer=LBFGS(),
        steps=80,
        average=0.0,
        clip=False,
    )


def recipe_for(model: VGG19) -> Recipe:
    """What `stylize` uses when no recipe is given: `embedded` for the network of that name, else `default`."""
    return embedded() if getattr(model, "name", "") == "embedded" else default()
