"""The 3x3 convolution with bias and ReLU, and its gradient, which take most of a run's time."""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.networks import winograd
from jaxstyle.networks.pooling import rectified_maximum
from jaxstyle.networks.primitive import linear_pair, rectified
from jaxstyle.weights.layout import Padding

Conv = Literal["auto", "winograd", "exact"]
_PAD_MODE = {"reflect": "reflect", "replicate": "edge"}


# Jitted, as pooling is, so that layers of one shape are traced and lowered once.
@partial(jax.jit, static_argnames=("padding", "pool", "ceil_mode"))
def conv3x3_relu(
    x: Float[Array, "h w i"],
    kernel: Float[Array, "3 3 i o"],
    bias: Float[Array, " o"],
    *,
    padding: Padding = "zero",
    transformed: Float[Array, "36 i o"] | None = None,
    pool: bool = False,
    ceil_mode: bool = False,
) -> Float[Array, "_h _w o"]:
    """3x3 convolution with bias and ReLU: `relu(correlation of x with the kernel + bias)`, stride 1, the size kept.

    The input gradient is an ordinary convolution with the flipped, transposed kernel. The one that autodiff makes has
    the same values, but runs three times slower inside `lax.scan` and `while_loop` on CPU.

    With `transformed`, from `winograd.transform_kernel`, the convolution and its input gradient run by Winograd's
    algorithm: on CPUs about twice as fast, and less exact (a relative error near 1e-5 instead of 1e-7 in float32).
    `kernel` is not used then, and there is no derivative along `transformed`.

    With `pool` the result is `pool2x2` of that, the maximum of 2x2 blocks; its gradient needs less memory and traffic.

    Raises:
        SettingError: a derivative along `transformed` is taken.
    """
    x, settings = _padded(x, padding)
    relu, maximum = (_relu, _maximum) if transformed is None else (winograd.relu, winograd.maximum)
    arrays = x[None], kernel if transformed is None else transformed, bias
    return maximum.bind(*arrays, **settings, ceil_mode=ceil_mode)[0] if pool else relu.bind(*arrays, **settings)[0]


@partial(jax.jit, static_argnames=("padding",))
def conv3x3(
    x: Float[Array, "h w i"],
    kernel: Float[Array, "3 3 i o"],
    bias: Float[Array, " o"],
    *,
    padding: Padding = "zero",
    transformed: Float[Array, "36 i o"] | None = None,
) -> Float[Array, "h w o"]:
    """3x3 convolution with bias, as `conv3x3_relu` computes it before the ReLU."""
    x, settings = _padded(x, padding)
    linear = _exact if transformed is None else winograd.linear
    return linear.bind(x[None], kernel if transformed is None else transformed, **settings)[0] + bias[None, None]


def _padded(x: Array, padding: Padding) -> tuple[Array, dict[str, Any]]:
    """The picture with its edges padded, and the settings of the primitives, which pad with zeros themselves."""
    config: Any = jax.config
    # The primitives are lowered later, when JAX's setting may be another.
    settings = {"pad": 1 if padding == "zero" else 0, "precision": config.jax_default_matmul_precision}
    return x if padding == "zero" else jnp.pad(x, ((1, 1), (1, 1), (0, 0)), mode=_PAD_MODE[padding]), settings


def _correlate(x: Array, kernel: Array, pad: int, precision: str | None) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    pads = [(pad, pad)] * 2
    return lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=dimensions, precision=precision)


@partial(jax.jit, static_argnames=("pad", "precision"))
def _forward(x: Array, kernel: Array, *, pad: int, precision: str | None) -> Array:
    return _correlate(x, kernel, pad, precision)


@partial(jax.jit, static_argnames=("pad", "precision"))
def _backward(y: Array, kernel: Array, *, pad: int, precision: str | None) -> Array:
    return _correlate(y, kernel[::-1, ::-1].swapaxes(2, 3), 2 - pad, precision)


@partial(jax.jit, static_argnames=("pad", "precision"))
def _with_relu(x: Array, kernel: Array, bias: Array, *, pad: int, precision: str | None) -> Array:
    return jax.nn.relu(_correlate(x, kernel, pad, precision) + bias[None, None, None])


def _along_kernel(dkernel: Array, x: Array, kernel: Array, *, pad: int, precision: str | None) -> Array:
    return _correlate(x, dkernel, pad, precision)


_exact, _ = linear_pair("convolution", _forward, _backward)
_relu = rectified(_exact, _with_relu, _along_kernel, one_by_one=False)
_maximum = rectified_maximum(_exact, _relu, _along_kernel, one_by_one=False)
