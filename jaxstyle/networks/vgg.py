"""VGG19 and VGG16 (Simonyan & Zisserman 2015) as feature extractors: flax Modules used as plain pytrees."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from jaxstyle.networks.conv import Conv, conv3x3, conv3x3_relu
from jaxstyle.networks.model import Geometry, check_layers
from jaxstyle.networks.pooling import pool2x2
from jaxstyle.networks.winograd import transform_kernel
from jaxstyle.weights.layout import AUXILIARY, CONVOLUTIONS, Padding, Pooling, Weights

Activations = Literal["float32", "bfloat16"]
Features = dict[str, Float[Array, "_h _w _c"]]


# In layers of fewer multiplications Winograd's algorithm gains less than its compilation costs.
WINOGRAD_LEAST = 1 << 26
WINOGRAD_CHANNELS = 16  # the least number of input channels for Winograd's algorithm


class Convolution(nnx.Module):
    """Convolution layer: kernel (kh, kw, in, out), bias (out,), and transformed kernels for Winograd's algorithm."""

    def __init__(self, kernel: Array, bias: Array):
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(bias)
        self.transformed: nnx.Param | None = nnx.data(None)

    def is_prepared(self, winograd: bool, dtype: Activations) -> bool:
        """Whether `prepare` would change nothing."""
        wanted = winograd and self.kernel.shape[2] >= WINOGRAD_CHANNELS
        return wanted == (self.transformed is not None) and dtype in ("float32", str(self.kernel.dtype))

    def prepare(self, winograd: bool, dtype: Activations) -> None:
        """Make or drop the transformed kernels, and round the weights, in place."""
        traced = isinstance(self.kernel[...], jax.core.Tracer)  # the transform is in NumPy, which cannot be traced
        if winograd and not traced and self.transformed is None and self.kernel.shape[2] >= WINOGRAD_CHANNELS:
            self.transformed = nnx.Param(jax.device_put(transform_kernel(np.asarray(self.kernel[...]))))
        if not winograd:
            self.transformed = nnx.data(None)
        if dtype == "bfloat16":
            for name, array in vars(self).items():
                if isinstance(array, nnx.Param):
                    setattr(self, name, nnx.Param(array[...].astype(jnp.bfloat16)))

    def __call__(
        self, x: Float[Array, "h w i"], padding: Padding, *, relu: bool = True, **pooling: bool
    ) -> Float[Array, "_h _w o"]:
        """Apply the 3x3 convolution with bias and ReLU; `pooling` are the options `pool` and `ceil_mode`."""
        kernel = self.kernel[...]
        few = kernel.size * x.shape[0] * x.shape[1] < WINOGRAD_LEAST
        transformed = None if self.transformed is None or few else self.transformed[...]
        apply: Any = conv3x3_relu if relu else conv3x3
        return apply(x, kernel, self.bias[...], padding=padding, transformed=transformed, **pooling)


