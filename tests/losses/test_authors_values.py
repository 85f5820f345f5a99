"""Values of the authors' own codes, which were run in float64 on the same network, pictures and positions.

STROTSS: nkolkin13/STROTSS at 9a1543a, its VGG16 exchanged for VGG19 with the weights and preprocessing of
"imagenet-8bit", and its random positions for those of `sample_positions`. NNST: nkolkin13/NeuralNeighborStyleTransfer,
on that network too, the final pass at all positions. neural-style: ProGamerGov/neural-style-pt.
crowsonkb/style-transfer-pytorch: but for its style loss, whose roots it computes by 12 steps, see
`GaussianWassersteinLoss`.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from jaxstyle.image import resize
from jaxstyle.losses import (
    ContentLoss,
    GaussianWassersteinLoss,
    GramLoss,
    HypercolumnMatchLoss,
    HypercolumnMomentLoss,
    NearestNeighbourLoss,
    PaletteLoss,
    RelaxedEMDLoss,
    SelfSimilarityLoss,
    TotalVariation,
)
from jaxstyle.losses.base import select
from jaxstyle.networks.model import features_of
from jaxstyle.objective.memo import call
from jaxstyle.objective.presets import HYPERCOLUMN
from jaxstyle.objective.targets import style_targets

NNST_LAYERS = (*HYPERCOLUMN[1:8], "relu4_1", "relu4_2", "relu4_3")
NNST_MATCH = {True: 0.5241064724738328, False: 0.5323696279093326}
NNST_MIXED = 0.5106488943661178
NNST_NEAR = {
    "relu1_1": 0.06695503891602546,
    "relu2_1": 0.22521158829113969,
    "relu3_3": 0.38679572340238233,
    "relu4_3": 0.6213618909050564,
}
SHAPES = {"astronaut": (96, 112), "coffee": (80, 128), "chelsea": (96, 112)}
CONTENT = {"samples": 1024, "corners": True}
STYLE = CONTENT | {"style_samples": 5000}
STROTSS = {
    "L_dp": ("astronaut", SelfSimilarityLoss(HYPERCOLUMN, **CONTENT), 0.1328155237112678),
    "L_dp, drawn": ("astronaut", SelfSimilarityLoss(HYPERCOLUMN, fresh=True, **CONTENT), 0.1328155237112678),
    "REMD": ("coffee", RelaxedEMDLoss(HYPERCOLUMN, **STYLE), 0.41356114006643424),
    "moments": ("coffee", HypercolumnMomentLoss(HYPERCOLUMN, **STYLE), 13163.415288770522),
    "palette": ("coffee", PaletteLoss(samples=1024, style_samples=5000), 0.05926470982297506),
}
NEURAL_STYLE = {
    "content": ("astronaut", ContentLoss("relu4_2"), 1738360.4941130776),
    "relu1_1": ("coffee", GramLoss("relu1_1", per_channel=True), 534.5550491903049),
    "relu2_1": ("coffee", GramLoss("relu2_1", per_channel=True), 35106.46855519661),
    "relu3_1": ("coffee", GramLoss("relu3_1", per_channel=True), 31986.433381648967),
    "relu4_1": ("coffee", GramLoss("relu4_1", per_channel=True), 2260733.619133583),
    "relu5_1": ("coffee", GramLoss("relu5_1", per_channel=True), 1933.6022369029342),
    "total variation": ("coffee", TotalVariation(form="absolute"), 598607.3603566482 / 255),
}
CROWSONKB = {
    "content": ("astronaut", ContentLoss("relu4_2"), 1682347.6897954086),
    "total variation": ("coffee", TotalVariation(form="replicate"), 0.005843215590317327),
}
TWELVE_STEPS = {"relu1_1": 835.685173235933, "relu2_1": 17367.784091043173, "relu5_1": 60512.4737292623}
LAYERS = {*HYPERCOLUMN, "relu4_1", "relu4_2", "relu5_1"}


def small_pictures():
    return [resize(np.float32(getattr(data, name)()) / 255, shape) for name, shape in SHAPES.items()]


def features(model):
    """{picture: its activations}; the generated picture is "chelsea"."""
    ready = model.prepared(frozenset(LAYERS), conv="exact", dtype="float32")
    pairs = zip(SHAPES, small_pictures(), strict=True)
    return {name: features_of(ready, jnp.asarray(each), LAYERS) for name, each in pairs}


def value(found, source, loss):
    return float(loss(select(loss, found["chelsea"]), loss.target(select(loss, found[source]))))


def test_strotss_and_neural_style(imagenet):
    found = features(imagenet)
    for term, (source, loss, expected) in (STROTSS | NEURAL_STYLE).items():
        assert value(found, source, loss) == pytest.approx(expected, rel=1e-5), term


def test_nnst(imagenet):
    """With all positions, and the style's turned copies; in the mix the first image is the generated picture."""
    model = imagenet.prepared(frozenset(NNST_LAYERS), conv="exact", dtype="float32")
    content, style, image = (jnp.asarray(each) for each in small_pictures())
    found = features_of(model, image, set(NNST_LAYERS))

    def nnst(loss, begin=None):
        pair = (("term", loss),)
        target = style_targets(model, style, (content, begin), pair, None, call)["term"]
        return float(loss(select(loss, found), target))

    for turns, expected in NNST_MATCH.items():
        assert nnst(HypercolumnMatchLoss(NNST_LAYERS, turns=turns)) == pytest.approx(expected, rel=1e-5)
    assert nnst(HypercolumnMatchLoss(NNST_LAYERS), image) == pytest.approx(NNST_MIXED, rel=1e-5)
    for layer, expected in NNST_NEAR.items():
        loss = NearestNeighbourLoss((layer,), samples=20000, turns=True)
        assert nnst(loss) == pytest.approx(expected, rel=1e-5), layer


def test_crowsonkb(imagenet):
    found = features(imagenet.with_changes(first_padding="replicate"))
    for term, (source, loss, expected) in CROWSONKB.items():
        assert value(found, source, loss) == pytest.approx(expected, rel=1e-5), term
    for layer, expected in TWELVE_STEPS.items():
        assert 0.92 * expected < value(found, "coffee", GaussianWassersteinLoss(layer)) < expected, layer
