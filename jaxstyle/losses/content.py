"""Feature reconstruction: keep what the content picture shows."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.bands import MapLoss


@dataclass(frozen=True)
class ContentLoss(MapLoss):
    """Mean squared difference of features, `mean((F - P)^2)`: F of the generated picture, P of the content.

    Gatys, Ecker & Bethge 2016 ("Image Style Transfer Using Convolutional Neural Networks"), eq. 1, has
    `1/2 sum((F - P)^2)`; like Gatys' published code this is the mean, so the value does not grow with the picture.

    Attributes:
        layer: name of the layer whose activations are compared.
    """

    layer: str = "relu4_2"
    kind: ClassVar[str] = "content"

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """The content's features, unchanged."""
        return features

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "h w c"]) -> Float[Array, ""]:
        """Mean squared difference, `mean((features - target)^2)`."""
        return jnp.mean((features - target) ** 2)
