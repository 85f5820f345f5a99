"""The 3x3 convolution with bias and ReLU, and its gradient, which take most of a run's time."""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.networks import winograd
from jaxstyle.weights.layout import Padding

Conv = Literal["auto", "winograd", "exact"]
_PAD_MODE = {"reflect": "reflect", "replicate": "edge"}


# Jitted, as pooling is, so that layers of one shape are traced and lowered once.
@partial(jax.jit, static_argnames="padding")
def conv3x3_relu(
    x: Float[Array, "h w i"],
    kernel: Float[Array, "3 3 i o"],
    bias: Float[Array, " o"],
    *,
    padding: Padding = "zero",
    transformed: Float[Array, "36 i o"] | None = None,
) -> Float[Array, "h w o"]:
    """3x3 convolution with bias and ReLU: `relu(correlation of x with the kernel + bias)`, stride 1, the size kept.

    The input gradient is an ordinary convolution with the flipped, transposed kernel. The one that autodiff makes has
    the same values, but runs three times slower inside `lax.scan` and `while_loop` on CPU.

    With `transformed`, from `winograd.transform_kernel`, the convolution and its input gradient run by Winograd's
    algorithm: on CPUs about twice as fast, and less exact (a relative error near 1e-5 instead of 1e-7 in float32). Only
    x has a gradient then: those of `transformed` and `bias` are NaN, and `kernel` is not used.
    """
    pad = 1 if padding == "zero" else 0
    if not pad:
        x = jnp.pad(x, ((1, 1), (1, 1), (0, 0)), mode=_PAD_MODE[padding])
    if transformed is None:
        return _conv_relu(x, kernel, bias, pad)
    return _winograd_relu(x, transformed, bias, pad)


def _correlate(x: Array, kernel: Array, pad: int) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x[None], kernel, (1, 1), [(pad, pad)] * 2, dimension_numbers=dimensions)[0]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _conv_relu(x: Array, kernel: Array, bias: Array, pad: int) -> Array:
    return jax.nn.relu(_correlate(x, kernel, pad) + bias[None, None])


def _forward(x: Array, kernel: Array, bias: Array, pad: int) -> tuple[Array, tuple[Array, Array, Array]]:
    y = _conv_relu(x, kernel, bias, pad)
    return y, (x, kernel, y)


def _backward(pad: int, residuals: tuple[Array, Array, Array], dy: Array) -> tuple[Array, Array, Array]:
    x, kernel, y = residuals
    dy = jnp.where(y > 0, dy, 0)
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    # Only training asks for dkernel; elsewhere the compiler drops it, and x with it.
    dkernel = jax.vjp(lambda k: _correlate(x, k, pad), kernel)[1](dy)[0]
    return _correlate(dy, flipped, 2 - pad), dkernel, dy.sum((0, 1))


_conv_relu.defvjp(_forward, _backward)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _winograd_relu(x: Array, transformed: Array, bias: Array, pad: int) -> Array:
    return winograd.correlate(x, transformed, pad, bias)


def _winograd_forward(x: Array, transformed: Array, bias: Array, pad: int) -> tuple[Array, tuple[Array, Array, Array]]:
    y = _winograd_relu(x, transformed, bias, pad)
    return y, (transformed, bias, y)


def _winograd_backward(pad: int, residuals: tuple[Array, Array, Array], dy: Array) -> tuple[Array, Array, Array]:
    transformed, bias, y = residuals
    dx = winograd.transpose(jnp.where(y > 0, dy, 0), transformed, pad)
    # NaN, because gradients of zero would silently stop a training.
    return dx, jnp.full_like(transformed, jnp.nan), jnp.full_like(bias, jnp.nan)


_winograd_relu.defvjp(_winograd_forward, _winograd_backward)
