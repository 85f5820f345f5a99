"""The encoder and the decoder that AdaIN and WCT share: VGG19 up to one of its layers, and back to a picture.

The levels 1 to 5 are the layers relu1_1, relu2_1, ..., relu5_1. An encoder ends at the layer of its level. A decoder
begins there and mirrors the encoder.
"""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.feedforward.layers import convolve, double
from jaxstyle.networks.vgg import VGG19, WINOGRAD_LEAST, Convolution
from jaxstyle.objective.plan import Conv
from jaxstyle.weights.decoder import LEVELS, layers_to
from jaxstyle.weights.layout import UNIT, Weights

WIDTHS = (64, 128, 256, 512, 512)
"""The number of channels in each of VGG19's five blocks."""


class Encoder(VGG19):
    """A VGG19 up to relu{level}_1, with the padding and preprocessing that its weights specify.

    Pooling keeps the last row and column of an odd size, as in the public AdaIN and WCT encoders. So the features cover
    the whole picture, and a decoder's output, cropped to the picture's size, is aligned with the picture.

    Args:
        weights: a VGG19's weights that reach at least this level; deeper layers are left out.
        level: from 1 to 5.

    Raises:
        SettingError: the level is out of range, or the weights do not reach it.
    """

    def __init__(self, weights: Weights, level: int):
        _check_level(level)
        names = layers_to(level)
        if missing := [name for name in names if f"{name}/kernel" not in weights.arrays]:
            raise SettingError(f"weights: end before relu{level}_1 ({missing[0]} is missing); use deeper ones")
        arrays = {f"{name}/{part}": weights.arrays[f"{name}/{part}"] for name in names for part in ("kernel", "bias")}
        names_of = {"name": weights.name, "sha256": weights.sha256, "licence": weights.licence}
        super().__init__(Weights(arrays, weights.preprocessing, weights.padding, weights.pooling, True, **names_of))
        self.level = level

    @classmethod
    def random(cls, key: Array, *, widths: Sequence[int] = WIDTHS, level: int = 4) -> "Encoder":
        """An untrained encoder with `widths` channels in its blocks, initialised by He et al. 2015, equation 10.

        It takes RGB in [0, 1] without preprocessing and pads by reflection.

        Raises:
            SettingError: the level is out of range, or `widths` are not positive whole numbers for so many blocks.
        """
        shapes = {name: (3, 3, i, o) for name, (i, o) in _channels(widths, level).items()}
        return cls(Weights(_random_arrays(key, shapes), UNIT, padding="reflect"), level)

    def __call__(self, image: Float[Array, "h w 3"]) -> Float[Array, "_h _w c"]:
        """The activations of a picture at relu{level}_1; height and width are halved level - 1 times, rounded up."""
        return self.features(image, [self.layer])[self.layer]

    @property
    def layer(self) -> str:
        """The name of the last layer, such as "relu4_1"."""
        return f"relu{self.level}_1"

    @property
    def channels(self) -> int:
        """The number of channels of the last layer."""
        return int(getattr(self, f"conv{self.level}_1").kernel.shape[3])

    def arrays(self) -> dict[str, np.ndarray]:
        """The kernels and biases by name, as in `Weights.arrays`."""
        return _arrays_of(self, self.level)


