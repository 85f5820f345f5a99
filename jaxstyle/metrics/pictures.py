"""Checks that what a metric is given are pictures."""

import jax
import jax.numpy as jnp

from jaxstyle.errors import ImageError


def check_picture(picture: jax.Array, name: str, least: int = 1, what: str = "a picture") -> None:
    """Raise ImageError unless `picture` is (h, w, 3) of floats with at least `least` pixels a side.

    Outside of JAX's tracing, values above 2 are an error too: they look like 0 to 255. NaN passes, and gives NaN.

    Args:
        picture: RGB in [0, 1].
        name: the picture's name in the message.
        least: the fewest pixels of a side.
        what: what needs so many pixels, for the message.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or not jnp.issubdtype(picture.dtype, jnp.floating):
        got = f"{picture.dtype} {picture.shape}"
        raise ImageError(f"{name}: got {got}, expected floats in [0, 1] of shape (height, width, 3)")
    if min(picture.shape[:2]) < least:
        raise ImageError(f"{name}: got {_size(picture)} pixels; {what} needs at least {least} a side: use a larger one")
    if not isinstance(picture, jax.core.Tracer) and jnp.max(picture) > 2:
        raise ImageError(f"{name}: values run to {float(jnp.max(picture)):.4g}, expected [0, 1]; divide 0-255 by 255")


def check_pair(image: jax.Array, content: jax.Array, least: int = 1, what: str = "a picture") -> None:
    """Raise ImageError unless both are pictures, of the same size and with at least `least` pixels a side."""
    check_picture(image, "image", least, what)
    check_picture(content, "content")
    if image.shape != content.shape:
        raise ImageError(f"image: got {_size(image)} pixels, expected the content's {_size(content)}; resize one")


def _size(picture: jax.Array) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
