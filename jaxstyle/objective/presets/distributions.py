"""Published recipes whose style is a distribution of features other than a Gram matrix."""

from typing import Any

from jaxstyle.losses import (
    ContentLoss,
    GaussianWassersteinLoss,
    HypercolumnMatchLoss,
    HypercolumnMomentLoss,
    NearestNeighbourLoss,
    PaletteLoss,
    RelaxedEMDLoss,
    SelfSimilarityLoss,
    SlicedWassersteinLoss,
    TotalVariation,
)
from jaxstyle.objective.presets.own import STYLE_LAYERS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term, absolute
from jaxstyle.optimize.optimizers import LBFGS, Adam, RMSprop
from jaxstyle.optimize.parametrization import LaplacianPyramid
from jaxstyle.optimize.pyramid import Pyramid

_SHALLOW = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3")
HYPERCOLUMN = ("input", *_SHALLOW, "relu4_3", "relu5_3")
"""The layers of STROTSS, which uses those of VGG16."""


def crowsonkb() -> Recipe:
    """crowsonkb/style-transfer-pytorch: Gaussian Wasserstein-2, Adam, averaged iterate, sizes by sqrt(2).

    The sizes count down from the picture's own to about 128. There are 1000 steps at the first size and 500 at each
    other; the averaged image and Adam's moments go on from size to size. `pooling="scaled_average"` and "scaled_l2" are
    the original's other poolings. The original's average also has the first image of each size in it, with a weight
    below 0.0001 at the end.
    """
    shares = (256, 64, 16, 4, 1)
    return Recipe(
        content=(absolute(ContentLoss("relu4_2"), 0.015),),
        style=tuple(
            absolute(GaussianWassersteinLoss(layer), share / sum(shares))
            for layer, share in zip(STYLE_LAYERS, shares, strict=True)
        ),
        prior=(absolute(TotalVariation(form="replicate"), 2.0),),
        optimizer=Adam(0.02, b1=0.9, b2=0.99),
        steps=500,
        average=0.99,
        pooling="max",
        first_padding="replicate",
        pyramid=Pyramid(smallest=128, ratio=2**0.5, first_steps=2.0, down=True),
    )


def strotss(*, alpha: float = 2.0, balanced: bool = True) -> Recipe:
    """STROTSS (Kolkin, Salavon & Shakhnarovich 2019), as in the authors' code: sizes from 64 by 2.

    At each size the total is `(alpha L_dp + REMD + L_moment + palette / max(alpha, 1)) / (alpha + 2)`. `alpha` is that
    of the last size; it is halved from each size to the next, from 16 at 64 pixels to 2 at 512. New positions are
    drawn at every step, and RMSprop changes a Laplacian pyramid, at half its rate at the last size. The first size
    begins with the content's highest frequencies on the style's mean colour, and the others but the last add those of
    their own. The authors' network is torchvision's VGG16: for that one, `balanced=False` is as published. For others
    the layers are divided by their sizes, see `HypercolumnLoss`. docs/methods.md says what still differs.
    """
    total = alpha + 2
    drawn: Any = {"samples": 1024, "fresh": True}
    content: Any = drawn | {"corners": True, "balanced": balanced}
    style: Any = content | {"style_samples": 5000}
    return Recipe(
        content=(Term(SelfSimilarityLoss(HYPERCOLUMN, **content), alpha / total, relative=False, growth=0.5),),
        style=(
            absolute(RelaxedEMDLoss(HYPERCOLUMN, **style), 1 / total),
            absolute(HypercolumnMomentLoss(HYPERCOLUMN, **style), 1 / total),
            Term(PaletteLoss(style_samples=5000, **drawn), 1 / max(alpha, 1.0) / total, relative=False, growth=2.0),
        ),
        optimizer=RMSprop(0.002),
        steps=250,
        average=0.0,
        clip=False,
        init="detail",
        pyramid=Pyramid(smallest=64, last_rate=0.5, growing="detail"),
        parametrization=LaplacianPyramid(5, corners=True),
    )


def nnst(*, alpha: float = 0.75, balanced: bool = True) -> Recipe:
    """Neural Neighbor Style Transfer (Kolkin et al. 2022), as in the authors' code: sizes from 64 by 2.

    At each size the style's nearest hypercolumns are found once, and the picture comes to have them
    (`HypercolumnMatchLoss`): nearest to the content, at later sizes to a mix of `alpha` of the content and the rest of
    the size's first image. The final pass takes the nearest features of each layer by itself, at new positions in
    every step. Adam changes a Laplacian pyramid. At the end the result gets the content's hues, with the style's
    statistics: `color="style"` keeps those of the picture, as the authors' option does. Their network is torchvision's
    VGG16: for that one, `balanced=False` is as published. docs/methods.md says what still differs.
    """
    layers = (*_SHALLOW, "relu4_1", "relu4_2", "relu4_3")
    match = HypercolumnMatchLoss(layers, share=1 - alpha, balanced=balanced)
    near = [NearestNeighbourLoss((layer,), fresh=True, turns=True) for layer in layers]
    return Recipe(
        content=(),
        style=(
            Term(match, relative=False, at="before"),
            *(Term(each, relative=False, at="last") for each in near),
        ),
        optimizer=Adam(0.002),
        steps=200,
        average=0.0,
        clip=False,
        color="affine",
        pyramid=Pyramid(smallest=64, growing="bilinear", final_pass=True),
        parametrization=LaplacianPyramid(8),
    )


def sliced_wasserstein() -> Recipe:
    """A Sliced Wasserstein Loss for Neural Texture Synthesis (Heitz et al. 2021), from the content picture."""
    layers = [f"relu{block}_{i}" for block, n in ((1, 2), (2, 2), (3, 4), (4, 4)) for i in range(1, n + 1)]
    return Recipe(
        content=(),
        style=tuple(absolute(SlicedWassersteinLoss(layer), 1.0) for layer in layers),
        optimizer=LBFGS(),
        steps=100,
        average=0.0,
        clip=False,
    )
