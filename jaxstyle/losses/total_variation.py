"""Total variation: neighbouring pixels should be alike."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclass(frozen=True)
class TotalVariation:
    """Mean squared difference of neighbours: `mean(dx^2) + mean(dy^2)` over pixels and channels.

    The squared form of Mahendran & Vedaldi 2015 (beta = 2), averaged instead of summed so that one weight suits every
    size. It needs no target.
    """

    layer: str = "input"
    kind: ClassVar[str] = "total_variation"

    def target(self, features: Float[Array, "h w c"]) -> tuple[()]:
        """Nothing."""
        return ()

    def __call__(self, features: Float[Array, "h w c"], target: tuple[()] = ()) -> Float[Array, ""]:
        """`mean(dx^2) + mean(dy^2)`; a side of one pixel has no differences and adds nothing."""
        dy, dx = features[1:] - features[:-1], features[:, 1:] - features[:, :-1]
        return sum((jnp.mean(d**2) for d in (dx, dy) if d.size), jnp.zeros((), features.dtype))
