"""Hypercolumns: the activations of several layers at one position, sampled at a bounded number of positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses.positions import DrawingLoss, Guide, Key, Positions, check_sampling, choose_positions

Maps = tuple[Float[Array, "_h _w _c"], ...]
Scale = Float[Array, " channels"] | None
"""Factors of a hypercolumn's channels; None is 1."""

# Added to squared norms: an all-zero feature then has a gradient, and its cosine with anything is 0.
EPSILON = 1e-8


def hypercolumns(
    maps: tuple[Float[Array, "_h _w _c"], ...], positions: Positions, *, corners: bool = False, whole: bool = False
) -> Float[Array, "n channels"]:
    """Read every map at the given positions, and join the channels: (n, sum of channels), in float32 or wider.

    Positions are (row, column) pixels of the first map. The other maps are read between their pixels by bilinear
    interpolation, as if they were resized to the first map's size (pixel centres at i + 1/2, edges repeated), but only
    at the positions: memory is O(n * channels), whatever the size of the picture. Hariharan et al. 2015
    ("Hypercolumns for Object Segmentation and Fine-grained Localization") resize the whole maps.

    Args:
        maps: activations (h, w, c) of one picture, the largest first.
        positions: (row, column) pixels of the first map.
        corners: whether pixel (0, 0) of all maps lie on each other, as in STROTSS's code: positions are divided by how
            often a map is smaller, in powers of two.
        whole: whether to round positions between pixels down instead.
    """
    found = [_bilinear(each, _places(positions, maps[0], each, corners, whole)) for each in maps]
    return jnp.concatenate(found, axis=1)


def _places(positions: Positions, first: Array, other: Array, corners: bool, whole: bool) -> Positions:
    """The positions of the first map, in pixels of another map."""
    ratio = np.asarray([other.shape[:2]]) / np.asarray([first.shape[:2]])
    if corners:
        ratio = 2.0 ** -np.floor(np.log2(1 / ratio))
    ratio, shift = ratio.astype(positions.dtype), 0.0 if corners else 0.5
    places = (positions + shift) * ratio - shift
    return (np.floor(places) if isinstance(places, np.ndarray) else jnp.floor(places)) if whole else places


def sampled(
    features: Float[Array, "h w c"], samples: int, seed: int | Array, guide: Guide = None
) -> Float[Array, "n c"]:
    """Activations at the positions that `choose_positions` chooses for their size."""
    return hypercolumns((features,), choose_positions(features.shape, samples, seed, guide))


