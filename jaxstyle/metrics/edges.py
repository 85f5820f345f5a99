"""Edge agreement: whether a picture has its edges where the content has them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.metrics.pictures import check_pair
from jaxstyle.metrics.structural_similarity import luma

# A picture whose edge strengths have a variance below this (a deviation of 1e-4) counts as one without edges.
EPSILON = 1e-8


def edge_agreement(image: Float[Array, "h w 3"], content: Float[Array, "h w 3"]) -> Float[Array, ""]:
    """Correlation of two pictures' edge strengths, with negative values set to 0: in [0, 1], 1 for equal pictures.

    `max(0, (cov(a, b) + e) / sqrt((var a + e) (var b + e)))` over the pixels that have all eight neighbours, where a
    and b are `edge_strength` of the luma and e = 1e-8. Except for e it is Pearson's correlation: two flat pictures
    agree, a flat and a structured one do not. Another brightness, contrast or sign of the edges (light on dark or dark
    on light) changes nothing. Equally strong edges in other places, such as brush strokes, lower it. The definition is
    our own.

    Args:
        image: RGB in [0, 1].
        content: RGB in [0, 1], of the same size.

    Raises:
        ImageError: an argument is not a picture, the sizes differ, or a side is below 3 pixels.
    """
    check_pair(image, content, 3, "Sobel's kernel")
    return _correlation(edge_strength(luma(image)), edge_strength(luma(content)))


@jax.jit
def _correlation(a: Float[Array, "h w"], b: Float[Array, "h w"]) -> Float[Array, ""]:
    a, b = a - jnp.mean(a), b - jnp.mean(b)
    variances = (jnp.mean(a * a) + EPSILON) * (jnp.mean(b * b) + EPSILON)
    return jnp.clip((jnp.mean(a * b) + EPSILON) / jnp.sqrt(variances), 0, 1)


def edge_strength(grey: Float[Array, "h w"]) -> Float[Array, "_h _w"]:
    """Length of the gradient at each pixel, by Sobel's kernels: `sqrt(gx^2 + gy^2)`, (h - 2, w - 2).

    The kernels, [1, 2, 1] across and [-1, 0, 1] along, are divided by 8, so a slope of s per pixel has the strength s.
    """
    down = (grey[:-2] + 2 * grey[1:-1] + grey[2:]) / 8
    across = (grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]) / 8
    return jnp.sqrt((down[:, 2:] - down[:, :-2]) ** 2 + (across[2:] - across[:-2]) ** 2)
