"""Networks for which a picture goes on beyond its edges."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.networks.model import FeatureModel, Geometry, features_of, geometry_of


@partial(jax.tree_util.register_dataclass, data_fields=["model"], meta_fields=["margin"])
@dataclass(frozen=True)
class Wrapped:
    """A network that sees a picture as a tile among its own copies: the left edge follows the right one.

    The picture is repeated by a margin on each side, and the activations are cut to its own. They are exactly those of
    an endless plane of tiles, if no position sees further than the margin: `wrap` chooses it so.

    Attributes:
        model: the network.
        margin: pixels that are repeated on each side, a multiple of every layer's stride.
    """

    model: FeatureModel
    margin: int

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the network's layers."""
        return self.model.layers

    @property
    def name(self) -> str:
        """Name of the network."""
        return f"{getattr(self.model, 'name', 'network')}, wrapped"

    def geometry(self, layer: str) -> Geometry:
        """Stride and halo of a layer."""
        return geometry_of(self.model, layer)

    def features(self, image: Float[Array, "h w 3"], layers: Iterable[str]) -> dict[str, Array]:
        """Activations of the picture as a tile, {layer: (h / stride, w / stride, c)}."""
        wanted, around = set(layers), [(self.margin, self.margin)] * 2
        found = features_of(self.model, jnp.pad(image, [*around, (0, 0)], mode="wrap"), wanted)
        return {layer: self._cut(found[layer], layer, image.shape) for layer in wanted}

    def _cut(self, values: Array, layer: str, shape: tuple[int, ...]) -> Array:
        stride = geometry_of(self.model, layer).stride
        first, height, width = self.margin // stride, shape[0] // stride, shape[1] // stride
        return values[first : first + height, first : first + width]


def wrap(model: FeatureModel, layers: Iterable[str], shape: tuple[int, ...]) -> Wrapped:
    """Wrap a network for some layers, and tiles of (height, width) `shape`.

    Raises:
        SettingError: an edge of the tile is no multiple of the layers' strides, so that its copies would differ.
    """
    found = [geometry_of(model, layer) for layer in layers]
    step = max(each.stride for each in found)
    if any(edge % step for edge in shape[:2]):
        raise SettingError(f"size: got {shape[1]}x{shape[0]} for a tile, expected multiples of {step} for these layers")
    reach = max(each.stride + each.halo for each in found)
    return Wrapped(model, -(-reach // step) * step)
