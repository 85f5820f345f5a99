"""Chroma distance: how far a picture's colours are from the style's, whatever their places and their brightness."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.metrics.pictures import check_picture

BINS, RANGE, WIDTH, EPSILON = 64, 3.0, 0.02, 1e-6
PIXELS = 4096  # pixels at a time: each needs 2 * 64 numbers


def chroma_distance(image: Float[Array, "h w 3"], style: Float[Array, "_h _w 3"]) -> Float[Array, ""]:
    """Hellinger distance of two pictures' `chroma_histogram`s, `||sqrt(H) - sqrt(H')|| / sqrt(2)`: in [0, 1].

    Afifi, Brubaker & Brown 2021 ("HistoGAN"), eq. 5. 0 for equal histograms, 1 if no colour is shared. The
    pictures may have different sizes.

    Raises:
        ImageError: an argument is not a picture.
    """
    return histogram_distance(chroma_histogram(image), chroma_histogram(style))


def histogram_distance(found: Float[Array, "3 b b"], target: Float[Array, "3 b b"]) -> Float[Array, ""]:
    """Hellinger distance of two histograms that sum to 1, `||sqrt(H) - sqrt(H')|| / sqrt(2)`: in [0, 1]."""
    return jnp.sqrt(jnp.sum((jnp.sqrt(found) - jnp.sqrt(target)) ** 2) / 2)


def chroma_histogram(image: Float[Array, "h w 3"]) -> Float[Array, "3 b b"]:
    """The RGB-uv histogram of log-chroma: (3, 64, 64); its sum is 1, whatever the picture's size.

    For each colour channel, u and v are the logarithms of its ratios to the other two, in the order of RGB: for red
    `u = log((R + e) / (G + e))`, `v = log((R + e) / (B + e))`, e = 1e-6. A pixel adds `sqrt(R^2 + G^2 + B^2 + e) k(u)
    k(v)` to the bins, 64 from -3 to 3, where `k(u) = 1 / (1 + ((u - bin) / 0.02)^2)`: bright pixels count more, and
    brightness alone moves no pixel to another bin. HistoGAN, section 3.1, eqs. 1-4, with the authors' constants. They
    first resize to 150 pixels; here every pixel counts. Values are clipped to [0, 1].

    Raises:
        ImageError: `image` is not a picture.
    """
    check_picture(image, "image")
    return _histogram(image)


@jax.jit
def _histogram(image: Float[Array, "h w 3"]) -> Float[Array, "3 b b"]:
    pixels = jnp.clip(image.reshape(-1, 3), 0, 1)
    logs, weights = jnp.log(pixels + EPSILON), jnp.sqrt(jnp.sum(pixels**2, axis=1) + EPSILON)
    size = min(PIXELS, len(pixels))
    spare = -len(pixels) % size  # padding pixels, of weight 0
    chunks = jnp.pad(logs, ((0, spare), (0, 0))).reshape(-1, size, 3), jnp.pad(weights, (0, spare)).reshape(-1, size)

    def add(total: Array, chunk: tuple[Array, Array]) -> tuple[Array, None]:
        return total + _counts(*chunk), None

    total, _ = jax.lax.scan(add, jnp.zeros((3, BINS, BINS), image.dtype), chunks)
    return total / jnp.sum(total)


def _counts(logs: Float[Array, "n 3"], weights: Float[Array, " n"]) -> Float[Array, "3 b b"]:
    """The sums that n pixels add to the histogram."""
    histograms = []
    for channel, (first, second) in enumerate(((1, 2), (0, 2), (0, 1))):
        u, v = (_kernel(logs[:, channel] - logs[:, other]) for other in (first, second))
        histograms.append(jnp.matmul((weights[:, None] * u).T, v, precision="highest"))
    return jnp.stack(histograms)


def _kernel(ratios: Float[Array, " n"]) -> Float[Array, "n b"]:
    bins = jnp.asarray(np.linspace(-RANGE, RANGE, BINS), ratios.dtype)
    return 1 / (1 + ((ratios[:, None] - bins[None]) / WIDTH) ** 2)
