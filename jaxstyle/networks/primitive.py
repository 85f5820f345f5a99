"""Convolutions as primitives of JAX, so that every transformation works on them, each at full speed.

A convolution is linear in the picture. The input gradient that autodiff makes of it runs three times slower in loops on
CPU, and with a `jax.custom_vjp` there would be no forward mode. Here the operation and its transpose are primitives,
and each is the transpose of the other.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

Operation = Callable[..., Array]
"""A jitted function of pictures (b, h, w, i), a kernel and more arrays, with static settings as keywords."""


def primitive(name: str, function: Operation, *, one_by_one: bool = False) -> Primitive:
    """Make a primitive that computes `function`, without derivatives.

    Under `jax.vmap` more pictures are put along b. Where every picture has a kernel of its own, `function` is batched
    as JAX does it, or with `one_by_one` applied to one after the other.
    """
    made = Primitive(name)
    made.def_impl(function)
    made.def_abstract_eval(lambda *arrays, **settings: _abstract(partial(function, **settings), *arrays))
    mlir.register_lowering(made, mlir.lower_fun(function, multiple_results=False))
    batching.primitive_batchers[made] = partial(_batched, made, function, one_by_one)
    return made


def linear_pair(
    name: str,
    forward: Operation,
    backward: Operation,
    along_kernel: Operation | None = None,
    *,
    one_by_one: bool = False,
) -> tuple[Primitive, Primitive]:
    """Make primitives of `forward(x, kernel)`, linear in both, and of its transpose in x, `backward(y, kernel)`.

    Args:
        name: name of the first; the second is NAME_transpose.
        forward: an operation without further arrays.
        backward: the same of its transpose.
        along_kernel: called as a derivative along the kernel is taken: `along_kernel(dkernel, x, kernel, **settings)`.
            By default that is the operation itself with `dkernel`.
        one_by_one: as for `primitive`.
    """
    first = primitive(name, forward, one_by_one=one_by_one)
    second = primitive(f"{name}_transpose", backward, one_by_one=one_by_one)
    for this, other, function in ((first, second, forward), (second, first, backward)):
        ad.defjvp(this, partial(_along_picture, this), along_kernel or partial(_along_kernel, function))
        ad.primitive_transposes[this] = partial(_transposed, other)
    return first, second


def rectified(linear: Primitive, function: Operation, along_kernel: Operation, *, one_by_one: bool) -> Primitive:
    """Make a primitive of `function(x, kernel, bias)`, the ReLU of a linear operation and a bias, in one piece.

    Args:
        linear: the primitive of the operation alone, from `linear_pair`.
        function: computes all three together.
        along_kernel: derivative along the kernel, `along_kernel(dkernel, x, kernel, **settings)`.
        one_by_one: as for `primitive`.
    """
    made = primitive(f"{linear.name}_relu", function, one_by_one=one_by_one)

    def jvp(primals: tuple, tangents: tuple, **settings: Any) -> tuple[Array, Any]:
        y = made.bind(*primals, **settings)
        change = before_relu(linear, along_kernel, y.shape, primals, tangents, **settings)
        # Not y > 0, which XLA would turn into a question about the sum before the ReLU, and compute that apart.
        return y, jnp.where(y != 0, change, jnp.zeros((), y.dtype))

    ad.primitive_jvps[made] = jvp
    return made


def before_relu(
    linear: Primitive, along_kernel: Operation, shape: tuple[int, ...], primals: tuple, tangents: tuple, **settings: Any
) -> Array:
    """Derivative of a linear operation of x and kernel, plus bias, along those of its arguments that have a tangent."""
    (x, kernel, _), (dx, dkernel, dbias) = primals, tangents
    parts = [] if _is_zero(dx) else [linear.bind(dx, kernel, **settings)]
    parts += [] if _is_zero(dkernel) else [along_kernel(dkernel, x, kernel, **settings)]
    parts += [] if _is_zero(dbias) else [jnp.broadcast_to(dbias, shape)]
    return sum(parts[1:], parts[0])


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, ad.Zero)


def _abstract(function: Operation, *arrays: Any) -> Any:
    found = jax.eval_shape(function, *(jax.ShapeDtypeStruct(each.shape, each.dtype) for each in arrays))
    return jax.core.ShapedArray(found.shape, found.dtype)


def _along_picture(this: Primitive, dx: Array, x: Array, kernel: Array, **settings: Any) -> Array:
    return this.bind(dx, kernel, **settings)


def _along_kernel(function: Operation, dkernel: Array, x: Array, kernel: Array, **settings: Any) -> Array:
    return function(x, dkernel, **settings)


def _transposed(other: Primitive, cotangent: Any, x: Any, kernel: Array, **settings: Any) -> tuple[Any, None]:
    return ad.Zero(x.aval) if _is_zero(cotangent) else other.bind(cotangent, kernel, **settings), None


def _batched(
    this: Primitive, function: Operation, one_by_one: bool, arrays: tuple, axes: tuple, **settings: Any
) -> tuple[Array, int]:
    if axes[0] is not None and not any(axis is not None for axis in axes[1:]):
        x = jnp.moveaxis(arrays[0], axes[0], 0)
        y: Float[Array, ...] = this.bind(x.reshape(-1, *x.shape[2:]), *arrays[1:], **settings)
        return y.reshape(len(x), -1, *y.shape[1:]), 0
    if not one_by_one:
        return jax.vmap(partial(function, **settings), axes)(*arrays), 0
    size = next(each.shape[axis] for each, axis in zip(arrays, axes, strict=True) if axis is not None)
    filled = [
        jnp.broadcast_to(each[None], (size, *each.shape)) if axis is None else jnp.moveaxis(each, axis, 0)
        for each, axis in zip(arrays, axes, strict=True)
    ]
    return lax.map(lambda one: this.bind(*one, **settings), filled), 0