def unit_rows(rows: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """Divide each row by its length, `sqrt(x.x + 1e-8)`; a row of zeros stays zero."""
    return rows / jnp.sqrt(jnp.sum(rows**2, axis=1, keepdims=True) + EPSILON)


def cosine_distances(x: Float[Array, "n c"], y: Float[Array, "m c"]) -> Float[Array, "n m"]:
    """Cosine distances `1 - cos(x_i, y_j)`, in [0, 2]: at least 0 in spite of rounding, and 1 where a row is zero.

    Cost: 2 n m c operations and one matrix of n m numbers. The product is computed in full precision on every device:
    in TF32 the distances of near neighbours would be only noise.
    """
    return jnp.maximum(1 - jnp.matmul(unit_rows(x), unit_rows(y).T, precision="highest"), 0)


@dataclass(frozen=True)
class HypercolumnLoss(DrawingLoss):
    """Base class of losses that compare hypercolumns at sampled positions.

    Attributes:
        layers: names of the layers that make up a hypercolumn, kept as a tuple. Positions are pixels of the first one,
            so name the shallowest layer first.
        samples: the most positions of a picture that are compared, at least 1. It bounds memory.
        seed: random seed of fixed positions, from 0 to 2**32 - 1.
        fresh: whether new positions of the generated picture are drawn at every step of a run, from the run's own
            seed, as in the published codes. Fixed positions make the same loss at every step, which L-BFGS needs; the
            price is noise between them, where shallow layers are not compared. (STROTSS at 96x96, its value at other
            positions: from 1.05 to 0.73 with 256 fixed ones, 0.62 with 2304, 0.55 with 256 new ones a step.)
        style_samples: the most positions of a style, at least 1; as many as `samples` by default. They are fixed.
        corners: how positions at one layer become positions at another, see `hypercolumns`. If true, a style's are
            also rounded down to whole pixels of each layer, as in STROTSS's code.
        balanced: whether the activations of each layer are divided by their root mean square in the target's picture.
            Published recipes of hypercolumns are for torchvision's networks, whose layers are of about that size, 1;
            activations of Caffe's VGG19 are some hundred times larger, and some layers ten times those of others.

    Raises:
        SettingError: `layers` is no tuple of names, or another setting is out of range.
    """

    layers: Sequence[str]
    samples: int = 1024
    seed: int = 0
    fresh: bool = False
    style_samples: int | None = None
    corners: bool = False
    balanced: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", check_layers_of(self.layers))
        check_sampling(self.samples, self.seed, self.fresh)
        if self.style_samples is not None:
            check_sampling(self.style_samples, self.seed, name="style_samples")
        for name in ("corners", "balanced"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"{name}: got {getattr(self, name)!r}, expected true or false")

    sampled: ClassVar[bool] = True

    def scale(self, features: Maps) -> Scale:
        """What hypercolumns are multiplied by, so that a picture's layers have a root mean square of 1, if `balanced`.

        It is part of the target, because both pictures need the same.
        """
        return balance(features) if self.balanced else None

    def columns(
        self, features: Maps, key: Key = None, guide: Guide = None, scale: Scale = None
    ) -> Float[Array, "n channels"]:
        """Hypercolumns of the generated picture: at the positions for its size, or with `fresh` at new ones.

        Args:
            features: activations, the largest first.
            key: random key of new positions.
            guide: guidance channel of the first layer; positions are then drawn in its region alone.
            scale: the target's scale.
        """
        positions = choose_positions(features[0].shape, self.samples, self.source(key), guide)
        return _scaled(hypercolumns(features, positions, corners=self.corners), scale)

    def style_columns(self, features: Maps, guide: Guide = None, scale: Scale = None) -> Float[Array, "m channels"]:
        """Hypercolumns of a style picture at fixed positions, in the guide's region alone if there is one."""
        positions = choose_positions(features[0].shape, self.style_samples or self.samples, self.seed, guide)
        return _scaled(hypercolumns(features, positions, corners=self.corners, whole=self.corners), scale)


def balance(features: Maps) -> Float[Array, " channels"]:
    """Factors of a hypercolumn's channels that give each layer of this picture a root mean square of 1."""
    squares = [jnp.mean(each.astype(jnp.promote_types(each.dtype, jnp.float32)) ** 2) for each in features]
    factors = [jax.lax.rsqrt(square + EPSILON) for square in squares]
    return jnp.concatenate([jnp.full(each.shape[-1], factor) for each, factor in zip(features, factors, strict=True)])


def check_layers_of(layers: Any) -> tuple[str, ...]:
    """The names of layers as a tuple, for JSON and TOML give lists, which do not hash; SettingError for others."""
    if isinstance(layers, str) or not layers or not all(isinstance(layer, str) for layer in layers):
        raise SettingError(f"layers: got {layers!r}, expected a tuple of layer names, at least one")
    return tuple(layers)


def _scaled(columns: Float[Array, "n c"], scale: Scale) -> Float[Array, "n c"]:
    return columns if scale is None else columns * scale[None]


def _bilinear(features: Float[Array, "h w c"], positions: Positions) -> Float[Array, "n c"]:
    """Read `features` at positions between pixels by bilinear interpolation; corners of weight 0 are not read."""
    height, width, channels = features.shape
    np_ = np if isinstance(positions, np.ndarray) else jnp
    last = np.array([[height - 1, width - 1]], np.int32)
    inside = np_.clip(positions, 0, last.astype(positions.dtype))
    below = np_.floor(inside)
    corner, part = below.astype(np.int32), inside - below
    flat = features.reshape(height * width, channels)
    wide = jnp.promote_types(features.dtype, jnp.float32)
    total = jnp.zeros((len(positions), channels), wide)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (part[:, 0] if down else 1 - part[:, 0]) * (part[:, 1] if right else 1 - part[:, 1])
        if not isinstance(weight, np.ndarray) or weight.any():
            y, x = np_.minimum(corner[:, 0] + down, height - 1), np_.minimum(corner[:, 1] + right, width - 1)
            found = flat.at[y * width + x].get(mode="promise_in_bounds")
            total += found * jnp.asarray(weight[:, None], wide)
    return total