class Decoder(nnx.Module):
    """Maps features at relu{level}_1 back to a picture: VGG19's convolutions in reverse order.

    Where VGG19 pools, the decoder upsamples by 2 (nearest neighbour). All convolutions pad by reflection and are
    followed by a ReLU, the last one only with `last_relu`. A layer is named after the encoder's layer that it inverts:
    "conv3_1" takes the channels of relu3_1 and gives those of relu2_2.

    Args:
        arrays: "conv4_1/kernel" (3, 3, in, out), "conv4_1/bias" (out,), ..., "conv1_1/bias" (3,).
        last_relu: whether the picture passes through a ReLU at the end, as in the small networks of Collaborative
            Distillation. The published decoders of AdaIN and WCT have none there.
    """

    def __init__(self, arrays: Mapping[str, Array | np.ndarray], *, last_relu: bool = False):
        self.level = max(int(name[4]) for name in arrays)
        placed = jax.device_put(dict(arrays))
        for name in layers_to(self.level):
            setattr(self, name, Convolution(placed[f"{name}/kernel"], placed[f"{name}/bias"]))
        self.last_relu = last_relu

    @classmethod
    def random(
        cls, key: Array, *, widths: Sequence[int] = WIDTHS, level: int = 4, last_relu: bool = False
    ) -> "Decoder":
        """An untrained decoder for an encoder with `widths` channels in its blocks (He et al. 2015, equation 10)."""
        shapes = {name: (3, 3, o, i) for name, (i, o) in _channels(widths, level).items()}
        return cls(_random_arrays(key, shapes), last_relu=last_relu)

    def __call__(self, features: Float[Array, "h w c"]) -> Float[Array, "_h _w 3"]:
        """The picture, RGB near [0, 1] but not clipped; each side is 2^(level - 1) times that of the features."""
        x = features
        for name in reversed(layers_to(self.level)):
            x = _convolve(getattr(self, name), x, relu=self.last_relu or name != "conv1_1")
            if name.endswith("_1") and name != "conv1_1":
                x = double(x)
        return x

    @property
    def channels(self) -> int:
        """The number of input channels."""
        return int(getattr(self, f"conv{self.level}_1").kernel.shape[2])

    def arrays(self) -> dict[str, np.ndarray]:
        """The kernels and biases by name, as `__init__` takes them."""
        return _arrays_of(self, self.level)

    def prepared(self, conv: Conv = "auto") -> "Decoder":
        """A copy of the network for inference only, which uses Winograd's algorithm where `VGG19.prepared` would."""
        other: Decoder = nnx.merge(*nnx.split(self))
        winograd = conv == "winograd" or (conv == "auto" and jax.default_backend() == "cpu")
        for name in layers_to(self.level):
            getattr(other, name).prepare(winograd and name != "conv1_1", "float32")
        return other


def _check_level(level: int) -> None:
    if level not in LEVELS:
        raise SettingError(f"level: got {level!r}, expected 1 to 5 for relu1_1 to relu5_1")


def _arrays_of(network: nnx.Module, level: int) -> dict[str, np.ndarray]:
    return {
        f"{name}/{part}": np.asarray(getattr(getattr(network, name), part)[...])
        for name in layers_to(level)
        for part in ("kernel", "bias")
    }


def _convolve(conv: Convolution, x: Float[Array, "h w i"], *, relu: bool) -> Float[Array, "h w o"]:
    """Apply a convolution padded by reflection, with bias and, if `relu`, a ReLU.

    It is the plain convolution, which can be trained and is fast under `jax.vmap`, unless `conv` has been prepared for
    Winograd's algorithm.
    """
    kernel = conv.kernel[...]
    if relu and conv.transformed is not None and kernel.size * x.shape[0] * x.shape[1] >= WINOGRAD_LEAST:
        return conv(x, "reflect")
    y = convolve(x, kernel, conv.bias[...])
    return jax.nn.relu(y) if relu else y


def _channels(widths: Sequence[int], level: int) -> dict[str, tuple[int, int]]:
    """{convolution: (channels in, channels out)} of an encoder. Raises SettingError for a wrong level or widths."""
    _check_level(level)
    names = layers_to(level)
    if len(widths) < level or not all(isinstance(width, int) and width > 0 for width in widths):
        raise SettingError(f"widths: got {widths!r}, expected the channels of {level} blocks")
    out = [widths[int(name[4]) - 1] for name in names]
    return dict(zip(names, zip([3, *out], out, strict=False), strict=True))


def _random_arrays(key: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Normally distributed kernels of variance 2 / (9 * channels in), and zero biases.

    NumPy draws them, because JAX would compile a program for each shape.
    """
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    arrays: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        arrays[f"{name}/kernel"] = random.standard_normal(shape, np.float32) * np.float32((2 / (9 * shape[2])) ** 0.5)
        arrays[f"{name}/bias"] = np.zeros(shape[3], np.float32)
    return arrays
