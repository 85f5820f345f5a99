"""The region loss: keep the object where it is, as a localization network sees it."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses.base import Loss
from jaxstyle.saliency.activations import AggregatedActivations
from jaxstyle.saliency.component import largest_component
from jaxstyle.saliency.localizer import as_localizer
from jaxstyle.saliency.mask import Mask

Maps = tuple[Float[Array, "_h _w _c"], ...]
THRESHOLD = 0.5
"""Threshold of a map: above it is the object. SCDA's own for `AggregatedActivations`."""


@dataclass(frozen=True)
class RegionLoss(Loss):
    """Mean squared difference of two localization maps: `sum(w (m(x) - m(content))^2) / sum(w)`, in [0, 1].

    Liu, Xu, Ye, Zhang, Weng, Chang & Tang 2019 ("Image Neural Style Transfer With Preserving the Salient Regions", IEEE
    Access 7) minimise content + style + region loss, the last from a localization network, so that the result's salient
    regions are the content's. Only the abstract could be read: that the distance is the mean square, and w, are our
    reading, not theirs. Any localizer can take the network's place.

    With `largest`, w is 0 on the parts of the content above 1/2 that do not hang together with the largest, and 1
    elsewhere: SCDA (see `AggregatedActivations`) drops these as noise, so nothing is asked of the picture there. w is
    made of the content alone and constant.

    In a recipe like `presets.default()`, beside a content loss of weight 1, the weight 1 is enough; more costs style
    and gains little (`benchmarks/region_loss.py`). Map and loss depend on the whole picture: it cannot be computed in
    bands (`Plan.rows`).

    Attributes:
        localizer: of `jaxstyle.saliency`, its kind or settings, or a function `image -> map (h, w)` in [0, 1].
        largest: see above.

    Raises:
        SettingError: no localizer, or a `Mask`, which is the same for every picture: the loss would be 0.
    """

    localizer: Any = field(default_factory=AggregatedActivations)
    largest: bool = True
    kind: ClassVar[str] = "region"

    def __post_init__(self) -> None:
        object.__setattr__(self, "localizer", as_localizer(self.localizer))
        if isinstance(self.localizer, Mask):
            raise SettingError(
                "localizer: a mask is the same for every picture, so there is no distance; use SalientContentLoss"
            )
        if not isinstance(self.largest, bool):
            raise SettingError(f"largest: got {self.largest!r}, expected True or False")

    @property
    def layers(self) -> tuple[str, ...]:
        """The localizer's."""
        return self.localizer.layers

    def target(self, features: Maps) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
        """The content's map, and w."""
        found = self.localizer(features)
        if not self.largest:
            return found, jnp.ones_like(found)
        above = found > THRESHOLD
        return found, 1 - (above & ~largest_component(above)).astype(found.dtype)

    def __call__(self, features: Maps, target: tuple[Float[Array, "h w"], Float[Array, "h w"]]) -> Float[Array, ""]:
        """`sum(w (m(features) - m)^2) / sum(w)`."""
        wanted, weight = target
        return jnp.sum(weight * (self.localizer(features) - wanted) ** 2) / jnp.sum(weight)


@dataclass(frozen=True)
class SalientContentLoss(Loss):
    """Content loss where the object is: `sum(m (F - P)^2) / (c sum(m))`, m the content's map, c channels.

    The mean squared difference of features (`ContentLoss`), each position weighted by the localization map of the
    content, resized to the layer's size (bilinear). What is outside the object is left to the style. Ours, in the sense
    of `RegionLoss`; m is made of the content alone and constant. 0 where the map is 0 everywhere.

    Attributes:
        content_layer: where features are compared.
        localizer: as for `RegionLoss`, or a `Mask`.

    Raises:
        SettingError: no localizer.
    """

    content_layer: str = "relu4_2"
    localizer: Any = field(default_factory=AggregatedActivations)
    kind: ClassVar[str] = "salient_content"

    def __post_init__(self) -> None:
        object.__setattr__(self, "localizer", as_localizer(self.localizer))

    @property
    def layers(self) -> tuple[str, ...]:
        """The features' layer, then the localizer's."""
        return (self.content_layer, *self.localizer.layers)

    def target(self, features: Maps) -> tuple[Float[Array, "h w c"], Float[Array, "h w"]]:
        """The content's features, and its map."""
        own, *rest = features
        found = jax.image.resize(self.localizer(tuple(rest)), own.shape[:2], "linear")
        return own, jnp.maximum(found, 0)

    def __call__(self, features: Maps, target: tuple[Float[Array, "h w c"], Float[Array, "h w"]]) -> Float[Array, ""]:
        """`sum(m (features - target)^2) / (c sum(m))`."""
        wanted, weight = target
        squares = jnp.mean((features[0] - wanted) ** 2, axis=-1)
        return jnp.sum(weight * squares) / jnp.maximum(jnp.sum(weight), jnp.finfo(weight.dtype).tiny)
