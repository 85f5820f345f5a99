"""Neural neighbours: each feature should become the style's feature that it is most like."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from jaxstyle.errors import SettingError
from jaxstyle.losses.hypercolumn import HypercolumnLoss, Maps, Scale, unit_rows
from jaxstyle.losses.positions import Guide, Key

# Number of rows of the similarity matrix that are computed at a time.
BLOCK = 256


@dataclass(frozen=True)
class NearestNeighbourLoss(HypercolumnLoss):
    """Cosine distance to the nearest style feature: `mean_i (1 - cos(F_i, S_n(i)))`, `n(i) = argmax_j cos(F_i, S_j)`.

    Kolkin et al. 2022 ("Neural Neighbor Style Transfer"). F and S are hypercolumns, each minus its picture's mean;
    every layer is divided by its number of channels, so that wide layers do not outweigh narrow ones. The value is in
    [0, 1], and above 1 only where the cosine is negative even for the nearest style feature; it is 1 for all-zero
    features. At its own target it is not 0 but about 1e-8 / |F_i|^2, because of the 1e-8 in the norm.

    The match is made anew at each evaluation and has no gradient. With one such loss per layer ("feature splitting"),
    for relu1_1 to relu4_3 of VGG16, this is the authors' final pass. Their earlier passes match the content once and
    keep the targets, see `HypercolumnMatchLoss`.

    Attributes:
        turns: whether features are also taken of the style turned by 90, 180 and 270 degrees, `style_samples` of each.

    Cost: 2 n m c operations for n and m positions and c channels in all. Similarities are computed 256 rows at a time:
    memory is 256 m + a few times (n + m) c numbers, at 4096 positions 4 MiB + a few times 2 x 16 MiB per 1024 channels.
    """

    samples: int = 4096
    turns: bool = False
    kind: ClassVar[str] = "nearest_neighbour"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.turns, bool):
            raise SettingError(f"turns: got {self.turns!r}, expected true or false")

    @property
    def turned(self) -> bool:  # type: ignore[override]
        """Whether the target is also of the style turned by 90, 180 and 270 degrees."""
        return self.turns

    def part(self, features: Maps, guide: Guide = None) -> tuple[Float[Array, "m c"], Scale]:
        """The hypercolumns of the style, turned in one way, over their numbers of channels; and their scale."""
        return per_channel(self.style_columns(features, guide), features), self.scale(features)

    def join(self, parts: Sequence[tuple[Float[Array, "_m c"], Scale]]) -> tuple[Float[Array, "m c"], Scale]:
        """The hypercolumns of all turns, in the scale of the first, centred on their mean, and of length 1."""
        (_, scale), *_ = parts
        rows = jnp.concatenate([rows for rows, _ in parts])
        return centred_units(rows if scale is None else rows * scale[None]), scale

    def target(self, features: Maps, guide: Guide = None) -> tuple[Float[Array, "m c"], Scale]:
        """The style's hypercolumns, layers balanced, centred on their mean, and of length 1; and their scale."""
        return self.join([self.part(features, guide)])

    def __call__(
        self, features: Maps, target: tuple[Float[Array, "m c"], Scale], key: Key = None, guide: Guide = None
    ) -> Float[Array, ""]:
        """Mean cosine distance of the picture's hypercolumns from their nearest style hypercolumns."""
        style, scale = target
        units = centred_units(per_channel(self.columns(features, key, guide, scale), features))
        matched = style[nearest(units, style)]
        return jnp.mean(jnp.maximum(1 - jnp.sum(units * matched, axis=1), 0))


def per_channel(columns: Float[Array, "n c"], features: Maps) -> Float[Array, "n c"]:
    """Divide each layer of hypercolumns by its number of channels, relative to the first layer's."""
    # Cosines do not change by a common factor, but the 1e-8 in the norm would matter.
    channels = [each.shape[-1] for each in features]
    factors = np.repeat(channels[0] / np.asarray(channels), channels)
    return columns * jnp.asarray(factors[None], columns.dtype)


def centred_units(columns: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """Hypercolumns minus their mean, scaled to length 1."""
    return unit_rows(columns - jnp.mean(columns, axis=0, keepdims=True))


def nearest(rows: Float[Array, "n c"], candidates: Float[Array, "m c"]) -> Int[Array, " n"]:
    """For each row, find the candidate with the largest dot product. No gradient; computed `BLOCK` rows at a time."""
    candidates = lax.stop_gradient(candidates)

    def best(row: Float[Array, " c"]) -> Int[Array, ""]:
        return jnp.argmax(jnp.matmul(candidates, row, precision="highest"))

    return lax.map(best, lax.stop_gradient(rows), batch_size=min(BLOCK, len(rows)))
