"""Positions: which pixels of a picture are compared, where comparing all would take too long."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, check_seed, is_whole
from jaxstyle.losses.base import Loss

Key = Array | None
"""A random key of JAX; None where positions are fixed."""
Guide = Float[Array, "h w"] | None
"""A guidance channel: how much each pixel belongs to a region, at least 0. None is the whole picture."""
Positions = Float[np.ndarray | Array, "n 2"]


def sample_positions(height: int, width: int, samples: int, seed: int | Array = 0) -> Positions:
    """Choose at most `samples` distinct pixels (row, column), one at a random place in each cell of an even grid.

    If there are at most `samples` pixels, all are returned in order. The result depends on the arguments alone, so two
    pictures of the same size are sampled at the same positions. With a whole number as `seed` it costs nothing at run
    time, because sizes are known when JAX traces. With a random key of JAX the positions are drawn at run time.

    >>> sample_positions(1, 3, 9).tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]
    """
    if height * width <= samples:
        rows, columns = height, width
    else:
        rows = int(np.clip(round((samples * height / width) ** 0.5), 1, min(height, samples)))
        columns = min(width, samples // rows)
    # Cells begin and end at whole pixels, so that no pixel is in two cells.
    top, left = (np.arange(count + 1) * size // count for count, size in ((rows, height), (columns, width)))
    first = np.stack(np.meshgrid(top[:-1], left[:-1], indexing="ij"), axis=-1).astype(float)
    cells = np.stack(np.meshgrid(np.diff(top), np.diff(left), indexing="ij"), axis=-1)
    if isinstance(seed, int):
        # Not `default_rng`: NumPy promises to keep only RandomState's numbers the same in later versions.
        jitter = np.random.RandomState(seed).random_sample((rows, columns, 2))
        return (first + np.floor(jitter * cells)).reshape(-1, 2)
    drawn = jax.random.uniform(seed, (rows, columns, 2), jnp.float32)
    return (first.astype(np.float32) + jnp.floor(drawn * cells.astype(np.float32))).reshape(-1, 2)


def positions_inside(guide: Float[Array, "h w"], samples: int, seed: int | Array) -> Float[Array, "n 2"]:
    """Draw pixels (row, column) of a region, each as often as its share of the guide's sum, in the pictures' order.

    There are `samples` of them, but at most as many as the picture has pixels; pixels of a small region come several
    times. STROTSS' code draws within regions too.
    """
    height, width = guide.shape
    count = min(samples, height * width)
    if isinstance(seed, int):
        jitter = jnp.asarray(np.random.RandomState(seed).random_sample(count), jnp.float32)
    else:
        jitter = jax.random.uniform(seed, (count,), jnp.float32)
    # Each of as many equal parts of the whole sum has one place, at random.
    summed = jnp.cumsum(guide.ravel().astype(jnp.float32))
    places = (jnp.arange(count, dtype=jnp.float32) + jitter) * (summed[-1] / count)
    found = jnp.searchsorted(summed, places, side="right")
    found = jnp.minimum(found, height * width - 1)
    return jnp.stack([found // width, found % width], axis=1).astype(jnp.float32)


def choose_positions(shape: tuple[int, ...], samples: int, seed: int | Array, guide: Guide = None) -> Positions:
    """Choose positions of a picture (height, width, ...), evenly over all of it or inside a guide's region."""
    if guide is None:
        return sample_positions(shape[0], shape[1], samples, seed)
    return positions_inside(guide, samples, seed)


class DrawingLoss(Loss):
    """Base class of losses with random numbers: fixed ones of a `seed`, or with `fresh` new ones at every step."""

    seed: int
    fresh: bool

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether new numbers are drawn at every step."""
        return self.fresh

    def source(self, key: Key) -> int | Array:
        """What numbers are drawn from: a step's key, or the seed where they are fixed or no run gives a key."""
        return key if self.fresh and key is not None else self.seed


def check_sampling(samples: Any, seed: Any, fresh: Any = False, *, name: str = "samples") -> None:
    """Raise SettingError unless `samples` is a whole number, at least 1, `seed` is a seed, and `fresh` a bool."""
    if not is_whole(samples, 1):
        raise SettingError(f"{name}: got {samples!r}, expected a whole number, at least 1")
    if not isinstance(fresh, bool):
        raise SettingError(f"fresh: got {fresh!r}, expected true or false")
    check_seed(seed)
