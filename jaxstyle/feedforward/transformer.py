"""Magenta's transformer: paints a content as 100 numbers say.

Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural artistic stylization network", table 3 of
its appendix, which is Dumoulin et al. 2017 with scale and shift of every normalisation computed from the style vector.
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
    """Three convolutions down to a quarter of the size, five residual blocks, three back up; as wide as its numbers.

    The published one for phones has a quarter of the paper's channels: 8, 16, 32. All borders are mirrored.
    """

    def __init__(self, arrays: Mapping[str, ArrayLike]):
        """From the arrays of `magenta_layout.transformer_shapes`; WeightsError for others."""
        check_part({name: np.shape(array) for name, array in arrays.items()}, "transfer")
        params = {name: nnx.Param(jax.device_put(np.asarray(array, np.float32))) for name, array in arrays.items()}
        self.params = nnx.Dict(params)

    def __call__(self, content: Float[Array, "h w 3"], vector: Float[Array, " 100"]) -> Float[Array, "h w 3"]:
        """Paint one picture, RGB in [0, 1], in the style of a style vector; the result is in (0, 1).

        A side that is no multiple of 4 is mirrored up to the next and the result cropped; TFLite gives the multiple.
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
        """Conditional instance normalisation: scale and shift are affine maps of the style vector."""
        scale, shift = (
            jnp.dot(vector, self._array(f"{name}/{part}/kernel"), precision="highest")
            + self._array(f"{name}/{part}/bias")
            for part in ("scale", "shift")
        )
        return instance_norm(x, scale, shift, epsilon=EPSILON)
