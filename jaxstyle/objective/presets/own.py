"""jaxstyle's own recipes: for most pictures, for faces, and for the networks that come with it."""

from dataclasses import replace

from jaxstyle.losses import ContentLoss, GramLoss, LuminanceLoss, TotalVariation
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import LBFGS
from jaxstyle.optimize.pyramid import Pyramid

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""The five layers of Gatys et al. 2016."""


def default(*, content_layers: tuple[str, ...] = ("relu4_2",), style_layers: tuple[str, ...] = STYLE_LAYERS) -> Recipe:
    """jaxstyle's own: Gatys' losses, each relative to its target's size, coarse to fine, by L-BFGS from the content.

    The style terms' weights sum to 1, so `style_weight` means the same for every choice of layers: 1 is light, 3
    medium, 10 full. Pictures are optimised at 128 pixels first, then at 256 and so on: strokes are as large as the
    network's receptive fields at the first size, and grow with the picture. docs/defaults.md shows what else was tried.
    """
    return Recipe(
        content=tuple(Term(ContentLoss(layer), 1 / len(content_layers)) for layer in content_layers),
        style=tuple(Term(GramLoss(layer), 1 / len(style_layers)) for layer in style_layers),
        prior=(Term(TotalVariation(), 4.0, relative=False),),
        style_weight=10.0,
        optimizer=LBFGS(line_search=False),
        steps=100,
        average=0.0,
        clip=False,
        pyramid=Pyramid(smallest=128),
    )


def portrait() -> Recipe:
    """`default` for faces: half the style weight, and a loss that keeps the content's light and shade."""
    base = default()
    return replace(base, content=(*base.content, Term(LuminanceLoss(), 1.0)), style_weight=5.0)


def embedded() -> Recipe:
    """Recipe for networks that come with jaxstyle: shallow layers, far more style weight, L-BFGS for less noise."""
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
