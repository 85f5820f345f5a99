"""Feature reconstruction: keep what the content picture shows."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses.bands import MapLoss


@dataclass(frozen=True)
class ContentLoss(MapLoss):
    """Mean squared difference of features, `mean((F - P)^2)`: F of the generated picture, P of the content.

    Gatys, Ecker & Bethge 2016 ("Image Style Transfer Using Convolutional Neural Networks"), eq. 1, has
    `1/2 sum((F - P)^2)`; like Gatys' published code this is the mean, so the value does not grow with the picture.

    Attributes:
        layer: name of the layer whose activations are compared.
        total: whether to take the sum instead of the mean, as Keras' example does.

    Raises:
        SettingError: `total` is not true or false.
    """

    layer: str = "relu4_2"
    total: bool = False
    kind: ClassVar[str] = "content"

    def __post_init__(self) -> None:
        if not isinstance(self.total, bool):
            raise SettingError(f"total: got {self.total!r}, expected true or false")

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """The content's features, unchanged."""
        return features

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "h w c"]) -> Float[Array, ""]:
        """Mean squared difference, `mean((features - target)^2)`, or the sum."""
        squares = (features - target) ** 2
        return jnp.sum(squares) if self.total else jnp.mean(squares)

    def from_sums(self, sums: tuple[Float[Array, ""], Float[Array, ""]], target: Array) -> Float[Array, ""]:
        """The loss of a picture, from its bands' sums of squares and their number."""
        return sums[0] if self.total else super().from_sums(sums, target)
