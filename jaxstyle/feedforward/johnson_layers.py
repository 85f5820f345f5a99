"""The convolutions of Johnson-type networks, in forms that are fast on CPUs."""

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
    """A convolution kernel and the instance normalisation that follows it.

    The kernel is (kh, kw, in, out), or (kh, kw, out, in) for a transposed convolution. Scale and shift are (out,).
    """

    def __init__(self, kernel: Array, scale: Array, shift: Array):
        self.kernel, self.scale, self.shift = nnx.Param(kernel), nnx.Param(scale), nnx.Param(shift)
        self.transformed: nnx.Param | None = nnx.data(None)

    def prepare(self) -> None:
        """Switch this layer to Winograd's algorithm, in place. Its kernel has no derivative from then on."""
        self.transformed = nnx.Param(jax.device_put(winograd.transform_kernel(np.asarray(self.kernel[...]))))

    def convolve(self, x: Float[Array, "h w i"], stride: int = 1) -> Float[Array, "_h _w o"]:
        """Convolve with TensorFlow's SAME zero padding, by Winograd's algorithm where the layer is prepared for it."""
        kernel = self.kernel[...]
        if self.transformed is None or kernel.size * x.shape[0] * x.shape[1] < WINOGRAD_LEAST:
            return convolve(x, kernel.astype(x.dtype), stride=stride, border="same")
        return winograd.correlate(x, self.transformed[...], 1)

    def norm(self, x: Float[Array, "h w o"]) -> Float[Array, "h w o"]:
        """Instance normalisation, computed in float32 or wider and returned in the type of `x`."""
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return instance_norm(wide, self.scale[...], self.shift[...], epsilon=EPSILON).astype(x.dtype)


def convolve_first(x: Float[Array, "h w 3"], kernel: Float[Array, "kh kw 3 o"]) -> Float[Array, "h w o"]:
    """Zero-padded convolution of a picture of even width, computed for two neighbouring columns at once.

    With only three channels a CPU's vector registers are mostly empty. A kernel that is one column wider and gives both
    columns as channels is 1.5 times faster.
    """
    kh, kw, _, o = kernel.shape
    both = jnp.stack([jnp.pad(kernel, ((0, 0), (j, 1 - j), (0, 0), (0, 0))) for j in range(2)], 3)
    border = [(kh // 2, kh // 2), (kw // 2, kw // 2)]
    y = _correlate(x, both.reshape(kh, kw + 1, 3, 2 * o), border, strides=(1, 2))
    return y.reshape(x.shape[0], x.shape[1], o)


def convolve_transposed(x: Float[Array, "h w i"], kernel: Float[Array, "3 3 o i"]) -> Float[Array, "_h _w o"]:
    """The transposed 3x3 convolution at stride 2 with TensorFlow's SAME padding; it doubles height and width.

    It is `y[2 r + a, 2 c + b] += x[r, c] K[a, b]`, computed as four convolutions, one for each combination of even or
    odd rows and columns. An even row depends on the first and last row of K and on two rows of x; an odd row depends on
    the middle row of K and one row of x. The same holds for columns.
    """
    h, w, _ = x.shape
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    part = {0: (slice(None, None, 2), (1, 0)), 1: (slice(1, 2), (0, 0))}
    phases = [[_correlate(x, flipped[r, c], [a, b]) for c, b in part.values()] for r, a in part.values()]
    return jnp.stack([jnp.stack(row, 2) for row in phases], 1).reshape(2 * h, 2 * w, -1)


def _correlate(x: Array, kernel: Array, border: Any, strides: tuple[int, int] = (1, 1)) -> Array:
    return lax.conv_general_dilated(x[None], kernel, strides, border, dimension_numbers=("NHWC", "HWIO", "NHWC"))[0]
