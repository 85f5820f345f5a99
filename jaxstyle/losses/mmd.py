"""Maximum mean discrepancy: style as a distribution of features, compared under a kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.losses.bands import Band, StatisticLoss
from jaxstyle.losses.gram import channel_products, gram_matrix
from jaxstyle.losses.positions import DrawingLoss, Guide, Key, check_sampling, positions_inside

Kernel = Literal["linear", "polynomial", "gaussian"]
BLOCK = 256


@dataclass(frozen=True)
class MMDLoss(DrawingLoss, StatisticLoss):
    """Squared maximum mean discrepancy between the features of the generated picture and of the style, for a kernel k.

    `mean_ij k(f_i, f_j) + mean_ij k(s_i, s_j) - 2 mean_ij k(f_i, s_j)`, with f_i the generated features and s_j those
    of the style: Li et al. 2017 ("Demystifying Neural Style Transfer"). The kernels are

    | kernel       | k(x, y)                     | which is                                                        |
    |--------------|-----------------------------|-----------------------------------------------------------------|
    | "linear"     | `x.y / c`                   | `mean_c (mu - mu_s)^2`: the channels' means                     |
    | "polynomial" | `(x.y / c)^2`               | `mean_cc (G - G_s)^2`: exactly `GramLoss`, 4 times Gatys' eq. 4 |
    | "gaussian"   | `exp(-gamma norm(x - y)^2)` | no units, between 0 and 2                                       |

    The paper's kernels have no c, but a factor for each layer. Its Gaussian bandwidth is a mean of squared distances of
    sampled pairs; here `gamma = 1 / mean_ij norm(s_i - s_j)^2` over the style's sample, a constant of the target (1 for
    a style without any variation). The paper estimates the Gaussian form from random pairs; this loss uses all pairs of
    up to `samples` positions, one drawn at random in each cell of a regular grid. It is 0 at its own target if
    positions are fixed, and never below.

    With the Gaussian kernel only the sampled positions are compared, and only they receive a gradient: take more
    samples at shallow layers of large pictures. Because samples cannot be averaged, the losses of several styles are
    summed, with the other kernels too.

    Cost for M pixels and c channels: linear O(M c); polynomial O(M c^2), like a Gram matrix; gaussian O(n^2 c) for n
    samples. The Gaussian kernel is computed 256 rows at a time: 256 n numbers in memory, and n c for the target,
    whatever the picture's size.

    Attributes:
        layer: name of the layer whose activations are compared.
        kernel: name of the kernel, from the table above.
        samples: the most positions that the Gaussian kernel compares, at least 1.
        seed: random seed of fixed positions.
        fresh: whether the Gaussian kernel compares new positions of the generated picture at every step, see
            `HypercolumnLoss`.

    Raises:
        SettingError: an unknown kernel, `samples` below 1, or a wrong seed.
    """

    layer: str
    kernel: Kernel = "gaussian"
    samples: int = 1024
    seed: int = 0
    fresh: bool = False
    kind: ClassVar[str] = "mmd"

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Kernel):
            raise SettingError(f"kernel: got {self.kernel!r}; {suggest(self.kernel, get_args(Kernel))}")
        check_sampling(self.samples, self.seed, self.fresh)

    def target(self, features: Float[Array, "h w c"], guide: Guide = None) -> Any:
        """The style's mean or its Gram matrix; or its sampled features, gamma, and the mean kernel of their pairs."""
        if self.kernel == "linear":
            return jnp.mean(features, axis=(0, 1), dtype=_wide(features))
        if self.kernel == "polynomial":
            return gram_matrix(features)
        sample = self._sample(features, guide=guide)
        distance = 2 * jnp.sum(jnp.var(sample, axis=0))
        gamma = 1 / jnp.where(distance > 0, distance, 1)
        return sample, gamma, mean_kernel(sample, sample, gamma)

    def __call__(
        self, features: Float[Array, "h w c"], target: Any, key: Key = None, guide: Guide = None
    ) -> Float[Array, ""]:
        """Squared discrepancy of the features from the target."""
        if self.kernel != "gaussian":
            return self.distance(self.target(features), target)
        (style, gamma, among_style), sample = target, self._sample(features, key, guide)
        return mean_kernel(sample, sample, gamma) + among_style - 2 * mean_kernel(sample, style, gamma)

    @property
    def additive(self) -> bool:  # type: ignore[override]
        """Whether the loss is made of sums over positions: False for the Gaussian kernel, which compares pairs."""
        return self.kernel != "gaussian"

    def sums(self, features: Float[Array, "h w c"], target: Any, band: Band) -> tuple[Array, Array]:
        """A band's sums over pixels of the features or of products of channels, and its number of pixels."""
        found = band.mask(features)
        linear = self.kernel == "linear"
        total = jnp.sum(found, axis=(0, 1), dtype=_wide(features)) if linear else channel_products(found)
        return total, band.total(features.shape[1])

    def statistics(self, sums: tuple[Array, Array], target: Any) -> Any:
        """The mean or the Gram matrix, from the sums of a whole picture."""
        return sums[0] / sums[1]

    def distance(self, found: Any, target: Any) -> Float[Array, ""]:
        """Mean squared difference of the statistics, for the linear or polynomial kernel."""
        return jnp.mean((found - target) ** 2)

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether new positions are drawn at every step."""
        return self.fresh and self.kernel == "gaussian"

    @property
    def sampled(self) -> bool:  # type: ignore[override]
        """Whether sampled positions are compared: by the Gaussian kernel alone."""
        return self.kernel == "gaussian"

    def _sample(self, features: Array, key: Key = None, guide: Guide = None) -> Array:
        """Features (n, c) at all positions if there are at most `samples`, else at one in each cell of an even grid."""
        height, width, channels = features.shape
        flat = features.reshape(-1, channels).astype(_wide(features))
        if guide is not None:
            at = positions_inside(guide, self.samples, self.source(key)).astype(int)
            return flat[at[:, 0] * width + at[:, 1]]
        if height * width <= self.samples:
            return flat
        rows = min(height, self.samples, max(1, round(math.sqrt(self.samples * height / width))))
        columns = min(width, self.samples // rows)
        source = self.source(key)
        drawn = jax.random.key(source) if isinstance(source, int) else source
        shift = jax.random.uniform(drawn, (2, rows, columns), jnp.float32)
        y, x = _in_cells(shift[0], height), _in_cells(shift[1].T, width).T
        return flat[(y * width + x).ravel()]


def mean_kernel(first: Float[Array, "n c"], second: Float[Array, "m c"], gamma: Float[Array, ""]) -> Float[Array, ""]:
    """Mean Gaussian kernel `mean_ij exp(-gamma norm(x_i - y_j)^2)`, 256 rows at a time, recomputed for the gradient."""
    # Moving both sets to the origin changes no distance, and distances there lose fewer digits.
    origin = jax.lax.stop_gradient(jnp.mean(second, axis=0, keepdims=True))
    first, second = first - origin, second - origin
    lengths = jnp.sum(second**2, axis=1)

    @jax.checkpoint
    def of_row(row: Array) -> Array:
        products = jnp.matmul(second, row, precision="highest")
        return jnp.mean(jnp.exp(-gamma * jnp.maximum(jnp.sum(row**2) + lengths - 2 * products, 0)))

    return jnp.mean(jax.lax.map(of_row, first, batch_size=BLOCK))


def _in_cells(shift: Array, length: int) -> Array:
    """Cut `length` into as many cells as `shift` has rows; row i is the positions at fractions `shift[i]` of cell i."""
    edges = jnp.arange(len(shift) + 1)[:, None] * length // len(shift)
    return edges[:-1] + (shift * (edges[1:] - edges[:-1])).astype(edges.dtype)


def _wide(features: Array) -> Any:
    return jnp.promote_types(features.dtype, jnp.float32)
