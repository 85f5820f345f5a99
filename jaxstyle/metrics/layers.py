"""The plain layers of classification networks, as PyTorch has them: convolution and pooling of one picture."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float


def convolve(
    x: Float[Array, "h w i"], kernel: Float[Array, "kh kw i o"], *, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> Float[Array, "_h _w o"]:
    """Cross-correlation in full float32 on every device. `padding` is (zeros above and below, zeros left and right)."""
    pads = [(size, size) for size in padding]
    dimensions = ("NHWC", "HWIO", "NHWC")
    found = lax.conv_general_dilated(
        x[None], kernel, (stride, stride), pads, dimension_numbers=dimensions, precision=lax.Precision.HIGHEST
    )
    return found[0]


def max_pool(x: Float[Array, "h w c"], size: int, stride: int, *, padding: int = 0) -> Float[Array, "_h _w c"]:
    """Max pooling over `size` x `size` windows, padded with -infinity. Incomplete windows at the end are dropped."""
    pads = [(padding, padding), (padding, padding), (0, 0)]
    return lax.reduce_window(x, -jnp.inf, lax.max, (size, size, 1), (stride, stride, 1), pads)


def average_pool3x3(x: Float[Array, "h w c"], *, count_padding: bool) -> Float[Array, "h w c"]:
    """Means of the 3x3 windows around all pixels. Outside the picture are zeros, counted only if `count_padding`."""
    sums = _sum3x3(x)
    if count_padding:
        return sums / 9
    return sums / _sum3x3(jnp.ones((*x.shape[:2], 1), x.dtype))


def _sum3x3(x: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    return lax.reduce_window(x, 0.0, lax.add, (3, 3, 1), (1, 1, 1), [(1, 1), (1, 1), (0, 0)])


def as_hwio(weight: np.ndarray) -> jax.Array:
    """A PyTorch kernel (out, in, h, w) as a JAX array (h, w, in, out)."""
    return jnp.asarray(np.ascontiguousarray(weight.transpose(2, 3, 1, 0)))
