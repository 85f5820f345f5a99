"""Pooling of 2x2 blocks. The gradient of the maximum remembers a byte for each block, not the block's four numbers."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad
from jaxtyping import Array, Float, UInt8

from jaxstyle.networks.primitive import Operation, before_relu, linear_pair, primitive
from jaxstyle.weights.layout import Pooling


@partial(jax.jit, static_argnames=("pooling", "ceil_mode"))
def pool2x2(x: Float[Array, "h w c"], pooling: Pooling, *, ceil_mode: bool = False) -> Float[Array, "_h _w c"]:
    """Pool 2x2 blocks with stride 2: their maximum, mean ("average"), or the root of their summed squares ("l2").

    "scaled_average" is twice the mean and "scaled_l2" 0.78 times the root, about as large as the maximum would be:
    crowsonkb/style-transfer-pytorch exchanges the pooling so.
    An odd last row or column is dropped, or kept as a smaller block with `ceil_mode`. The gradient of a maximum that
    several numbers of a block share goes to all of them in equal parts, as autodiff of `jnp.max` has it.
    """
    if pooling == "max":
        return _maximum(ceil_mode, x[None])[0]
    if pooling == "scaled_average":
        return 2 * pool2x2(x, "average", ceil_mode=ceil_mode)
    if pooling == "scaled_l2":
        return 0.78 * pool2x2(x, "l2", ceil_mode=ceil_mode)
    if pooling == "average":
        ones = jnp.ones((*x.shape[:2], 1), x.dtype)
        return _blocks(x, ceil_mode).sum((1, 3)) / _blocks(ones, ceil_mode).sum((1, 3))
    # The root has no gradient at 0, where all of a block is 0: this is the smallest shift that gives it one.
    return jnp.sqrt(_blocks(x**2, ceil_mode).sum((1, 3)) + jnp.finfo(x.dtype).tiny ** 0.5)


def _blocks(x: Array, ceil_mode: bool, fill: float = 0.0) -> Float[Array, "*b _h 2 _w 2 c"]:
    """The 2x2 blocks of (..., h, w, c), whose odd last row and column are dropped or filled up."""
    *b, h, w, c = x.shape
    ends = (h % 2, w % 2) if ceil_mode else (-(h % 2), -(w % 2))
    padded = lax.pad(x, jnp.asarray(fill, x.dtype), [*[(0, 0, 0)] * len(b), *((0, end, 0) for end in ends), (0, 0, 0)])
    return padded.reshape(*b, (h + ends[0]) // 2, 2, (w + ends[1]) // 2, 2, c)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _maximum(ceil_mode: bool, x: Float[Array, "b h w c"]) -> Float[Array, "b _h _w c"]:
    return _blocks(x, ceil_mode, -jnp.inf).max((2, 4))


@_maximum.defjvp
def _maximum_derivative(ceil_mode: bool, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    found = _maximum(ceil_mode, x)
    return found, chosen(dx, largest(x, found, ceil_mode), ceil_mode)


def rectified_maximum(linear: Primitive, relu: Primitive, along_kernel: Operation, *, one_by_one: bool) -> Primitive:
    """Make a primitive of the maximum of 2x2 blocks of a ReLU, whose gradient keeps neither the ReLU nor its mask.

    Args:
        linear: the operation alone, from `primitive.linear_pair`.
        relu: the ReLU of the operation and a bias, from `primitive.rectified`.
        along_kernel: derivative along the kernel, as for `primitive.rectified`.
        one_by_one: as for `primitive.primitive`.
    """

    def function(*arrays: Array, ceil_mode: bool, **settings: Any) -> Array:
        return _maximum(ceil_mode, relu.bind(*arrays, **settings))

    made = primitive(f"{relu.name}_maximum", function, one_by_one=one_by_one)

    def jvp(primals: tuple, tangents: tuple, *, ceil_mode: bool, **settings: Any) -> tuple[Array, Array]:
        y = relu.bind(*primals, **settings)
        found = _maximum(ceil_mode, y)
        change = before_relu(linear, along_kernel, y.shape, primals, tangents, **settings)
        code = jnp.where(found != 0, largest(y, found, ceil_mode), jnp.uint8(0))
        return found, chosen(change, code, ceil_mode)

    ad.primitive_jvps[made] = jvp
    return made


def largest(x: Float[Array, "b h w c"], found: Float[Array, "b _h _w c"], ceil_mode: bool) -> UInt8[Array, "b _h _w c"]:
    """Which numbers of each block equal its maximum: four bits."""
    blocks = _blocks(x, ceil_mode, -jnp.inf)
    bits = [
        jnp.where(blocks[:, :, i, :, j] == found, jnp.uint8(1 << 2 * i + j), jnp.uint8(0))
        for i in range(2)
        for j in range(2)
    ]
    return bits[0] | bits[1] | bits[2] | bits[3]


def chosen(x: Float[Array, "b h w c"], code: UInt8[Array, "b _h _w c"], ceil_mode: bool) -> Float[Array, "b _h _w c"]:
    """The mean of the numbers of each block that a code from `largest` names; 0 where it names none."""
    return _choose.bind(x, code, height=x.shape[1], width=x.shape[2], ceil_mode=ceil_mode)


def _shares(code: Array, dtype: jnp.dtype) -> Float[Array, "b h 2 w 2 c"]:
    bits = (code[:, :, None, :, None] >> jnp.arange(4, dtype=jnp.uint8).reshape(1, 1, 2, 1, 2, 1)) & jnp.uint8(1)
    count = jnp.maximum(lax.population_count(code), jnp.uint8(1))
    return bits.astype(dtype) / count[:, :, None, :, None].astype(dtype)


@partial(jax.jit, static_argnames=("height", "width", "ceil_mode"))
def _gather(x: Array, code: Array, *, height: int, width: int, ceil_mode: bool) -> Array:
    return (_blocks(x, ceil_mode) * _shares(code, x.dtype)).sum((2, 4))


@partial(jax.jit, static_argnames=("height", "width", "ceil_mode"))
def _spread(y: Array, code: Array, *, height: int, width: int, ceil_mode: bool) -> Array:
    blocks = y[:, :, None, :, None] * _shares(code, y.dtype)
    b, h, _, w, _, c = blocks.shape
    ends = height - 2 * h, width - 2 * w
    pads = [(0, 0, 0), *((0, end, 0) for end in ends), (0, 0, 0)]
    return lax.pad(blocks.reshape(b, 2 * h, 2 * w, c), jnp.zeros((), y.dtype), pads)


_choose, _ = linear_pair("chosen", _gather, _spread)
