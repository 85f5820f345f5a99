"""Values of the authors' own codes, which were run in float64 on the same network, pictures and positions.

STROTSS: nkolkin13/STROTSS at 9a1543a, its VGG16 exchanged for VGG19 with the weights and preprocessing of
"imagenet-8bit", and its random positions for those of `sample_positions`.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from jaxstyle.image import resize
from jaxstyle.losses import HypercolumnMomentLoss, PaletteLoss, RelaxedEMDLoss, SelfSimilarityLoss
from jaxstyle.losses.base import select
from jaxstyle.networks.model import features_of
from jaxstyle.objective.presets import HYPERCOLUMN

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


@pytest.fixture(scope="module")
def features(imagenet):
    """{picture: its activations}; the generated picture is "chelsea"."""
    model = imagenet.prepared(frozenset(HYPERCOLUMN), conv="exact", dtype="float32")
    small = {name: resize(np.float32(getattr(data, name)()) / 255, shape) for name, shape in SHAPES.items()}
    return {name: features_of(model, jnp.asarray(each), set(HYPERCOLUMN)) for name, each in small.items()}


@pytest.mark.parametrize("term", STROTSS)
def test_strotss(features, term):
    source, loss, expected = STROTSS[term]
    target = loss.target(select(loss, features[source]))
    found = loss(select(loss, features["chelsea"]), target)
    assert float(found) == pytest.approx(expected, rel=1e-5)
