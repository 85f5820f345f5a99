"""CFSD: whether the parts of a picture resemble each other as the parts of the content do."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses.hypercolumn import sampled_hypercolumns

LAYER = "relu3_1"


def cfsd(
    found: Float[Array, "n c"], content: Float[Array, "n c"], *, scale: float | Float[Array, ""] | None = None
) -> Float[Array, ""]:
    """Content feature structural distance: `mean_i KL(P_i || Q_i)`, at least 0, 0 for equal features.

    P = softmax over j of `scale f_i . f_j` for the content's features at n positions, Q the same of the picture's
    (Chung, Hyun & Heo 2024, "Style Injection in Diffusion", StyleID, CFSD; relu3_1 of VGG19). P_i says which parts of
    the content look like part i, whatever they look like.

    The authors' code has `scale = 1 / c^2` and the sum over i, not the mean. With that scale the value goes with the
    fourth power of the features' size, another one in every network, and P is all but uniform; by default the scale is
    one over the mean of `f_i . f_i` of the content, which is blind to it. `n * cfsd(..., scale=1 / c**2)` is theirs.

    Args:
        found: features of the picture, a row a position, such as `sampled_columns` gives.
        content: of the content, at the same positions.
        scale: of the products; None for the one above.

    Raises:
        SettingError: the shapes differ.
    """
    if found.shape != content.shape:
        raise SettingError(f"found: got features of shape {found.shape}, expected the content's {content.shape}")
    if scale is None:
        scale = 1 / jnp.maximum(jnp.sum(content**2) / len(content), jnp.finfo(content.dtype).tiny ** 0.5)
    p, q = (_log_similarities(each, scale) for each in (content, found))
    return jnp.maximum(jnp.sum(jnp.exp(p) * (p - q)) / len(content), 0)


def sampled_columns(features: Float[Array, "h w c"], samples: int) -> Float[Array, "n c"]:
    """Features at no more than `samples` positions, the same for every picture of a size: all n = h w if they allow."""
    return sampled_hypercolumns((features,), samples, 0)


def _log_similarities(rows: Float[Array, "n c"], scale: float | Float[Array, ""]) -> Float[Array, "n n"]:
    return jax.nn.log_softmax(scale * jnp.matmul(rows, rows.T, precision="highest"), axis=1)
