"""NNST's hypercolumn matching: the style's nearest hypercolumns are found once, and the picture comes to have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number
from jaxstyle.losses.base import Loss
from jaxstyle.losses.hypercolumn import Maps, Scale, balance, check_layers_of, unit_rows
from jaxstyle.losses.nearest_neighbour import centred_units, nearest, per_channel
from jaxstyle.networks.resize import bilinear

Columns = tuple[Float[Array, "_n _c"], Scale]


@dataclass(frozen=True)
class HypercolumnMatchLoss(Loss):
    """Cosine distance to the style's matched hypercolumns: `mean_i (1 - cos(F_i, S_m(i)))`.

    Kolkin et al. 2022 ("Neural Neighbor Style Transfer"), "hypercolumn matching", as in the authors' code. Hypercolumns
    are at every fourth pixel; every layer is divided by its number of channels. The matches `m(i) = argmax_j cos(C_i,
    S_j)`, with the means of all C and of all S subtracted, are made once, at the start of a level of the pyramid: C are
    the hypercolumns of the content, from the second level on of the mix `share * begin + (1 - share) * content`, where
    `begin` is the level's first image with the content's highest frequencies. The value is in [0, 2]: about 0 where the
    picture has exactly the matched features, which overlapping features seldom allow.

    Cost: the match takes 2 n m c operations for n and m positions and c channels in all, once a level: at 512x512 with
    rotations 6e12, and 2 GiB for the style's hypercolumns. A step takes a few matrices of n c numbers, 176 MiB each.

    Attributes:
        layers: names of the layers that make up a hypercolumn, kept as a tuple; the shallowest first.
        turns: whether the style is also matched turned by 90, 180 and 270 degrees.
        share: share of the level's first image in what is matched, from 0 to 1. The authors call it 1 - alpha.
        balanced: whether each layer is also divided by its root mean square in the style, see `HypercolumnLoss`.

    Raises:
        SettingError: `layers` is no tuple of names, or another setting is out of range.
    """

    layers: Sequence[str]
    turns: bool = True
    share: float = 0.25
    balanced: bool = False
    kind: ClassVar[str] = "hypercolumn_match"
    matches: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", check_layers_of(self.layers))
        for name in ("turns", "balanced"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"{name}: got {getattr(self, name)!r}, expected true or false")
        if not is_number(self.share, 0, 1):
            raise SettingError(f"share: got {self.share!r}, expected a number from 0 to 1")
        object.__setattr__(self, "share", float(self.share))

    @property
    def turned(self) -> bool:  # type: ignore[override]
        """Whether the target is also of the style turned by 90, 180 and 270 degrees."""
        return self.turns

    def part(self, features: Maps) -> Columns:
        """The hypercolumns of the style, turned in one way, and their scale."""
        return _grid(features), balance(features) if self.balanced else None

    def join(self, parts: Sequence[Columns]) -> Columns:
        """The style's hypercolumns of all turns, in the scale of the first."""
        (_, scale), *_ = parts
        rows = jnp.concatenate([rows for rows, _ in parts])
        return (rows if scale is None else rows * scale[None]), scale

    def target(self, features: Maps) -> Columns:
        """The style's hypercolumns, (m, channels), of which `match` takes some; and their scale."""
        return self.join([self.part(features)])

    def match(self, target: Columns, features: Maps) -> Columns:
        """The target of a level: for each hypercolumn of what is matched, the nearest one of the style, of length 1."""
        rows, scale = target
        columns = _grid(features) if scale is None else _grid(features) * scale[None]
        return unit_rows(rows[nearest(centred_units(columns), centred_units(rows))]), scale

    def __call__(self, features: Maps, target: Columns) -> Float[Array, ""]:
        """Mean cosine distance of the picture's hypercolumns from the matched ones of the same positions."""
        wanted, scale = target
        columns = _grid(features) if scale is None else _grid(features) * scale[None]
        return jnp.mean(jnp.maximum(1 - jnp.sum(unit_rows(columns) * wanted, axis=1), 0))


def _grid(features: Maps) -> Float[Array, "n c"]:
    """Hypercolumns at every fourth pixel, row by row, over the numbers of channels; corners of all maps aligned."""
    shape = tuple(max(edge // 4, 1) for edge in features[0].shape[:2])
    wide: Any = [each.astype(jnp.promote_types(each.dtype, jnp.float32)) for each in features]
    maps = [bilinear(each, shape, corners=True).reshape(shape[0] * shape[1], -1) for each in wide]
    return per_channel(jnp.concatenate(maps, axis=1), features)
