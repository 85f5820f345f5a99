"""The losses: each is a target and a distance at one layer. `LOSSES` is the table of all of them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.content import ContentLoss
from jaxstyle.losses.contextual import ContextualLoss
from jaxstyle.losses.gaussian import GaussianWassersteinLoss
from jaxstyle.losses.gram import GramLoss, gram_matrix
from jaxstyle.losses.histogram import HistogramLoss
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
    "ContentLoss",
    "ContextualLoss",
    "GaussianWassersteinLoss",
    "GramLoss",
    "HistogramLoss",
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
    "select",
]


@runtime_checkable
class Loss(Protocol):
    """A frozen, hashable dataclass: equal settings compile once.

    It has `layer`, a name such as "relu4_1", and is given that activation (h, w, c) of one picture; or it has
    `layers`, a tuple of names, and is given a tuple of activations. "input" is the RGB picture itself. A loss sees one
    picture: `jax.vmap` makes the batch. It computes in the dtype of its features. One of sums over positions
    says how they are added up in `jaxstyle.losses.bands`, so that huge pictures can be computed in bands.
    """

    kind: ClassVar[str]

    def target(self, features: Any) -> Any:
        """What is remembered of the content or style picture: a pytree of arrays."""
        ...

    def __call__(self, features: Any, target: Any) -> Float[Array, ""]:
        """How far the generated picture's features are from the target."""
        ...


def layers_of(loss: Loss) -> tuple[str, ...]:
    """The activations a loss looks at."""
    return (loss.layer,) if hasattr(loss, "layer") else tuple(loss.layers)  # type: ignore[attr-defined]


def select(loss: Loss, features: Mapping[str, Array]) -> Any:
    """What the loss is given of a picture's activations: one array, or a tuple for a loss with `layers`.

    In float32 or wider: statistics of bfloat16 activations are not worth much. A loss that sees to that itself says so
    with `narrow = True`.
    """
    found = tuple(features[layer] for layer in layers_of(loss))
    if not getattr(loss, "narrow", False):
        found = tuple(each.astype(jnp.promote_types(each.dtype, jnp.float32)) for each in found)
    return found[0] if hasattr(loss, "layer") else found


_TABLE = (
    ContentLoss,
    ContextualLoss,
    GaussianWassersteinLoss,
    GramLoss,
    HistogramLoss,
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
LOSSES: dict[str, type[Loss]] = {loss.kind: loss for loss in _TABLE}
"""{kind: loss}: what recipes call them."""
