"""The convolutions of Johnson-type networks, the way a CPU does them quickly."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.feedforward.layers import convolve, instance_norm
from jaxstyle.networks import winograd
from jaxstyle.networks.vgg import WINOGRAD_LEAST

EPSILON = 1e-3


class Layer(nnx.Module):
    """A kernel (kh, kw, in, out), for transposed ones (kh, kw, out, in), and its instance normalisation."""

    def __init__(self, kernel: Array, scale: Array, shift: Array):
        self.kernel, self.scale, self.shift = nnx.Param(kernel), nnx.Param(scale), nnx.Param(shift)
        self.transformed: nnx.Param | None = nnx.data(None)

    def prepare(self) -> None:
        """Have Winograd's algorithm used, in place; gradients are NaN then."""
        self.transformed = nnx.Param(jax.device_put(winograd.transform_kernel(np.asarray(self.kernel[...]))))

    def convolve(self, x: Float[Array, "h w i"], stride: int = 1) -> Float[Array, "_h _w o"]:
        """The 3x3 convolution."""
        kernel = self.kernel[...]
        if self.transformed is None or kernel.size * x.shape[0] * x.shape[1] < WINOGRAD_LEAST:
            return convolve(x, kernel.astype(x.dtype), stride=stride, border="same")
        return winograd.correlate(x, self.transformed[...], 1)

    def norm(self, x: Float[Array, "h w o"]) -> Float[Array, "h w o"]:
        """Instance normalisation, in float32 or wider."""
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return instance_norm(wide, self.scale[...], self.shift[...], epsilon=EPSILON).astype(x.dtype)


def convolve_first(x: Float[Array, "h w 3"], kernel: Float[Array, "kh kw 3 o"]) -> Float[Array, "h w o"]:
    """`convolve` with zeros around the picture, for an even width, two columns at a time.

    Few channels leave a CPU's vectors empty: a kernel one column wider that gives both of two neighbours is 1.5 times
    faster.
    """
    kh, kw, _, o = kernel.shape
    both = jnp.stack([jnp.pad(kernel, ((0, 0), (j, 1 - j), (0, 0), (0, 0))) for j in range(2)], 3)
    border = [(kh // 2, kh // 2), (kw // 2, kw // 2)]
    y = _correlate(x, both.reshape(kh, kw + 1, 3, 2 * o), border, strides=(1, 2))
    return y.reshape(x.shape[0], x.shape[1], o)


def convolve_transposed(x: Float[Array, "h w i"], kernel: Float[Array, "3 3 o i"]) -> Float[Array, "_h _w o"]:
    """The transpose of a 3x3 convolution at stride 2 of TensorFlow's SAME: twice as high and wide.

    `y[2 r + a, 2 c + b] += x[r, c] K[a, b]`, computed as four convolutions, one for the even and odd rows and columns
    each: even ones see K's first and last row and two of x, odd ones the middle row and one.
    """
    h, w, _ = x.shape
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    part = {0: (slice(None, None, 2), (1, 0)), 1: (slice(1, 2), (0, 0))}
    phases = [[_correlate(x, flipped[r, c], [a, b]) for c, b in part.values()] for r, a in part.values()]
    return jnp.stack([jnp.stack(row, 2) for row in phases], 1).reshape(2 * h, 2 * w, -1)


def _correlate(x: Array, kernel: Array, border: Any, strides: tuple[int, int] = (1, 1)) -> Array:
    return lax.conv_general_dilated(x[None], kernel, strides, border, dimension_numbers=("NHWC", "HWIO", "NHWC"))[0]
