"""Layers shared by the feed-forward networks: convolutions, instance normalisation, upsampling, padding.

Every function takes the features (h, w, c) of one picture; `jax.vmap` makes a batch.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

Border = Literal["reflect", "zero", "same", "none"]


def convolve(
    x: Float[Array, "h w i"],
    kernel: Float[Array, "kh kw i o"],
    bias: Float[Array, " o"] | None = None,
    *,
    stride: int = 1,
    border: Border = "reflect",
) -> Float[Array, "_h _w o"]:
    """Cross-correlation with a kernel of odd size, plus the bias.

    Args:
        x: the features of one picture.
        kernel: (height, width, channels in, channels out).
        bias: one number for each output channel; None adds none.
        stride: the step between output positions, for rows and columns.
        border: how the picture is padded. "reflect" and "zero" add half a kernel on each side, so that the output size
            is ceil(size / stride). "same" is TensorFlow's SAME: zeros as well, but at stride 2 an even size gets one
            row or column fewer at the top and left. "none" adds nothing.
    """
    sizes = zip(x.shape[:2], kernel.shape[:2], strict=True)
    widths = [border_widths(size, k, stride, border) for size, k in sizes]
    x = jnp.pad(x, [*widths, (0, 0)], mode="reflect" if border == "reflect" else "constant")
    block = _block(kernel.shape) if stride == 1 else 1
    y = _correlate(x, kernel, stride) if block == 1 else _correlate_blocks(x, kernel, block)
    return y if bias is None else y + bias[None, None]


def _correlate(x: Array, kernel: Array, stride: int) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x[None], kernel, (stride, stride), "VALID", dimension_numbers=dimensions)[0]


def _block(shape: tuple[int, ...]) -> int:
    """The number of neighbouring pixels that `_correlate_blocks` should join; 1 means that it should not be used.

    On CPUs, matrix products with only three or four channels leave most of a vector register empty.
    """
    channels, wide = shape[2:]
    if jax.default_backend() != "cpu" or not {channels, wide} & {3, 4}:
        return 1
    return max(1, min(4, 64 // wide if channels in (3, 4) else 32 // channels))


def _correlate_blocks(x: Array, kernel: Array, block: int) -> Array:
    """`_correlate` at stride 1, computed for `block` neighbouring pixels at once.

    It multiplies more, by zeros, but is several times as fast. The channels of neighbouring pixels already follow each
    other in memory, so only the kernel is rearranged.
    """
    (h, w, channels), (kh, kw, _, wide) = x.shape, kernel.shape
    width = w - kw + 1
    across, taps = -(-width // block), -(-(kw + block - 1) // block)
    shifted = [jnp.pad(kernel, [(0, 0), (k, taps * block - kw - k), (0, 0), (0, 0)]) for k in range(block)]
    x = jnp.pad(x, [(0, 0), (0, max(0, (across + taps - 1) * block - w)), (0, 0)])
    x = x[:, : (across + taps - 1) * block].reshape(h, across + taps - 1, block * channels)
    y = _correlate(x, jnp.stack(shifted, 3).reshape(kh, taps, block * channels, block * wide), 1)
    return y.reshape(y.shape[0], across * block, wide)[:, :width]


def depthwise(
    x: Float[Array, "h w c"], kernel: Float[Array, "kh kw 1 c"], bias: Float[Array, " c"], *, stride: int = 1
) -> Float[Array, "_h _w c"]:
    """Depthwise cross-correlation (each channel with its own kernel) plus the bias, padded as `convolve` with "same".

    It is computed as a sum over the kernel's taps, because XLA's grouped convolution is about thirty times slower on
    CPUs.
    """
    sizes = list(zip(x.shape[:2], kernel.shape[:2], strict=True))
    x = jnp.pad(x, [*(border_widths(size, k, stride, "same") for size, k in sizes), (0, 0)])
    last = [(-(-size // stride) - 1) * stride + 1 for size, _ in sizes]
    y = bias[None, None]
    for i, j in np.ndindex(kernel.shape[:2]):
        seen = lax.slice(x, (i, j, 0), (i + last[0], j + last[1], x.shape[2]), (stride, stride, 1))
        y = y + seen * kernel[i, j, 0][None, None]
    return y


def border_widths(size: int, kernel: int, stride: int, border: Border) -> tuple[int, int]:
    """The numbers of rows (or columns) that `convolve` adds before and after an axis of length `size`."""
    if border == "none":
        return 0, 0
    if border != "same":
        return kernel // 2, kernel // 2
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def instance_norm(
    x: Float[Array, "h w c"], scale: Float[Array, " c"], shift: Float[Array, " c"], *, epsilon: float
) -> Float[Array, "h w c"]:
    """Instance normalisation: `scale * (x - mean) / sqrt(var + epsilon) + shift`.

    The mean and the biased variance (divided by n) are those of each channel over the picture. This is Ulyanov et al.
    2016, "Instance Normalization", equation 5. With a scale and shift computed from a style it is the conditional
    instance normalisation of Dumoulin et al. 2017, equation 5.
    """
    # The means are taken over one axis at a time: on CPUs XLA is twice as slow for both axes at once.
    mean = x.mean(1).mean(0)
    variance = jnp.square(x - mean[None, None]).mean(1).mean(0)
    gain = scale * lax.rsqrt(variance + epsilon)
    return x * gain[None, None] + (shift - mean * gain)[None, None]


def double(x: Float[Array, "h w c"]) -> Float[Array, "_h _w c"]:
    """Nearest-neighbour upsampling by 2: every pixel becomes a block of 2x2."""
    h, w, c = x.shape
    return jnp.broadcast_to(x[:, None, :, None], (h, 2, w, 2, c)).reshape(2 * h, 2 * w, c)


def convolve_doubled(x: Float[Array, "h w i"], kernel: Float[Array, "3 3 i o"]) -> Float[Array, "_h _w o"]:
    """`convolve(double(x), kernel)` with the border "reflect", computed without the upsampled picture.

    Each pixel of x becomes four output pixels, each of which depends on 2x2 pixels of x through sums of the kernel's
    taps. One 3x3 convolution of x computes the four as channels. Padding x by repeating its edge gives the same border.
    """
    h, w, channels = x.shape
    wide = kernel.shape[3]
    rows = jnp.asarray([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0], [0, 0, 1]]], kernel.dtype)
    four = jnp.einsum("ptk,qsl,klio->tsipqo", rows, rows, kernel).reshape(3, 3, channels, 4 * wide)
    y = _correlate(jnp.pad(x, [(1, 1), (1, 1), (0, 0)], mode="edge"), four, 1)
    return y.reshape(h, w, 2, 2, wide).transpose(0, 2, 1, 3, 4).reshape(2 * h, 2 * w, wide)


def reflect_to_multiple(x: Float[Array, "h w c"], of: int) -> Float[Array, "_h _w c"]:
    """Pad the picture by reflection at the bottom and right until both sides are multiples of `of`.

    Each side needs at least `of` pixels. The caller crops the output to the original size.
    """
    beyond = [(0, -size % of) for size in x.shape[:2]]
    return jnp.pad(x, [*beyond, (0, 0)], mode="reflect") if any(map(any, beyond)) else x
