"""The Laplacian loss: keep the content's edges and fine detail, which style losses repaint."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.losses.bands import Band, MapLoss


def laplacian(features: Float[Array, "h w c"], pool: int) -> Float[Array, "_h _w"]:
    """The Laplacian of the sum over channels, average-pooled by `pool`: `4 x` less its four neighbours.

    No padding: (h // pool - 2, w // pool - 2) values, and what is left over at the bottom and right is not looked at.
    """
    grey = jnp.sum(features, axis=-1)
    h, w = grey.shape[0] // pool, grey.shape[1] // pool
    x = jnp.mean(grey[: h * pool, : w * pool].reshape(h, pool, w, pool), axis=(1, 3))
    return 4 * x[1:-1, 1:-1] - x[:-2, 1:-1] - x[2:, 1:-1] - x[1:-1, :-2] - x[1:-1, 2:]


@dataclass(frozen=True)
class LaplacianLoss(MapLoss):
    """Mean squared difference of Laplacians: `mean((D(pool(x)) - D(pool(content)))^2)`.

    Li, Xu, Nie & Chua 2017 ("Laplacian-Steered Neural Style Transfer", Lapstyle): D is the kernel
    [[0, -1, 0], [-1, 4, -1], [0, -1, 0]], and the three channels' Laplacians are added before the difference is
    squared, so an edge between equally bright colours is not seen. As in the authors' code (`lap_style.lua`) nothing
    is padded and the square is averaged; the paper's formula is its sum. A recipe takes one `pool` at a layer.

    Units: the layer's squared. The authors' weight, 100 at pool 4, is for pixels of 0 to 255; for the pictures in
    [0, 1] that jaxstyle has at "input" that is 100 * 255^2.

    Attributes:
        layer: what is looked at; the paper's is the picture.
        pool: side in pixels of the squares that are averaged first: larger keeps coarser edges.
    """

    layer: str = "input"
    pool: int = 4
    kind: ClassVar[str] = "laplacian"

    def __post_init__(self) -> None:
        if not is_whole(self.pool, 1):
            raise SettingError(f"pool: got {self.pool!r}, expected a whole number of pixels, at least 1")

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "_h _w"]:
        """The content's `laplacian`."""
        return laplacian(features, self.pool)

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "_h _w"]) -> Float[Array, ""]:
        """`mean((laplacian(features, pool) - target)^2)`; 0 where a side is below `3 pool`, which has no Laplacian."""
        difference = laplacian(features, self.pool) - target
        return jnp.mean(difference**2) if difference.size else jnp.zeros((), features.dtype)

    @property
    def reach(self) -> int:  # type: ignore[override]
        """Rows above and below its own that a Laplacian depends on."""
        return self.pool

    @property
    def unit(self) -> int:  # type: ignore[override]
        """Rows that are averaged to one."""
        return self.pool

    def rows(self, band: Band) -> Band:
        """The band in rows of the map, whose first is that of the second square."""
        count = len(band.weight) // self.pool
        weight = band.weight[: count * self.pool : self.pool]
        return Band(band.start // self.pool, weight[1:-1])
