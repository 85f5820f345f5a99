"""The alpha norm: pixels should not be extreme."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number
from jaxstyle.losses.base import Loss


@dataclass(frozen=True)
class AlphaNorm(Loss):
    """Half the sum of powers of what pixels differ from a grey, `1/2 sum |x - centre|^alpha`.

    Mahendran & Vedaldi 2015 ("Understanding Deep Image Representations by Inverting Them"), eq. 3, with their alpha 6:
    almost nothing for usual values, and steep beyond them. It has no target.

    Attributes:
        layer: name of the layer; "input" is the picture.
        alpha: the power, from 2 to 20.
        centre: the grey, from 0 to 1; 0.45 is about the mean of ImageNet's pictures.

    Raises:
        SettingError: `alpha` or `centre` is out of range.
    """

    layer: str = "input"
    alpha: float = 6.0
    centre: float = 0.45
    kind: ClassVar[str] = "alpha_norm"

    def __post_init__(self) -> None:
        for name, (low, high) in {"alpha": (2, 20), "centre": (0, 1)}.items():
            if not is_number(getattr(self, name), low, high):
                raise SettingError(f"{name}: got {getattr(self, name)!r}, expected a number from {low} to {high}")
            object.__setattr__(self, name, float(getattr(self, name)))

    def target(self, features: Float[Array, "h w c"]) -> tuple[()]:
        """An empty tuple: there is no target."""
        return ()

    def __call__(self, features: Float[Array, "h w c"], target: Any = ()) -> Float[Array, ""]:
        """Half the sum of powers."""
        return jnp.sum(jnp.abs(features - self.centre) ** self.alpha) / 2
