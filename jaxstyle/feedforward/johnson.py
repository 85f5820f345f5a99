"""Johnson-type networks: each is trained for one style and paints it in one forward pass.

Johnson, Alahi & Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", with the instance
normalisation of Ulyanov et al. 2016, as in the public TensorFlow implementation "fast-style-transfer":

    conv1 9x9, conv2 and conv3 3x3 at stride 2 | five residual blocks of two 3x3, no ReLU after the sum |
    convt1 and convt2 3x3 transposed at stride 2 | conv_out 9x9

The convolutions use TensorFlow's SAME zero padding and have no biases. Instance normalisation (epsilon 1e-3) and a ReLU
follow each of them, except that the second of a residual block and conv_out have no ReLU. The output is
`150 tanh(x) + 127.5`, for pixels from 0 to 255.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.errors import SettingError
from jaxstyle.feedforward.johnson_file import BLOCKS, LAYERS, check_johnson, expected_shapes, read_johnson
from jaxstyle.feedforward.johnson_layers import Layer, convolve_first, convolve_transposed
from jaxstyle.feedforward.layers import reflect_to_multiple
from jaxstyle.feedforward.model import check_pictures
from jaxstyle.feedforward.store import write_network

LEAST = 8  # smallest height and width of a content, in pixels


class Johnson(nnx.Module):
    """A network that paints any content in the one style that it was trained for. `load_johnson` loads one.

    Pass it to `jax.jit`, `jax.grad` and `jax.vmap` as an argument, like any array.
    """

    takes_style = False

    def __init__(self, arrays: Mapping[str, ArrayLike], name: str = "johnson"):
        check_johnson({key: np.shape(array) for key, array in arrays.items()})
        for layer in LAYERS:
            parts = (arrays[f"{layer}/{part}"] for part in ("kernel", "in_scale", "in_shift"))
            setattr(self, layer, Layer(*(jax.device_put(np.asarray(part, np.float32)) for part in parts)))
        self.name = name

    @classmethod
    def random(cls, seed: int = 0, *, width: int = 32) -> "Johnson":
        """An untrained network: He-normal kernels (He et al. 2015), normalisation scales 1 and shifts 0.

        There are two exceptions, so that a content passes through the network from the first training step on. Each
        residual block starts as the identity, because its last scale is 0. The output starts with about the contrast
        of a photograph, because the scale of conv_out is 0.4.

        Args:
            seed: random seed of the kernels.
            width: channels of conv1, from 1 to 256; 32 in the paper. conv2 has twice as many, and the residual blocks
                four times as many.

        Raises:
            SettingError: the width is out of range.
        """
        if not 1 <= width <= 256:
            raise SettingError(f"width: got {width}, expected 1 to 256 channels")
        random, arrays = np.random.default_rng(seed), {}
        for name, shape in expected_shapes({"conv1/kernel": (9, 9, 3, width)}).items():
            layer, part = name.split("/")
            if part == "kernel":
                fan_in = np.prod(shape) / shape[2 if layer.startswith("convt") else 3]
                arrays[name] = np.sqrt(2 / fan_in) * random.standard_normal(shape)
            else:
                first = 0.0 if layer.endswith("_conv2") else 0.4 if layer == "conv_out" else 1.0
                arrays[name] = np.full(shape, first if part == "in_scale" else 0.0)
        return cls(arrays)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike], metadata: Mapping[str, str]) -> "Johnson":
        """The network that `save` wrote, prepared for inference. Raises WeightsError for other arrays."""
        return cls(arrays, metadata.get("name", "johnson")).prepared()

    def prepared(self) -> "Johnson":
        """A copy of the network for inference only.

        On CPUs its residual blocks use Winograd's algorithm, which takes a third of the time and has no gradients.
        Elsewhere it is the network itself.
        """
        if jax.default_backend() != "cpu":
            return self
        other: Johnson = nnx.merge(*nnx.split(self))
        for layer in (layer for layer in LAYERS if layer.startswith("res")):
            getattr(other, layer).prepare()
        return other

    def style_code(self, style: Any) -> Any:
        """Raise SettingError: the network was trained for one style and takes no other."""
        raise SettingError(f"style: {self.name!r} was trained for one style and takes no other; leave it out")

    def __call__(
        self, content: Float[ArrayLike, "*batch h w 3"], code: tuple[()] = (), *, strength: float = 1.0
    ) -> Float[Array, "*batch h w 3"]:
        """Paint a picture (h, w, 3) or a batch (n, h, w, 3), RGB in [0, 1]; the result has the same size.

        A side that is not a multiple of 4 is extended by reflection to the next multiple, and the result is cropped.

        Args:
            content: the picture or batch, at least 8 pixels on each side.
            code: must be `()`; the argument exists because other fast networks have it.
            strength: must be 1.

        Raises:
            SettingError: a code or another strength is given; the network has one style at one strength.
            ImageError: the content has another shape or is too small.
        """
        if not isinstance(code, tuple) or code:
            self.style_code(code)
        if strength != 1:
            raise SettingError(
                f"strength: got {strength!r}, expected 1: {self.name!r} has one style at one strength; mix its result "
                "with the content"
            )
        return paint_clipped(self.layers, check_pictures("content", content, least=LEAST))

    def paint(self, content: Float[Array, "h w 3"], dtype: Any = None) -> Float[Array, "h w 3"]:
        """Paint one picture without clipping, as in training: values from -0.09 to 1.09. See the function `paint`."""
        return paint(self.layers, content, dtype)

    @property
    def layers(self) -> dict[str, Layer]:
        """{name: layer}, without the network's name, so that networks of equal shapes share one compiled program."""
        return {name: getattr(self, name) for name in LAYERS}

    @property
    def width(self) -> int:
        """The number of channels of the first layer."""
        return int(self.conv1.kernel.shape[3])

    def arrays(self) -> dict[str, np.ndarray]:
        """The float32 arrays by name, as `save` writes them."""
        parts = {"kernel": "kernel", "in_scale": "scale", "in_shift": "shift"}
        return {
            f"{layer}/{part}": np.asarray(getattr(getattr(self, layer), name)[...], np.float32)
            for layer in LAYERS
            for part, name in parts.items()
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the network to one safetensors file, which `load_johnson` reads. Raises WeightsFileError on failure."""
        return write_network(path, "johnson", self.arrays(), {"name": self.name})


def load_johnson(path: str | os.PathLike[str]) -> Johnson:
    """Load a Johnson-type network from an .npz file of the public layout or from jaxstyle's own file.

    For each layer NAME of conv1..conv3, res1_conv1..res5_conv2, convt1, convt2 and conv_out, the layout has the arrays
    NAME/kernel, NAME/in_scale and NAME/in_shift. Kernels are (kh, kw, in, out); those of convt1 and convt2 are
    (kh, kw, out, in). The numbers of channels may differ from file to file.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: the file is damaged, hostile or not such a network.

    Example:
        >>> net = jaxstyle.feedforward.load_johnson("wave.npz")
        >>> net(content).shape == content.shape
        True
    """
    arrays, metadata = read_johnson(path)
    return Johnson.from_arrays(arrays, {"name": Path(path).stem} | metadata)


def paint(layers: Mapping[str, Layer], content: Float[Array, "h w 3"], dtype: Any = None) -> Float[Array, "h w 3"]:
    """Paint one picture, without clipping, in float32 or wider.

    Args:
        layers: {name: layer}, as `Johnson.layers` gives them.
        content: RGB in [0, 1].
        dtype: the type of the activations; the content's when None.
    """
    h, w = content.shape[:2]
    x = 255 * reflect_to_multiple(content, 4).astype(dtype or content.dtype)
    x = nnx.relu(layers["conv1"].norm(convolve_first(x, layers["conv1"].kernel[...].astype(x.dtype))))
    for layer in (layers["conv2"], layers["conv3"]):
        x = nnx.relu(layer.norm(layer.convolve(x, stride=2)))
    for first, second in ((layers[f"{block}_conv1"], layers[f"{block}_conv2"]) for block in BLOCKS):
        x = x + second.norm(second.convolve(nnx.relu(first.norm(first.convolve(x)))))
    for layer in (layers["convt1"], layers["convt2"]):
        x = nnx.relu(layer.norm(convolve_transposed(x, layer.kernel[...].astype(x.dtype))))
    x = layers["conv_out"].norm(layers["conv_out"].convolve(x))
    return (150 * jnp.tanh(x.astype(jnp.promote_types(x.dtype, jnp.float32))) + 127.5)[:h, :w] / 255


@jax.jit
def paint_clipped(layers: Mapping[str, Layer], content: Float[Array, "*batch h w 3"]) -> Float[Array, "*batch h w 3"]:
    """Apply `paint` to one picture or to each picture of a batch, and clip to [0, 1]."""
    one = partial(paint, layers)
    return jnp.clip(one(content) if content.ndim == 3 else jax.vmap(one)(content), 0, 1)
