"""Named recipes: jaxstyle's own, and those of the field's papers and tools.

Published weights belong to the networks they were published with: Caffe's VGG19 ("imagenet"), but torchvision's VGG19
for crowsonkb, and VGG16 where a preset says so. Here they are given for pixels in [0, 1], and act on the features of
whatever network is loaded.
"""

from collections.abc import Callable
from dataclasses import replace

from jaxstyle.errors import SettingError, suggest
from jaxstyle.losses import (
    ContentLoss,
    GaussianWassersteinLoss,
    GramLoss,
    HypercolumnMomentLoss,
    LuminanceLoss,
    NearestNeighbourLoss,
    PaletteLoss,
    RelaxedEMDLoss,
    SelfSimilarityLoss,
    SlicedWassersteinLoss,
    TotalVariation,
)
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.optimize.pyramid import Pyramid
from jaxstyle.weights.catalogue import SHIPPED
from jaxstyle.weights.layout import WIDTHS

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""The five layers of Gatys et al. 2016."""
_SHALLOW = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3")
HYPERCOLUMN = ("input", *_SHALLOW, "relu4_3", "relu5_3")
"""The layers of STROTSS, which uses those of VGG16."""


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


def gatys() -> Recipe:
    """Gatys, Ecker & Bethge 2016, as in their published code: layer weights 1e3 / c^2, L-BFGS from the content.

    c is the number of channels that the layer has in VGG19, even if a narrower network is loaded.
    """
    return Recipe(
        content=(_absolute(ContentLoss("relu4_2"), 1.0),),
        style=tuple(_absolute(GramLoss(layer), 1e3 / WIDTHS[f"conv{layer[4:]}"] ** 2) for layer in STYLE_LAYERS),
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
        content=(_absolute(ContentLoss("relu4_2"), 5.0),),
        style=tuple(_absolute(GramLoss(layer, per_channel=True), 100.0) for layer in STYLE_LAYERS),
        prior=(_absolute(TotalVariation(form="corner"), 1e-3 * 255**2),),
        optimizer=_QUASI_NEWTON,
        steps=1000,
        average=0.0,
        clip=False,
        init="noise",
    )


def crowsonkb() -> Recipe:
    """crowsonkb/style-transfer-pytorch: Gaussian Wasserstein-2, Adam, averaged iterate, sizes from 128 by sqrt(2).

    It takes 1000 steps at the first size and 500 at each other, as the original does. The original's sizes count down
    from the picture's own, ours up from 128; a picture so small that it has one size takes 500 steps here.
    """
    shares = (256, 64, 16, 4, 1)
    return Recipe(
        content=(_absolute(ContentLoss("relu4_2"), 0.015),),
        style=tuple(
            _absolute(GaussianWassersteinLoss(layer), share / sum(shares))
            for layer, share in zip(STYLE_LAYERS, shares, strict=True)
        ),
        prior=(_absolute(TotalVariation(form="replicate"), 2.0),),
        optimizer=Adam(0.02, b1=0.9, b2=0.99),
        steps=500,
        average=0.99,
        pooling="max",
        first_padding="replicate",
        pyramid=Pyramid(smallest=128, ratio=2**0.5, first_steps=2.0),
    )


def johnson_perceptual() -> Recipe:
    """The perceptual losses of Johnson, Alahi & Fei-Fei 2016 as an objective; their network is VGG16."""
    return Recipe(
        content=(_absolute(ContentLoss("relu3_3"), 1.0),),
        style=tuple(
            _absolute(GramLoss(layer, per_channel=True), 5.0) for layer in ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
        ),
        optimizer=_QUASI_NEWTON,
        steps=500,
        average=0.0,
        clip=False,
    )


def strotss(*, alpha: float = 2.0) -> Recipe:
    """STROTSS (Kolkin, Salavon & Shakhnarovich 2019): sizes from 64 by 2, alpha halved at each, from 16 to 2 at 512.

    The total is `(alpha L_dp + REMD + L_moment + palette / max(alpha, 1)) / (alpha + 2)`, where alpha is the last
    size's content weight. At the other sizes only the weight of the first term differs. Adam is not affected by the
    denominator, but the palette weighs more than in the paper. STROTSS draws new positions at every step, optimises a
    Laplacian pyramid, and starts from the content's highest frequencies on the style's mean colour. Here positions are
    fixed, so there are more of them, the picture itself is optimised, and it starts from the content. The authors'
    network is VGG16.
    """
    total = alpha + 2
    return Recipe(
        content=(_absolute(SelfSimilarityLoss(HYPERCOLUMN), alpha / total),),
        style=(
            _absolute(RelaxedEMDLoss(HYPERCOLUMN, samples=4096), 1 / total),
            _absolute(HypercolumnMomentLoss(HYPERCOLUMN, samples=4096), 1 / total),
            _absolute(PaletteLoss(samples=4096), 1 / max(alpha, 1.0) / total),
        ),
        prior=(Term(TotalVariation(), 0.5, relative=False),),
        optimizer=Adam(0.01),
        steps=250,
        average=0.9,
        pyramid=Pyramid(smallest=64, content_decay=2.0),
    )


def nnst() -> Recipe:
    """Neural Neighbor Style Transfer's final pass (Kolkin et al. 2022): one nearest-neighbour loss per layer.

    It runs at all sizes from 64 by 2, where the authors' other passes match hypercolumns. The content is kept only by
    starting from it. The authors' network is VGG16.
    """
    layers = (*_SHALLOW, "relu4_1", "relu4_2", "relu4_3")
    return Recipe(
        content=(),
        style=tuple(_absolute(NearestNeighbourLoss((layer,)), 1.0) for layer in layers),
        prior=(Term(TotalVariation(), 0.5, relative=False),),
        optimizer=Adam(0.01),
        steps=200,
        average=0.9,
        pyramid=Pyramid(smallest=64),
    )


def sliced_wasserstein() -> Recipe:
    """A Sliced Wasserstein Loss for Neural Texture Synthesis (Heitz et al. 2021), from the content picture."""
    layers = [f"relu{block}_{i}" for block, n in ((1, 2), (2, 2), (3, 4), (4, 4)) for i in range(1, n + 1)]
    return Recipe(
        content=(),
        style=tuple(_absolute(SlicedWassersteinLoss(layer), 1.0) for layer in layers),
        optimizer=LBFGS(),
        steps=100,
        average=0.0,
        clip=False,
    )


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
    )
}
"""{name: function}: the presets, by the names that `load_recipe` and the command line take."""

# Gatys' and Johnson's L-BFGS has no line search.
_QUASI_NEWTON = LBFGS(1.0, memory=100, line_search=False)


def preset(name: str) -> Recipe:
    """Return the preset of that name. Raises SettingError if there is none, suggesting the nearest name."""
    if name not in PRESETS:
        raise SettingError(f"recipe: there is no preset {name!r}; {suggest(name, PRESETS)}")
    return PRESETS[name]()


def recipe_for(name: str) -> Recipe:
    """Recipe that `stylize` uses if none is given: `embedded` for networks that come with jaxstyle, else `default`."""
    return embedded() if name in SHIPPED else default()


def _absolute(loss: object, weight: float) -> Term:
    """Make a term whose value is that of the published formula, not relative to its target."""
    return Term(loss, weight, relative=False)  # type: ignore[arg-type]
