"""Hypercolumns: the activations of several layers at one position, sampled at a bounded number of positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, check_seed, is_whole
from jaxstyle.losses.base import Loss

# Added to squared norms: an all-zero feature then has a gradient, and its cosine with anything is 0.
EPSILON = 1e-8


def sample_positions(height: int, width: int, samples: int, seed: int = 0) -> Float[np.ndarray, "n 2"]:
    """Choose at most `samples` distinct pixels (row, column), one at a random place in each cell of an even grid.

    If there are at most `samples` pixels, all are returned in order. The result depends on the arguments alone, so two
    pictures of the same size are sampled at the same positions. It costs nothing at run time, because sizes are known
    when JAX traces.

    >>> sample_positions(1, 3, 9).tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]
    """
    if height * width <= samples:
        rows, columns = height, width
    else:
        rows = int(np.clip(round((samples * height / width) ** 0.5), 1, min(height, samples)))
        columns = min(width, samples // rows)
    # Not `default_rng`: NumPy promises to keep only RandomState's numbers the same in later versions.
    jitter = np.random.RandomState(seed).random_sample((rows, columns, 2))
    # Cells begin and end at whole pixels, so that no pixel is in two cells.
    top, left = (np.arange(count + 1) * size // count for count, size in ((rows, height), (columns, width)))
    y = top[:-1, None] + np.floor(jitter[..., 0] * np.diff(top)[:, None])
    x = left[None, :-1] + np.floor(jitter[..., 1] * np.diff(left)[None])
    return np.stack([y.ravel(), x.ravel()], axis=1)


def hypercolumns(
    maps: tuple[Float[Array, "_h _w _c"], ...], positions: Float[np.ndarray, "n 2"]
) -> Float[Array, "n channels"]:
    """Read every map at the given positions, and join the channels: (n, sum of channels), in float32 or wider.

    Positions are (row, column) pixels of the first map. The other maps are read between their pixels by bilinear
    interpolation, as if they were resized to the first map's size (pixel centres at i + 1/2, edges repeated), but only
    at the positions: memory is O(n * channels), whatever the size of the picture. Hariharan et al. 2015
    ("Hypercolumns for Object Segmentation and Fine-grained Localization") resize the whole maps.
    """
    scale = np.asarray(maps[0].shape[:2])
    found = [_bilinear(each, (positions + 0.5) * (np.asarray(each.shape[:2]) / scale) - 0.5) for each in maps]
    return jnp.concatenate(found, axis=1)


def sampled_hypercolumns(
    maps: tuple[Float[Array, "_h _w _c"], ...], samples: int, seed: int
) -> Float[Array, "n channels"]:
    """Hypercolumns at the positions that `sample_positions` chooses for the first map's size."""
    height, width = maps[0].shape[:2]
    return hypercolumns(maps, sample_positions(height, width, samples, seed))


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
class HypercolumnLoss(Loss):
    """Base class of losses that compare hypercolumns at sampled positions.

    Attributes:
        layers: names of the layers that make up a hypercolumn, kept as a tuple. Positions are pixels of the first one,
            so name the shallowest layer first.
        samples: the most positions of a picture that are compared, at least 1. It bounds memory.
        seed: random seed of the positions, from 0 to 2**32 - 1. The positions are fixed for a picture size, where the
            published codes draw new ones at each step: so the objective stays a pure function, on which line searches,
            resuming and comparisons can rely. The price is noise between the positions, where shallow layers are not
            compared. Where it shows, raise `samples` towards the number of pixels. (STROTSS at 96x96, its value at
            other positions: from 1.05 to 0.73 with 256 fixed ones, 0.62 with 2304, 0.55 with 256 new ones a step.)

    Raises:
        SettingError: `layers` is no tuple of names, or `samples` or `seed` is out of range.
    """

    layers: Sequence[str]
    samples: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.layers, str) or not all(isinstance(layer, str) for layer in self.layers) or not self.layers:
            raise SettingError(f"layers: got {self.layers!r}, expected a tuple of layer names, at least one")
        # JSON and TOML give lists, which do not hash.
        object.__setattr__(self, "layers", tuple(self.layers))
        check_sampling(self.samples, self.seed)

    def columns(self, features: tuple[Float[Array, "_h _w _c"], ...]) -> Float[Array, "n channels"]:
        """Hypercolumns of a picture at the positions for its size."""
        return sampled_hypercolumns(features, self.samples, self.seed)


def check_sampling(samples: Any, seed: Any) -> None:
    """Raise SettingError unless `samples` is a whole number, at least 1, and `seed` one from 0 to 2**32 - 1."""
    if not is_whole(samples, 1):
        raise SettingError(f"samples: got {samples!r}, expected a whole number, at least 1")
    check_seed(seed)


def _bilinear(features: Float[Array, "h w c"], positions: Float[np.ndarray, "n 2"]) -> Float[Array, "n c"]:
    """Read `features` at positions between pixels by bilinear interpolation; corners of weight 0 are not read."""
    height, width, channels = features.shape
    inside = np.clip(positions, 0, [height - 1, width - 1])
    corner = np.floor(inside).astype(np.int32)
    part = inside - corner
    flat = features.reshape(height * width, channels)
    wide = jnp.promote_types(features.dtype, jnp.float32)
    total = jnp.zeros((len(positions), channels), wide)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (part[:, 0] if down else 1 - part[:, 0]) * (part[:, 1] if right else 1 - part[:, 1])
        if weight.any():
            y, x = np.minimum(corner[:, 0] + down, height - 1), np.minimum(corner[:, 1] + right, width - 1)
            found = flat.at[y * width + x].get(mode="promise_in_bounds")
            total += found * jnp.asarray(weight[:, None], wide)
    return total
