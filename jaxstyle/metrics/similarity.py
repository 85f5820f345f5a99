"""CFSD: whether the parts of a picture resemble each other as the parts of the content do."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses.hypercolumn import sampled

LAYER = "relu3_1"


def cfsd(
    found: Float[Array, "n c"], content: Float[Array, "n c"], *, scale: float | Float[Array, ""] | None = None
) -> Float[Array, ""]:
    """Content feature structural distance: `mean_i KL(P_i || Q_i)`, at least 0, 0 for equal features.

    P_i is the softmax over j of `scale f_i . f_j` for the content's features f at n positions, and Q_i is the same for
    the picture's (Chung, Hyun & Heo 2024, "Style Injection in Diffusion", StyleID, CFSD; relu3_1 of VGG19). P_i says
    which parts of the content look like part i, whatever they look like.

    The authors' code has `scale = 1 / c^2` and the sum over i, not the mean. With that scale the value grows with the
    fourth power of the features' size, which differs between networks, and P is almost uniform. Here the default scale
    is one over the mean of the content's `f_i . f_i`, so that the features' size does not matter. The authors' value
    is `n * cfsd(..., scale=1 / c**2)`.

    Args:
        found: features of the picture, one row for each position, such as `sampled_columns` gives.
        content: features of the content at the same positions.
        scale: the factor on `f_i . f_j`; None for the default above.

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
    """Features at up to `samples` positions, the same for all pictures of a size; at all h w if they are not more."""
    return sampled(features, samples, 0)


def _log_similarities(rows: Float[Array, "n c"], scale: float | Float[Array, ""]) -> Float[Array, "n n"]:
    return jax.nn.log_softmax(scale * jnp.matmul(rows, rows.T, precision="highest"), axis=1)
