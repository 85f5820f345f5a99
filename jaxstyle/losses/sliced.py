"""Sliced Wasserstein: the features' whole distribution, compared along many directions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.losses.histogram import match, quantiles
from jaxstyle.losses.positions import DrawingLoss, check_sampling

BLOCK = 2**22


@dataclass(frozen=True)
class SlicedWassersteinLoss(DrawingLoss):
    """Mean squared difference of sorted projections of the features on random unit directions.

    `mean_v mean_i (sort(F v)_i - sort(S v)_i)^2` for the features F of the generated picture and S of the style: Heitz
    et al. 2021 ("A Sliced Wasserstein Loss for Neural Texture Synthesis"). Unlike a Gram loss it compares the whole
    distribution: it is 0 only where the two agree along every direction. It is in the units of the features squared;
    the paper adds up the losses at relu1_1 to relu4_4 with weight 1 each.

    Where we deviate: unless `fresh` is set, the directions are drawn once from `seed`, not anew at every step, so that
    the objective is one function, as L-BFGS needs it. When the pictures have different numbers of pixels, the style's
    sorted projections are interpolated linearly to the generated picture's number.

    Several styles are blended by averaging their sorted projections, which is the barycentre along each direction.
    Styles of different sizes need `quantiles` for that: every target then has the same shape.

    Cost, for M pixels, c channels and d directions: O(d M c) to project, for d = c as much as a Gram matrix, and d
    sorts of M values, which dominate (on a CPU ten times a Gram matrix at relu1_1). Directions are processed in blocks
    of 4 million projections, whose temporaries take some 80 MB. Besides, the gradient keeps d M numbers, for d = c as
    many as there are features. The target has d M numbers, with M the style's pixels, or d times `quantiles`; with
    `fresh` it is the style's features, whose projections are sorted at every step too.

    Attributes:
        layer: name of the layer whose activations are compared.
        directions: number of directions, at least 1; by default the number of channels, as in the paper.
        seed: random seed of the directions.
        quantiles: number of values, at least 2, that the target keeps of each sorted projection; all by default.
        fresh: whether new directions are drawn at every step of a run, as in the paper.

    Raises:
        SettingError: `directions` or `quantiles` is too small, or the seed is wrong.
    """

    layer: str
    directions: int | None = None
    seed: int = 0
    quantiles: int | None = None
    fresh: bool = False
    kind: ClassVar[str] = "sliced_wasserstein"

    def __post_init__(self) -> None:
        for name, least in (("directions", 1), ("quantiles", 2)):
            got = getattr(self, name)
            if got is not None and not is_whole(got, least):
                raise SettingError(f"{name}: got {got!r}, expected a whole number, at least {least}, or none")
        check_sampling(1, self.seed, self.fresh)

    @property
    def blendable(self) -> bool:  # type: ignore[override]
        """Whether targets may be averaged: sorted projections on fixed directions."""
        return not self.fresh

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "d n"] | Float[Array, "n c"]:
        """The style's sorted projections on each direction, or their `quantiles`; with `fresh` its features."""
        flat = _flat(features)
        return flat if self.fresh else self._sorted(flat, self._directions(flat))

    def _sorted(self, flat: Float[Array, "n c"], directions: Float[Array, "d c"]) -> Float[Array, "d _n"]:
        count = self.quantiles or len(flat)
        return _in_blocks(lambda direction: quantiles(flat @ direction, count), directions, len(flat))

    def __call__(
        self, features: Float[Array, "h w c"], target: Float[Array, "d n"], key: Array | None = None
    ) -> Float[Array, ""]:
        """Mean squared difference of sorted projections, over directions and pixels."""
        flat = _flat(features)
        directions = self._directions(flat, key)
        wanted = self._sorted(target, directions) if self.fresh else target

        def cost(pair: tuple[Array, Array]) -> Array:
            projections = flat @ pair[0]
            return jnp.mean((projections - match(projections, pair[1])) ** 2)

        return jnp.mean(_in_blocks(cost, (directions, wanted), len(flat)))

    def _directions(self, flat: Array, key: Array | None = None) -> Array:
        """Random unit vectors, one per row. They are drawn in float32, so that they are the same for every dtype."""
        channels = flat.shape[-1]
        source = self.source(key)
        key = jax.random.key(source) if isinstance(source, int) else source
        drawn = jax.random.normal(key, (self.directions or channels, channels), jnp.float32)
        drawn = drawn.astype(flat.dtype)
        return drawn / jnp.linalg.norm(drawn, axis=1, keepdims=True)


def _in_blocks(function: Callable[[Any], Array], directions: Any, pixels: int) -> Array:
    """Compute `vmap(function)(directions)`, with as many directions at a time as a block of projections holds."""
    return jax.lax.map(function, directions, batch_size=max(1, BLOCK // pixels))


def _flat(features: Array) -> Array:
    flat = features.reshape(-1, features.shape[-1])
    return flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
