"""Losses: each compares a picture's activations at one or more layers with a target. `LOSSES` lists them by kind."""

from jaxstyle.losses.alpha_norm import AlphaNorm
from jaxstyle.losses.base import LOSSES, Loss, layers_of, register, select
from jaxstyle.losses.content import ContentLoss
from jaxstyle.losses.contextual import ContextualLoss
from jaxstyle.losses.gaussian import GaussianWassersteinLoss
from jaxstyle.losses.gram import GramLoss, gram_matrix
from jaxstyle.losses.histogram import HistogramLoss
from jaxstyle.losses.hypercolumn_match import HypercolumnMatchLoss
from jaxstyle.losses.laplacian import LaplacianLoss
from jaxstyle.losses.luminance import LuminanceLoss
from jaxstyle.losses.mmd import MMDLoss
from jaxstyle.losses.moments import MomentLoss
from jaxstyle.losses.nearest_neighbour import NearestNeighbourLoss
from jaxstyle.losses.preservation import PreservationLoss
from jaxstyle.losses.region import RegionLoss, SalientContentLoss
from jaxstyle.losses.remd import HypercolumnMomentLoss, PaletteLoss, RelaxedEMDLoss
from jaxstyle.losses.self_similarity import SelfSimilarityLoss
from jaxstyle.losses.sliced import SlicedWassersteinLoss
from jaxstyle.losses.total_variation import TotalVariation

__all__ = [
    "LOSSES",
    "AlphaNorm",
    "ContentLoss",
    "ContextualLoss",
    "GaussianWassersteinLoss",
    "GramLoss",
    "HistogramLoss",
    "HypercolumnMatchLoss",
    "HypercolumnMomentLoss",
    "LaplacianLoss",
    "Loss",
    "LuminanceLoss",
    "MMDLoss",
    "MomentLoss",
    "NearestNeighbourLoss",
    "PaletteLoss",
    "PreservationLoss",
    "RegionLoss",
    "RelaxedEMDLoss",
    "SalientContentLoss",
    "SelfSimilarityLoss",
    "SlicedWassersteinLoss",
    "TotalVariation",
    "gram_matrix",
    "layers_of",
    "register",
    "select",
]


_TABLE = (
    AlphaNorm,
    ContentLoss,
    ContextualLoss,
    GaussianWassersteinLoss,
    GramLoss,
    HistogramLoss,
    HypercolumnMatchLoss,
    HypercolumnMomentLoss,
    LaplacianLoss,
    LuminanceLoss,
    MMDLoss,
    MomentLoss,
    NearestNeighbourLoss,
    PaletteLoss,
    PreservationLoss,
    RegionLoss,
    RelaxedEMDLoss,
    SalientContentLoss,
    SelfSimilarityLoss,
    SlicedWassersteinLoss,
    TotalVariation,
)
for _loss in _TABLE:
    register(_loss)