class VGG(nnx.Module):
    """The convolutions of a VGG, as deep and as wide as its weights, with the preprocessing they need.

    Pass it to `jax.jit`, `jax.grad` and `jax.vmap` as an argument, like any array.

    Example:
        >>> model = jaxstyle.load_vgg19("embedded")
        >>> model.features(image, ["relu1_1", "relu4_1"])["relu4_1"].shape
        (32, 32, 128)
    """

    deepest: ClassVar[int]
    """Number of convolutions in the last block."""

    def __init__(self, weights: Weights):
        # Not jnp.asarray, which compiles a program for each shape, in 25 ms each at every start.
        arrays = jax.device_put(dict(weights.arrays))
        for name in (*weights.layers, *AUXILIARY):
            if f"{name}/kernel" in arrays:
                setattr(self, name, Convolution(arrays[f"{name}/kernel"], arrays[f"{name}/bias"]))
        self.matrix = nnx.Param(jax.device_put(np.asarray(weights.preprocessing.matrix)))
        self.offset = nnx.Param(jax.device_put(np.asarray(weights.preprocessing.offset)))
        self.padding: Padding = weights.padding
        self.first_padding: Padding = weights.padding
        self.pooling: Pooling = weights.pooling
        self.ceil_mode = weights.ceil_mode
        self.name, self.sha256 = weights.name, weights.sha256

    @property
    def layers(self) -> tuple[str, ...]:
        """Every name that `features` accepts, from the image to the deepest layer."""
        names = ["input"]
        for conv in (name for name in CONVOLUTIONS if hasattr(self, name)):
            if conv.endswith("_1") and conv != "conv1_1":
                names.append(f"pool{int(conv[4]) - 1}")
            names += [conv, f"relu{conv[4:]}"]
            if hasattr(self, f"{conv}_aux"):
                names.append(f"relu{conv[4:]}_aux")
        return tuple([*names, "pool5"] if hasattr(self, f"conv5_{self.deepest}") else names)

    def features(self, image: Float[Array, "h w 3"], layers: Iterable[str]) -> Features:
        """The activations of one picture at the named layers; nothing deeper is computed.

        Args:
            image: RGB in [0, 1].
            layers: names such as "relu4_1" (after the ReLU), "conv4_1" (before it), "pool4", "input" (the picture
                itself), and "relu4_1_aux" where the weights have that 1x1 layer.

        Returns:
            {name: (h', w', c)}, in the network's order.

        Raises:
            SettingError: a layer the network does not have.
            ImageError: a picture too small to reach the deepest layer.
        """
        wanted = set(layers)
        check_layers(self, wanted, image.shape)
        found, x = {"input": image}, self.preprocessed(image)
        for number in range(1, 1 + self.blocks(wanted)):
            x, new = self.block(number, x, wanted)
            found |= new
        return {name: found[name] for name in found if name in wanted}

    def preprocessed(self, image: Float[Array, "h w 3"]) -> Float[Array, "h w 3"]:
        """Convert RGB in [0, 1] to the input of the first convolution, in the dtype of its weights."""
        matrix, offset = (each[None, None].astype(image.dtype) for each in (self.matrix, self.offset))
        # Not a matrix product, which accelerators would round to fewer digits and could not join with what is around.
        x = sum((image[..., i, None] * matrix[..., i, :] for i in range(3)), offset)
        return x.astype(self.conv1_1.kernel.dtype)

    def block(
        self, number: int, x: Float[Array, "h w i"], layers: set[str]
    ) -> tuple[Float[Array, "_h _w o"], Features]:
        """Compute a block, 1 to 5, from its input x: the next block's input, and activations at its own of `layers`.

        In the block of the deepest of `layers` nothing deeper is computed.
        """
        found: Features = {}
        here = {name for name in layers if block_of(name) == number}
        last = all(block_of(name) <= number for name in layers)
        names = [name for name in self.layers if block_of(name) == number]
        pooled = self._pooled(names, here)
        for name in names:
            if last and here <= found.keys():
                break
            if name == pooled or (name.startswith("conv") and name not in here):
                continue
            with jax.named_scope(name):
                before = found.get(f"conv{name[4:]}") if name.startswith("relu") else None
                found[name] = self._layer(name, x, pooled) if before is None else nnx.relu(before)
            if not name.startswith("conv") and not name.endswith("_aux"):
                x = found[name]
        return x, {name: found[name] for name in found if name in here}

    def _pooled(self, names: list[str], wanted: set[str]) -> str | None:
        """The layer that is computed together with the pooling after it, as nothing else needs it."""
        before = names[-2] if self.pooling == "max" and names[-1].startswith("pool") else ""
        alone = before.startswith("relu") and not before.endswith("_aux")
        return before if alone and not {before, f"conv{before[4:]}"} & wanted else None

    def _layer(self, name: str, x: Array, pooled: str | None) -> Array:
        if name.startswith("pool") and pooled is not None:
            conv = getattr(self, f"conv{pooled[4:]}")
            return conv(x, self.padding, pool=True, ceil_mode=self.ceil_mode)
        if name.startswith("pool"):
            return pool2x2(x, self.pooling, ceil_mode=self.ceil_mode)
        conv = getattr(self, f"conv{name[4:]}")
        if name.endswith("_aux"):
            return nnx.relu(x @ conv.kernel[0, 0] + conv.bias[None, None])
        return conv(x, self.first_padding if name[4:] == "1_1" else self.padding, relu=name.startswith("relu"))

    def with_changes(self, *, pooling: Pooling | None = None, first_padding: Padding | None = None) -> "VGG":
        """Return the network, sharing its arrays, with another pooling or padding of conv1_1; None changes nothing."""
        other = nnx.merge(*nnx.split(self))
        other.pooling = pooling or self.pooling
        other.first_padding = first_padding or self.first_padding
        return other

    def prepared(self, layers: Iterable[str], *, conv: Conv = "auto", dtype: Activations = "float32") -> "VGG":
        """Return the same network, prepared to run to the deepest of `layers` as a plan asks; its arrays are shared.

        Args:
            layers: names as for `features`.
            conv: "winograd" transforms the kernels, in a third of a second and four times their memory, for layers and
                pictures large enough to gain by it; "exact" does not; "auto" does on CPU. Under `jax.jit` kernels are
                never transformed.
            dtype: "bfloat16" rounds the weights to it, and so all activations; "float32" leaves them as they are.

        Raises:
            SettingError: a layer the network does not have.
        """
        check_layers(self, layers, (1 << 20, 1 << 20))
        winograd = conv == "winograd" or (conv == "auto" and jax.default_backend() == "cpu")
        deepest = max((self.layers.index(name) for name in layers), default=0)
        names = [name for name in self.layers[1 : deepest + 1] if name.startswith("conv")]
        if all(getattr(self, name).is_prepared(winograd, dtype) for name in names):
            return self
        other = nnx.merge(*nnx.split(self))
        for name in names:
            getattr(other, name).prepare(winograd, dtype)
        return other

    def geometry(self, layer: str) -> Geometry:
        """Geometry of a layer: each convolution sees one more position on every side, and each pooling joins two.

        >>> jaxstyle.load_vgg19("embedded").geometry("relu3_1")
        Geometry(stride=4, halo=10, least=8)
        """
        stride, halo = 1, 0
        for name in self.layers[1 : self.layers.index(layer) + 1]:
            if name.startswith("pool"):
                stride *= 2
            elif name.startswith("conv"):
                halo += stride
        return Geometry(stride, halo, stride * (2 if self.padding == "reflect" else 1))

    def blocks(self, layers: set[str]) -> int:
        """Number of blocks, 0 to 5, that have to be computed to reach all of the layers."""
        return max(map(block_of, layers), default=0)


class VGG19(VGG):
    """A VGG19: four convolutions in each of the blocks 3 to 5. `jaxstyle.load_vgg19` makes one."""

    deepest = 4


class VGG16(VGG):
    """A VGG16: three convolutions in each of the blocks 3 to 5. `jaxstyle.load_vgg16` makes one."""

    deepest = 3


def block_of(layer: str) -> int:
    """Number of the block of a VGG's layer: 1 to 5 for convolutions and poolings, 0 for "input"."""
    return 0 if layer == "input" else int(layer[4])
