"""Magenta's style predictor: a MobileNetV2 that maps a painting to its style vector of 100 numbers.

Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural artistic stylization network", section 3,
with the MobileNetV2 of Sandler et al. 2018 in place of the paper's Inception-v3, as Magenta published it for phones.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.feedforward.layers import convolve, depthwise
from jaxstyle.feedforward.magenta_layout import BLOCKS, check_part

SIZE = 256
"""The height and width in pixels of the pictures that the network was trained on."""


class Predictor(nnx.Module):
    """The style predictor, with batch normalisation folded into kernels and biases, and ReLU6 activations.

    Convolutions use TensorFlow's SAME padding: at stride 2 an even size gets one row and one column of zeros, at the
    bottom and on the right.
    """

    def __init__(self, arrays: Mapping[str, ArrayLike]):
        """Take the arrays that `magenta_layout.predictor_shapes` lists. Raises WeightsError for others."""
        check_part({name: np.shape(array) for name, array in arrays.items()}, "predict")
        params = {name: nnx.Param(jax.device_put(np.asarray(array, np.float32))) for name, array in arrays.items()}
        self.params = nnx.Dict(params)

    def __call__(self, style: Float[Array, "h w 3"]) -> Float[Array, " 100"]:
        """The style vector (100,) of one picture, RGB in [0, 1], which is first resized to 256x256 if needed."""
        x = style
        if style.shape[:2] != (SIZE, SIZE):
            x = jax.image.resize(style, (SIZE, SIZE, 3), "linear").clip(0, 1)
        x = relu6(self._layer("conv", x, 2))
        for name, expansion, width, stride in BLOCKS:
            y = relu6(self._layer(f"{name}/expand", x)) if expansion > 1 else x
            y = relu6(depthwise(y, *self._numbers(f"{name}/depthwise"), stride=stride))
            y = self._layer(f"{name}/project", y)
            x = x + y if stride == 1 and width == x.shape[2] else y
        pooled = relu6(self._layer("conv_1", x)).mean((0, 1), keepdims=True)
        return self._layer("bottleneck", pooled)[0, 0]

    def _layer(self, name: str, x: Array, stride: int = 1) -> Array:
        return convolve(x, *self._numbers(name), stride=stride, border="same")

    def _numbers(self, name: str) -> tuple[Array, Array]:
        return self.params[f"{name}/kernel"][...], self.params[f"{name}/bias"][...]


def relu6(x: Array) -> Array:
    """`min(max(x, 0), 6)`."""
    return jnp.clip(x, 0, 6)
