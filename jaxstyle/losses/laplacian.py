"""The Laplacian loss: keep the content's edges and fine detail, which style losses repaint."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.losses.bands import Band, MapLoss


def laplacian(features: Float[Array, "h w c"], pool: int) -> Float[Array, "_h _w"]:
    """Laplacian, `4 x` minus its four neighbours, of the sum over channels average-pooled by `pool`.

    There is no padding: the result has the shape (h // pool - 2, w // pool - 2), and rows and columns left over at the
    bottom and right are ignored.
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
    is padded and the square is averaged; the paper's formula is its sum. A recipe can have only one Laplacian loss, and
    so one `pool`, at each layer.

    Units: those of the layer, squared. The authors' weight, 100 at pool 4, is for pixels of 0 to 255; for jaxstyle's
    pictures in [0, 1] the same weight is 100 * 255^2.

    Attributes:
        layer: name of the layer whose edges are compared; the paper's is the picture, "input".
        pool: side in pixels, at least 1, of the squares that are averaged first: larger ones keep coarser edges.

    Raises:
        SettingError: `pool` is no whole number of at least 1.
    """

    layer: str = "input"
    pool: int = 4
    kind: ClassVar[str] = "laplacian"

    def __post_init__(self) -> None:
        if not is_whole(self.pool, 1):
            raise SettingError(f"pool: got {self.pool!r}, expected a whole number of pixels, at least 1")

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "_h _w"]:
        """Laplacian of the content's features."""
        return laplacian(features, self.pool)

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "_h _w"]) -> Float[Array, ""]:
        """Mean squared difference of Laplacians; 0 where a side is below `3 pool`, too small to have a Laplacian."""
        difference = laplacian(features, self.pool) - target
        return jnp.mean(difference**2) if difference.size else jnp.zeros((), features.dtype)

    @property
    def reach(self) -> int:  # type: ignore[override]
        """Number of feature rows above and below its own that a row of the Laplacian depends on."""
        return self.pool

    @property
    def unit(self) -> int:  # type: ignore[override]
        """Number of feature rows that are averaged to one row."""
        return self.pool

    def rows(self, band: Band) -> Band:
        """Convert a band to rows of the Laplacian, whose first row belongs to the second row of squares."""
        count = len(band.weight) // self.pool
        weight = band.weight[: count * self.pool : self.pool]
        return Band(band.start // self.pool, weight[1:-1])
