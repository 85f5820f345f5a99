"""Winograd's minimal filtering F(4x4, 3x3): a 3x3 convolution with a quarter of the multiplications, for CPUs.

Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4.3. A tile of 4x4 outputs needs 6x6
inputs d and, with a kernel g and the constant matrices below, is `A^T [(G g G^T) * (B^T d B)] A`: 36 products in place
of 144. The products of all tiles and channels are 36 matrix products. Rounding errors are some 10 to 100 times larger.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.networks.pooling import rectified_maximum
from jaxstyle.networks.primitive import linear_pair, rectified

STRIP_BYTES = 5 << 20
"""Bytes of transformed input that are computed at a time: as many as stay in the caches of a core or two."""
LEAST_TILES = 256
"""Least number of tiles at a time: with fewer rows, the matrix products wait for their kernels from memory."""
_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24


def transform_kernel(kernel: Float[np.ndarray, "3 3 i o"]) -> Float[np.ndarray, "36 i o"]:
    """Transform every 3x3 filter g to `G g G^T`, computed in float64; the result is four times the kernel's size."""
    filters, both = kernel.reshape(9, -1), np.kron(_G, _G)
    transformed = np.empty((36, filters.shape[1]), kernel.dtype)
    for start in range(0, filters.shape[1], 1 << 13):  # in parts: making one float64 copy of all takes most of the time
        part = slice(start, start + (1 << 13))
        transformed[:, part] = both @ filters[:, part].astype(np.float64)
    return transformed.reshape(36, *kernel.shape[2:])


def correlate(x: Float[Array, "h w i"], transformed: Float[Array, "36 i o"], pad: int) -> Float[Array, "_h _w o"]:
    """Compute the 3x3 correlation of x padded with `pad` rows and columns of zeros.

    A batch under `jax.vmap` becomes more tiles of the same matrix products. The transpose in x is `B [(A dy A^T) * U]
    B^T` for an output gradient dy and the transformed kernels U; a convolution with the flipped kernel would need
    others.

    Raises:
        SettingError: a derivative along `transformed` is taken.
    """
    return linear.bind(x[None], transformed, pad=pad)[0]


