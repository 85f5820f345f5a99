"""Gram matrices: which features occur together, wherever they are."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float


def gram_matrix(features: Float[Array, "h w c"]) -> Float[Array, "c c"]:
    """`F^T F / M` for F (M = h w pixels, c channels): the mean over pixels of products of channels."""
    flat = features.reshape(-1, features.shape[-1])
    wide = jnp.promote_types(features.dtype, jnp.float32)
    return jnp.matmul(flat.T, flat, preferred_element_type=wide) / flat.shape[0]


@dataclass(frozen=True)
class GramLoss:
    """Mean squared difference of Gram matrices: `mean((G - A)^2)` over the c x c entries.

    Gatys et al. 2016, eq. 4, is `sum((M G - M A)^2) / (4 c^2 M^2)`; this is 4 times that, as in Gatys' published
    code. Each Gram matrix is divided by its own number of pixels M, so pictures of different sizes compare.

    Attributes:
        layer: which activation.
        per_channel: divide the Gram matrices by the number of channels c too, as neural-style and Johnson et al. 2016
            do; the loss is then smaller by c^2, which favours the shallow layers.
    """

    layer: str
    per_channel: bool = False
    kind: ClassVar[str] = "gram"

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "c c"]:
        """The Gram matrix of the style's features."""
        return self._gram(features)

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "c c"]) -> Float[Array, ""]:
        """`mean((G - A)^2)`."""
        return jnp.mean((self._gram(features) - target) ** 2)

    def _gram(self, features: Float[Array, "h w c"]) -> Float[Array, "c c"]:
        return gram_matrix(features) / (features.shape[-1] if self.per_channel else 1)
