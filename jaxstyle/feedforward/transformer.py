"""Magenta's transformer: paints a content in the style that a style vector of 100 numbers describes.

Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural artistic stylization network", table 3 of
its appendix. It is the network of Dumoulin et al. 2017, with the scale and shift of every normalisation computed from
the style vector.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.feedforward.layers import convolve, convolve_doubled, instance_norm, reflect_to_multiple
from jaxstyle.feedforward.magenta_layout import check_part

EPSILON = 1e-5


class Transformer(nnx.Module):
    """The transformer: three convolutions down to a quarter of the size, five residual blocks, three back up.

    The given arrays determine the numbers of channels. The published network for phones has a quarter of the paper's
    channels: 8, 16, 32. All convolutions pad by reflection.
    """

    def __init__(self, arrays: Mapping[str, ArrayLike]):
        """Take the arrays that `magenta_layout.transformer_shapes` lists. Raises WeightsError for others."""
        check_part({name: np.shape(array) for name, array in arrays.items()}, "transfer")
        params = {name: nnx.Param(jax.device_put(np.asarray(array, np.float32))) for name, array in arrays.items()}
        self.params = nnx.Dict(params)

    def __call__(self, content: Float[Array, "h w 3"], vector: Float[Array, " 100"]) -> Float[Array, "h w 3"]:
        """Paint one picture, RGB in [0, 1], in the style of a style vector; the result is in (0, 1).

        A side that is not a multiple of 4 is extended by reflection to the next multiple, and the result is cropped.
        TFLite's own output has the size of the multiple instead.
        """
        x = reflect_to_multiple(content, 4)
        for name, stride in (("contract/conv1", 1), ("contract/conv2", 2), ("contract/conv3", 2)):
            x = jax.nn.relu(convolve(x, self._array(f"{name}/kernel"), self._array(f"{name}/bias"), stride=stride))
        for i in range(1, 6):
            y = jax.nn.relu(self._styled(f"residual{i}/conv1", x, vector))
            x = x + self._styled(f"residual{i}/conv2", y, vector)
        for name in ("expand/conv1", "expand/conv2"):
            x = jax.nn.relu(self._normalised(name, convolve_doubled(x, self._array(f"{name}/kernel")), vector))
        painted = jax.nn.sigmoid(self._styled("expand/conv3", x, vector))
        return painted[: content.shape[0], : content.shape[1]]

    def _array(self, name: str) -> Array:
        return self.params[name][...]

    def _styled(self, name: str, x: Array, vector: Array) -> Array:
        return self._normalised(name, convolve(x, self._array(f"{name}/kernel")), vector)

    def _normalised(self, name: str, x: Array, vector: Array) -> Array:
        """Conditional instance normalisation; scale and shift are affine functions of the style vector."""
        scale, shift = (
            jnp.dot(vector, self._array(f"{name}/{part}/kernel"), precision="highest")
            + self._array(f"{name}/{part}/bias")
            for part in ("scale", "shift")
        )
        return instance_norm(x, scale, shift, epsilon=EPSILON)