class _Strips(NamedTuple):
    """Strips of tiles that are computed one at a time, so small that the arrays between two stages stay in the cache.

    A strip is `rows` rows of tiles of one picture, or all tiles of `group` pictures; its buffers are allocated once.
    """

    n: int  # strips of a picture
    rows: int  # rows of tiles in a strip
    across: int  # tiles in a row
    group: int  # pictures in a strip
    number: int  # strips in all

    @classmethod
    def of(cls, shape: tuple[int, int, int], transformed: Array, size: int) -> "_Strips":
        """Strips for outputs (b, h, w) of `size` bytes a number."""
        b, down, across = shape[0], -(-shape[1] // 4), -(-shape[2] // 4)
        tiles = max(LEAST_TILES, STRIP_BYTES // (36 * max(transformed.shape[1:]) * size))
        n = -(-down // max(1, min(down, tiles // across)))
        group = 1 if n > 1 else max(g for g in range(1, b + 1) if b % g == 0 and g <= max(1, tiles // (down * across)))
        return cls(n, -(-down // n), across, group, b // group * n)

    def start(self, k: Array | int) -> tuple[Any, Any, int, int]:
        """Indices where strip k begins: picture, row, column, channel."""
        return k // self.n * self.group, k % self.n * 4 * self.rows, 0, 0


@partial(jax.jit, static_argnames=("pad", "precision"))
def _forward(
    x: Array, transformed: Array, bias: Array | None = None, *, pad: int, precision: str | None = None
) -> Array:
    b, h, w = x.shape[0], x.shape[1] + 2 * pad - 2, x.shape[2] + 2 * pad - 2
    strips = _Strips.of((b, h, w), transformed, x.dtype.itemsize)
    n, rows, across, group, number = strips
    wide = jnp.promote_types(x.dtype, jnp.float32)
    beyond = 4 * (n * rows + 1) - x.shape[1] - pad, 4 * (across + 1) - x.shape[2] - pad
    padded = jnp.pad(x, ((0, 0), (pad, beyond[0]), (pad, beyond[1]), (0, 0)))

    def strip(k: Array | int) -> Array:
        part = lax.dynamic_slice(padded, strips.start(k), (group, 4 * rows + 4, *padded.shape[2:]))
        v = _transform_input(part.astype(wide), x.dtype)
        m = _products(v, transformed, 1, precision)
        return _transform_output(m.reshape(6, 6, group, rows, across, -1), bias, x.dtype)

    def body(k: Array, y: Array) -> Array:
        return lax.dynamic_update_slice(y, strip(k), strips.start(k))

    empty = jnp.zeros((b, 4 * n * rows, 4 * across, transformed.shape[2]), x.dtype)
    y = strip(0) if number == 1 else lax.fori_loop(0, number, body, empty)
    return y[:, :h, :w]


@partial(jax.jit, static_argnames=("pad", "precision"))
def _backward(dy: Array, transformed: Array, *, pad: int, precision: str | None = None) -> Array:
    b, h, w = dy.shape[:3]
    strips = _Strips.of((b, h, w), transformed, dy.dtype.itemsize)
    n, rows, across, group, number = strips
    wide = jnp.promote_types(dy.dtype, jnp.float32)
    padded = jnp.pad(dy, ((0, 0), (0, 4 * n * rows - h), (0, 4 * across - w), (0, 0)))

    def strip(k: Array | int) -> Array:
        part = lax.dynamic_slice(padded, strips.start(k), (group, 4 * rows, *padded.shape[2:]))
        v = _transpose_output(part.astype(wide), dy.dtype)
        m = _products(v, transformed, 2, precision)
        return _transpose_input(m.reshape(6, 6, group, rows, across, -1)).astype(dy.dtype)

    def body(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        dx, above = carry
        new, at = strip(k), strips.start(k)
        top = new[:, :4] + jnp.where(k % n, above, 0)
        # The next strip writes the rows below this one again, with its own added. Reading them from dx would copy dx.
        dx = lax.dynamic_update_slice(dx, new, at)
        return lax.dynamic_update_slice(dx, top, at), new[:, 4 * rows :]

    i = transformed.shape[1]
    empty = jnp.zeros((b, 4 * (n * rows + 1), 4 * (across + 1), i), dy.dtype)
    start = empty, jnp.zeros((group, 4, 4 * (across + 1), i), dy.dtype)
    dx = strip(0) if number == 1 else lax.fori_loop(0, number, body, start)[0]
    return dx[:, pad : h + 2 - pad, pad : w + 2 - pad]


def _products(v: Array, transformed: Array, axis: int, precision: str | None) -> Float[Array, "36 t c"]:
    """The 36 matrix products over the channels, which are the kernels' `axis`."""
    wide, axes = jnp.promote_types(v.dtype, jnp.float32), (((2,), (axis,)), ((0,), (0,)))
    return lax.dot_general(v, transformed, axes, preferred_element_type=wide, precision=precision)


def _transform_input(x: Float[Array, "b h w i"], dtype: jnp.dtype) -> Float[Array, "36 t i"]:
    """Compute `B^T d B` of every tile, columns first."""
    b, h, w, i = x.shape
    columns = _stack(_input_stage(_windows(x.reshape(b, h, w // 4, 4, i), 2)), 0)
    columns = columns.reshape(6, b, h // 4, 4, w // 4 - 1, i)
    return _stack([each.astype(dtype) for each in _input_stage(_windows(columns, 2))], 0).reshape(36, -1, i)


def _transform_output(m: Float[Array, "6 6 b th tw o"], bias: Array | None, dtype: jnp.dtype) -> Array:
    """Compute `A^T m A` of every tile, rows first, put back into pictures; with a bias, ReLU of the sum."""
    pixels = _output_stage(_stack(_output_stage(m), 3))  # of 6 b th 4 tw o
    if bias is not None:
        pixels = [jax.nn.relu(each + bias[None, None, None, None].astype(each.dtype)) for each in pixels]
    y = _stack([each.astype(dtype) for each in pixels], 4)  # b th 4 tw 4 o
    return y.reshape(y.shape[0], 4 * y.shape[1], 4 * y.shape[3], -1)


def _transpose_output(dy: Float[Array, "b h w o"], dtype: jnp.dtype) -> Float[Array, "36 t o"]:
    """Compute `A dy A^T` of every tile, columns first."""
    b, h, w, o = dy.shape
    columns = _stack(_output_stage_transposed(jnp.moveaxis(dy.reshape(b, h, w // 4, 4, o), 3, 0)), 0)
    tiles = _output_stage_transposed(jnp.moveaxis(columns.reshape(6, b, h // 4, 4, w // 4, o), 3, 0))
    return _stack([each.astype(dtype) for each in tiles], 0).reshape(36, -1, o)


def _transpose_input(m: Float[Array, "6 6 b th tw i"]) -> Float[Array, "b _h _w i"]:
    """Compute `B m B^T` of every tile, rows first, added up where tiles overlap."""
    rows = _overlap(_input_stage_transposed(m), 2)  # 6 b th+1 4 tw i
    y = _overlap(_input_stage_transposed(rows), 3)  # b th+1 4 tw+1 4 i
    return y.reshape(y.shape[0], 4 * y.shape[1], 4 * y.shape[3], -1)


def _windows(x: Array, axis: int) -> list[Array]:
    """The 6 rows, or columns, of every tile, from groups of 4 along `axis`: two come from the next group."""
    here, after = lax.slice_in_dim(x, 0, -1, axis=axis), lax.slice_in_dim(x, 1, None, axis=axis)
    at = partial(lax.index_in_dim, axis=axis + 1, keepdims=False)
    return [at(here, k) for k in range(4)] + [at(after, k) for k in range(2)]


def _overlap(z: list[Array], axis: int) -> Array:
    """The transpose of `_windows`: groups of 4, one more along `axis`, where the last two add to the next group."""
    before, after = ([(0, 0, 0)] * z[0].ndim for _ in range(2))
    before[axis], after[axis] = (1, 0, 0), (0, 1, 0)
    zero = jnp.zeros((), z[0].dtype)
    pads = [after] * 4 + [before] * 2
    padded = [lax.pad(each, zero, pad) for each, pad in zip(lax.optimization_barrier(z), pads, strict=True)]
    z0, z1, z2, z3, z4, z5 = lax.optimization_barrier(padded)
    return _stack([z0 + z4, z1 + z5, z2, z3], axis + 1)


def _input_stage(d: Sequence[Array]) -> list[Array]:
    """Compute `B^T d` for six rows d."""
    even, odd = d[4] - 4 * d[2], d[3] - 4 * d[1]
    inner, outer = d[4] - d[2], 2 * (d[3] - d[1])
    first, last = 4 * d[0] - 5 * d[2] + d[4], 4 * d[1] - 5 * d[3] + d[5]
    return [first, even + odd, even - odd, inner + outer, inner - outer, last]


def _input_stage_transposed(m: Sequence[Array] | Array) -> list[Array]:
    """Compute `B m` for six rows m."""
    plus, minus, plus2, minus2 = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    second, fourth = -4 * minus - 2 * minus2 + 4 * m[5], minus + 2 * minus2 - 5 * m[5]
    return [4 * m[0], second, -5 * m[0] - 4 * plus - plus2, fourth, m[0] + plus + plus2, m[5]]


def _output_stage(m: Sequence[Array] | Array) -> list[Array]:
    """Compute `A^T m` for six rows m."""
    plus, minus, plus2, minus2 = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + plus + plus2, minus + 2 * minus2, plus + 4 * plus2, minus + 8 * minus2 + m[5]]


def _output_stage_transposed(y: Sequence[Array] | Array) -> list[Array]:
    """Compute `A y` for four rows y."""
    even, odd, even2, odd2 = y[0] + y[2], y[1] + y[3], y[0] + 4 * y[2], 2 * y[1] + 8 * y[3]
    return [y[0], even + odd, even - odd, even2 + odd2, even2 - odd2, y[3]]


def _stack(parts: list[Array], axis: int) -> Array:
    """`jnp.stack` behind barriers: fused into it, the parts would be computed element by element, not vectorised."""
    return lax.optimization_barrier(jnp.stack(lax.optimization_barrier(parts), axis))


def _along_kernel(*_: Any, **__: Any) -> Array:
    raise SettingError(
        "a derivative along the kernels of a network that is prepared for Winograd's algorithm: they are not trained; "
        'take the network as it was loaded, or conv="exact"'
    )


linear, _ = linear_pair("winograd", _forward, _backward, _along_kernel, one_by_one=True)
relu = rectified(linear, _forward, _along_kernel, one_by_one=True)
maximum = rectified_maximum(linear, relu, _along_kernel, one_by_one=True)
