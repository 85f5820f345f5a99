"""Aggregated activations: where a network says the most there is an object, whatever its class."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number

# Of a layer's mean: where the standard deviation is far below this the layer is flat, and what differs is rounding.
FLAT = 1e-3


@dataclass(frozen=True)
class AggregatedActivations:
    """Soft map of the positions whose activations add up to more than their mean: (h, w) in (0, 1).

    At each layer `m = sigmoid(sharpness (A - mean A) / sd A)`, where `A` is the sum over channels; the mean of the
    layers' maps, each resized to the first's size (bilinear). Wei, Luo, Wu & Zhou 2017 ("Selective Convolutional
    Descriptor Aggregation for Fine-Grained Image Retrieval", SCDA): their mask is `A > mean A`, which is m > 1/2. That
    is a step, which has no gradient; the sigmoid is ours, and so is the mean over layers, where they take what is in
    both masks. That they keep the largest component alone is left to who uses the map (`largest_component`).

    It needs no classifier, works with any VGG19, and scaling the activations changes nothing. A layer without
    differences has the map 1/2.

    Attributes:
        layers: deep ones; SCDA has the last of VGG16. Kept as a tuple.
        sharpness: of the sigmoid, per standard deviation of A, above 0. With 4, half a standard deviation above the
            mean is 0.88.

    Raises:
        SettingError: `layers` is no tuple of names, or `sharpness` no number above 0.
    """

    layers: Sequence[str] = ("relu4_1", "relu5_1")
    sharpness: float = 4.0
    kind: str = field(default="activations", init=False)

    def __post_init__(self) -> None:
        if isinstance(self.layers, str) or not all(isinstance(layer, str) for layer in self.layers) or not self.layers:
            raise SettingError(f"layers: got {self.layers!r}, expected a tuple of layer names, at least one")
        sharp = self.sharpness
        if not is_number(sharp, 0) or not sharp:
            raise SettingError(f"sharpness: got {sharp!r}, expected a number above 0")
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "sharpness", float(sharp))

    def __call__(self, features: tuple[Float[Array, "_h _w _c"], ...]) -> Float[Array, "h w"]:
        """The map of a picture with these activations, at the first one's size."""
        shape = features[0].shape[:2]
        maps = [jax.nn.sigmoid(self.sharpness * standardized(each)) for each in features]
        return jnp.mean(jnp.stack([jax.image.resize(each, shape, "linear") for each in maps]), axis=0)


def standardized(features: Float[Array, "h w c"]) -> Float[Array, "h w"]:
    """The sum over channels, less its mean, over its standard deviation; 0 where there are no differences."""
    total = jnp.sum(features, axis=-1)
    mean = jnp.mean(total)
    # Never the root of 0, which has no gradient.
    variance = jnp.mean((total - mean) ** 2) + (FLAT * mean) ** 2 + 1e-12
    return (total - mean) / jnp.sqrt(variance)
