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
"""Positions where a map is above this value belong to the object. For `AggregatedActivations` it is SCDA's own rule."""


@dataclass(frozen=True)
class RegionLoss(Loss):
    """Mean squared difference of two localization maps: `sum(w (m(x) - m(content))^2) / sum(w)`, in [0, 1].

    Liu, Xu, Ye, Zhang, Weng, Chang & Tang 2019 ("Image Neural Style Transfer With Preserving the Salient Regions", IEEE
    Access 7) minimise content + style + region loss, the last from a localization network, so that the result's salient
    regions are the content's. We could read only the abstract: the mean squared distance and the weights w are our
    interpretation. Any localizer can take the network's place.

    With `largest`, w is 0 at positions where the content's map is above 1/2 but that are outside its largest connected
    component, and 1 elsewhere. SCDA (see `AggregatedActivations`) drops the smaller components as noise, so the loss
    ignores them. w depends on the content alone and is constant.

    In a recipe like `presets.default()`, beside a content loss of weight 1, a weight of 1 is enough; more weakens the
    style and gains little (`benchmarks/region_loss.py`). The map depends on the whole picture, so this loss cannot be
    computed in bands of rows (`Plan.rows`).

    Attributes:
        localizer: a localizer of `jaxstyle.saliency`, its kind or its settings, or a function `image -> map (h, w)` in
            [0, 1].
        largest: whether to ignore all components of the content's map but the largest, see above.

    Raises:
        SettingError: `localizer` is none, or is a `Mask`, which is the same for every picture: the loss would be 0.
            Or `largest` is no bool.
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
        """Names of the layers that the localizer needs."""
        return self.localizer.layers

    def target(self, features: Maps) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
        """The content's localization map, and the weights w."""
        found = self.localizer(features)
        if not self.largest:
            return found, jnp.ones_like(found)
        above = found > THRESHOLD
        return found, 1 - (above & ~largest_component(above)).astype(found.dtype)

    def __call__(self, features: Maps, target: tuple[Float[Array, "h w"], Float[Array, "h w"]]) -> Float[Array, ""]:
        """Weighted mean squared difference of the maps, `sum(w (m(features) - m)^2) / sum(w)`."""
        wanted, weight = target
        return jnp.sum(weight * (self.localizer(features) - wanted) ** 2) / jnp.sum(weight)


@dataclass(frozen=True)
class SalientContentLoss(Loss):
    """Content loss inside the object: `sum(m (F - P)^2) / (c sum(m))`, with m the content's map and c channels.

    It is the mean squared difference of features (`ContentLoss`), with each position weighted by the localization map
    of the content, resized to the layer's size (bilinear). Outside the object the style is free. This loss is our own,
    in the spirit of `RegionLoss`. m depends on the content alone and is constant. Where it is 0 everywhere, so is the
    loss.

    Attributes:
        content_layer: name of the layer whose activations are compared.
        localizer: as for `RegionLoss`, or a `Mask`.

    Raises:
        SettingError: `localizer` is none.
    """

    content_layer: str = "relu4_2"
    localizer: Any = field(default_factory=AggregatedActivations)
    kind: ClassVar[str] = "salient_content"

    def __post_init__(self) -> None:
        object.__setattr__(self, "localizer", as_localizer(self.localizer))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers it needs: `content_layer`, then the localizer's."""
        return (self.content_layer, *self.localizer.layers)

    def target(self, features: Maps) -> tuple[Float[Array, "h w c"], Float[Array, "h w"]]:
        """The content's features, and its localization map at their size."""
        own, *rest = features
        found = jax.image.resize(self.localizer(tuple(rest)), own.shape[:2], "linear")
        return own, jnp.maximum(found, 0)

    def __call__(self, features: Maps, target: tuple[Float[Array, "h w c"], Float[Array, "h w"]]) -> Float[Array, ""]:
        """Weighted mean squared difference of features, `sum(m (features - target)^2) / (c sum(m))`."""
        wanted, weight = target
        squares = jnp.mean((features[0] - wanted) ** 2, axis=-1)
        return jnp.sum(weight * squares) / jnp.maximum(jnp.sum(weight), jnp.finfo(weight.dtype).tiny)
