"""Johnson-type networks: one style each, painted in one pass.

Johnson, Alahi & Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", with the instance
normalisation of Ulyanov et al. 2016, as in the public TensorFlow form of it ("fast-style-transfer"):

    conv1 9x9, conv2 and conv3 3x3 at stride 2 | five residual blocks of two 3x3, no ReLU after the sum |
    convt1 and convt2 3x3 transposed at stride 2 | conv_out 9x9

SAME zero borders and no biases; instance normalisation (epsilon 1e-3) and ReLU after each, without ReLU at the second
of a block and at the end, where the picture is `150 tanh(x) + 127.5` of pixels of 0 to 255.
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

LEAST = 8  # pixels a side


class Johnson(nnx.Module):
    """A network that paints any content in the one style that it was trained for. `load_johnson` makes one.

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
        """A network to be trained: He-normal kernels (He et al. 2015), scales 1, shifts 0.

        But residual blocks begin as identities, with the scale 0 at their end, and the picture with a contrast like
        that of photographs, with the scale 0.4: a content passes through from the first step on.

        Args:
            seed: of the kernels.
            width: channels of the first layer; 2 and 4 times that further in. 32 in the paper.
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
        """What `save` wrote, ready to paint: on a CPU by Winograd's algorithm. Raises WeightsError for other arrays."""
        return cls(arrays, metadata.get("name", "johnson")).prepared()

    def prepared(self) -> "Johnson":
        """The same network for inference: on CPUs residual blocks take a third of the time, and have no gradients."""
        if jax.default_backend() != "cpu":
            return self
        other: Johnson = nnx.merge(*nnx.split(self))
        for layer in (layer for layer in LAYERS if layer.startswith("res")):
            getattr(other, layer).prepare()
        return other

    def style_code(self, style: Any) -> Any:
        """Raises SettingError: the style is the network's own."""
        raise SettingError(f"style: {self.name!r} was trained for one style and takes no other; leave it out")

    def __call__(
        self, content: Float[ArrayLike, "*batch h w 3"], code: tuple[()] = (), *, strength: float = 1.0
    ) -> Float[Array, "*batch h w 3"]:
        """Paint a picture (h, w, 3) or a batch (n, h, w, 3) of RGB in [0, 1]; the result has the same size.

        A side that is no multiple of 4 is mirrored up to the next and the result is cropped.

        Args:
            content: at least 8 pixels a side.
            code: nothing; here for the sake of the other networks.
            strength: 1.

        Raises:
            SettingError: a code, or another strength: the network has but its own.
            ImageError: a content of another shape.
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
        """The picture as training sees it, not clipped: from -0.09 to 1.09. See the function `paint`."""
        return paint(self.layers, content, dtype)

    @property
    def layers(self) -> dict[str, Layer]:
        """By name: the network without its own name, so that equal shapes are one program."""
        return {name: getattr(self, name) for name in LAYERS}

    @property
    def width(self) -> int:
        """Channels of the first layer."""
        return int(self.conv1.kernel.shape[3])

    def arrays(self) -> dict[str, np.ndarray]:
        """The numbers by name, as `save` writes them."""
        parts = {"kernel": "kernel", "in_scale": "scale", "in_shift": "shift"}
        return {
            f"{layer}/{part}": np.asarray(getattr(getattr(self, layer), name)[...], np.float32)
            for layer in LAYERS
            for part, name in parts.items()
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as one safetensors file, which `load_johnson` reads. Raises WeightsFileError where it cannot be."""
        return write_network(path, "johnson", self.arrays(), {"name": self.name})


def load_johnson(path: str | os.PathLike[str]) -> Johnson:
    """Load a Johnson-type network from an .npz of the public layout or from jaxstyle's own file.

    The layout has, for each of conv1..conv3, res1_conv1..res5_conv2, convt1, convt2 and conv_out, NAME/kernel
    (kh, kw, in, out; of convt1 and convt2 kh, kw, out, in), NAME/in_scale and NAME/in_shift. Widths are the file's.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: it is damaged, hostile or not such a network.

    Example:
        >>> net = jaxstyle.feedforward.load_johnson("wave.npz")
        >>> net(content).shape
        (341, 512, 3)
    """
    arrays, metadata = read_johnson(path)
    return Johnson.from_arrays(arrays, {"name": Path(path).stem} | metadata)


def paint(layers: Mapping[str, Layer], content: Float[Array, "h w 3"], dtype: Any = None) -> Float[Array, "h w 3"]:
    """The output, not clipped, in float32 or wider; `dtype` is that of the activations, else the content's."""
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
    """`paint` of one picture or of each of a batch, clipped to [0, 1]."""
    one = partial(paint, layers)
    return jnp.clip(one(content) if content.ndim == 3 else jax.vmap(one)(content), 0, 1)
