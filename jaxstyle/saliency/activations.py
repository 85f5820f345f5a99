"""Aggregated activations: where the sum of a network's activations is large, there is an object of whatever class."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number

# Share of a layer's mean. With a standard deviation far below it the layer is flat, and its differences are rounding.
FLAT = 1e-3


@dataclass(frozen=True)
class AggregatedActivations:
    """Soft map (h, w), in (0, 1), of the positions whose activations add up to more than the mean position's.

    At each layer `m = sigmoid(sharpness (A - mean A) / sd A)`, where `A` is the sum over channels. The map is the mean
    of the layers' maps, each resized to the first one's size (bilinear). Wei, Luo, Wu & Zhou 2017 ("Selective
    Convolutional Descriptor Aggregation for Fine-Grained Image Retrieval", SCDA) have the mask `A > mean A`, which is
    m > 1/2. That is a step, which has no gradient; the sigmoid is our own. So is the mean over layers, where they
    intersect the masks of two layers. They keep only the largest component; here this is left to the user of the map
    (`largest_component`).

    The map needs no classifier, works with any VGG19, and does not change when the activations are scaled. A layer
    without differences has the map 1/2.

    Attributes:
        layers: names of deep layers, kept as a tuple; SCDA has the last ones of VGG16.
        sharpness: steepness of the sigmoid per standard deviation of A, above 0. With 4, the map is 0.88 at half a
            standard deviation above the mean.

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
        """Map of a picture with these activations, at the first one's size."""
        shape = features[0].shape[:2]
        maps = [jax.nn.sigmoid(self.sharpness * standardized(each)) for each in features]
        return jnp.mean(jnp.stack([jax.image.resize(each, shape, "linear") for each in maps]), axis=0)


def standardized(features: Float[Array, "h w c"]) -> Float[Array, "h w"]:
    """Sum over channels, minus its mean, divided by its standard deviation; 0 where there are no differences."""
    total = jnp.sum(features, axis=-1)
    mean = jnp.mean(total)
    # Above 0, where the square root has a gradient.
    variance = jnp.mean((total - mean) ** 2) + (FLAT * mean) ** 2 + 1e-12
    return (total - mean) / jnp.sqrt(variance)
