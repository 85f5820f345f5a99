"""VGG19 to one of its layers and back again: what AdaIN and WCT share.

An encoder ends at relu1_1, relu2_1, ... or relu5_1, its level 1 to 5; the decoder of that level is its mirror image.
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
"""VGG19's channels in its five blocks."""


class Encoder(VGG19):
    """A VGG19 to relu{level}_1. Its padding and preprocessing are those of its weights.

    Pooling keeps the last row and column of an odd size, as in the public AdaIN and WCT encoders: the features cover
    the whole picture, and a decoder's output cropped to the picture's size lies where it should.

    Args:
        weights: of a VGG19 at least as deep as the level; what is deeper is left out.
        level: 1 to 5.

    Raises:
        SettingError: weights that are not that deep.
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
        """An untrained one with `widths` channels in its blocks: He et al. 2015, equation 10; takes RGB as it is."""
        shapes = {name: (3, 3, i, o) for name, (i, o) in _channels(widths, level).items()}
        return cls(Weights(_random_arrays(key, shapes), UNIT, padding="reflect"), level)

    def __call__(self, image: Float[Array, "h w 3"]) -> Float[Array, "_h _w c"]:
        """relu{level}_1 of a picture; sizes are halved level - 1 times, rounded up."""
        return self.features(image, [self.layer])[self.layer]

    @property
    def layer(self) -> str:
        """The name of its last layer."""
        return f"relu{self.level}_1"

    @property
    def channels(self) -> int:
        """Channels of its last layer."""
        return int(getattr(self, f"conv{self.level}_1").kernel.shape[3])

    def arrays(self) -> dict[str, np.ndarray]:
        """Its convolutions' numbers, as `Weights` has them."""
        return _arrays_of(self, self.level)


class Decoder(nnx.Module):
    """Features at relu{level}_1 back to a picture: VGG19's convolutions backwards, nearest x2 where it pools.

    All convolutions reflect at the edges and have a ReLU, the last one only with `last_relu`. A decoder's "conv3_1"
    undoes an encoder's: it takes relu3_1's channels and gives relu2_2's.

    Args:
        arrays: "conv4_1/kernel" (3, 3, in, out), "conv4_1/bias" (out,), ..., "conv1_1/bias" (3,).
        last_relu: whether the picture passes through a ReLU, as in the small networks of Collaborative Distillation;
            the published decoders of AdaIN and WCT end without.
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
        """An untrained mirror of an encoder with `widths` channels in its blocks: He et al. 2015, equation 10."""
        shapes = {name: (3, 3, o, i) for name, (i, o) in _channels(widths, level).items()}
        return cls(_random_arrays(key, shapes), last_relu=last_relu)

    def __call__(self, features: Float[Array, "h w c"]) -> Float[Array, "_h _w 3"]:
        """The picture, RGB near [0, 1], not clipped; each side 2^(level - 1) times as long."""
        x = features
        for name in reversed(layers_to(self.level)):
            x = _convolve(getattr(self, name), x, relu=self.last_relu or name != "conv1_1")
            if name.endswith("_1") and name != "conv1_1":
                x = double(x)
        return x

    @property
    def channels(self) -> int:
        """Channels that it takes."""
        return int(getattr(self, f"conv{self.level}_1").kernel.shape[2])

    def arrays(self) -> dict[str, np.ndarray]:
        """What it was made of, as `__init__` takes it."""
        return _arrays_of(self, self.level)

    def prepared(self, conv: Conv = "auto") -> "Decoder":
        """The same network, ready to run by Winograd's algorithm where `VGG19.prepared` would; for inference only."""
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
    """Plain, and so trainable and quick under `jax.vmap`, unless the convolution has been prepared for Winograd's."""
    kernel = conv.kernel[...]
    if relu and conv.transformed is not None and kernel.size * x.shape[0] * x.shape[1] >= WINOGRAD_LEAST:
        return conv(x, "reflect")
    y = convolve(x, kernel, conv.bias[...])
    return jax.nn.relu(y) if relu else y


def _channels(widths: Sequence[int], level: int) -> dict[str, tuple[int, int]]:
    """{convolution: (channels in, channels out)} of an encoder."""
    _check_level(level)
    names = layers_to(level)
    if len(widths) < level or not all(isinstance(width, int) and width > 0 for width in widths):
        raise SettingError(f"widths: got {widths!r}, expected the channels of {level} blocks")
    out = [widths[int(name[4]) - 1] for name in names]
    return dict(zip(names, zip([3, *out], out, strict=False), strict=True))


def _random_arrays(key: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Kernels of variance 2 / (9 in), biases of 0; by NumPy, as JAX would compile a program for each shape."""
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    arrays: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        arrays[f"{name}/kernel"] = random.standard_normal(shape, np.float32) * np.float32((2 / (9 * shape[2])) ** 0.5)
        arrays[f"{name}/bias"] = np.zeros(shape[3], np.float32)
    return arrays
