"""Gram matrices: which features occur together, wherever they are."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.losses.bands import Band, StatisticLoss


def gram_matrix(features: Float[Array, "h w c"]) -> Float[Array, "c c"]:
    """Gram matrix `F^T F / M` of features F (M = h w pixels, c channels): mean over pixels of products of channels."""
    return channel_products(features) / (features.shape[0] * features.shape[1])


@jax.custom_jvp
def channel_products(features: Float[Array, "h w c"]) -> Float[Array, "c c"]:
    """Sum over pixels of products of channels, `F^T F`, in float32 or wider."""
    flat = features.reshape(-1, features.shape[-1])
    wide = jnp.promote_types(features.dtype, jnp.float32)
    return jnp.matmul(flat.T, flat, preferred_element_type=wide)


@channel_products.defjvp
def _products_derivative(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Derivative `dF^T F` plus its transpose: one matrix product forward and in reverse, where autodiff has two."""
    (features,), (change,) = primals, tangents
    flat, along = features.reshape(-1, features.shape[-1]), change.reshape(-1, features.shape[-1])
    products = channel_products(features)
    half = (along.T @ flat).astype(products.dtype)  # so bfloat16 features have a product of bfloat16 in reverse too
    return products, half + half.T


@dataclass(frozen=True)
class GramLoss(StatisticLoss):
    """Mean squared difference of Gram matrices: `mean((G - A)^2)` over the c x c entries.

    Gatys et al. 2016, eq. 4, is `sum((M G - M A)^2) / (4 c^2 M^2)`; this is 4 times that, as in Gatys' published
    code. Each Gram matrix is divided by its own number of pixels M, so pictures of different sizes can be compared.

    Attributes:
        layer: name of the layer whose activations are compared.
        per_channel: whether to divide the Gram matrices by the number of channels c too, as neural-style and Johnson
            et al. 2016 do. The loss is then smaller by a factor of c^2, which favours the shallow layers.
    """

    layer: str
    per_channel: bool = False
    kind: ClassVar[str] = "gram"
    blendable: ClassVar[bool] = True
    narrow: ClassVar[bool] = True  # bfloat16 features, float32 sums

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "c c"]:
        """The Gram matrix of the style's features."""
        return self._scaled(gram_matrix(features))

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "c c"]) -> Float[Array, ""]:
        """Mean squared difference of the Gram matrices, `mean((G - A)^2)`."""
        return self.distance(self.target(features), target)

    def sums(self, features: Float[Array, "h w c"], target: Any, band: Band) -> tuple[Array, Array]:
        """A band's sums over pixels of products of channels, and its number of pixels."""
        return channel_products(band.mask(features)), band.total(features.shape[1])

    def statistics(self, sums: tuple[Array, Array], target: Any) -> Float[Array, "c c"]:
        """The Gram matrix, from the sums of a whole picture."""
        return self._scaled(sums[0] / sums[1])

    def distance(self, found: Float[Array, "c c"], target: Float[Array, "c c"]) -> Float[Array, ""]:
        """Mean squared difference of the Gram matrices, `mean((G - A)^2)`."""
        return jnp.mean((found - target) ** 2)

    def _scaled(self, gram: Float[Array, "c c"]) -> Float[Array, "c c"]:
        return gram / (len(gram) if self.per_channel else 1)
