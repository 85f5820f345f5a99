"""Sliced Wasserstein: the features' whole distribution, compared along many directions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, check_seed, is_whole
from jaxstyle.losses.base import Loss
from jaxstyle.losses.histogram import match, quantiles

BLOCK = 2**22


@dataclass(frozen=True)
class SlicedWassersteinLoss(Loss):
    """Mean squared difference of sorted projections of the features on random unit directions.

    `mean_v mean_i (sort(F v)_i - sort(S v)_i)^2` for the features F of the generated picture and S of the style: Heitz
    et al. 2021 ("A Sliced Wasserstein Loss for Neural Texture Synthesis"). Unlike a Gram loss it compares the whole
    distribution: it is 0 only where the two agree along every direction. It is in the units of the features squared;
    the paper adds up the losses at relu1_1 to relu4_4 with weight 1 each.

    Where we deviate: the directions are drawn once from `seed`, not anew at every step, so that the objective is one
    function and runs repeat; change `seed` for others. When the pictures have different numbers of pixels, the style's
    sorted projections are interpolated linearly to the generated picture's number.

    Several styles are blended by averaging their sorted projections, which is the barycentre along each direction.
    Styles of different sizes need `quantiles` for that: every target then has the same shape.

    Cost, for M pixels, c channels and d directions: O(d M c) to project, for d = c as much as a Gram matrix, and d
    sorts of M values, which dominate (on a CPU ten times a Gram matrix at relu1_1). Directions are processed in blocks
    of 4 million projections, whose temporaries take some 80 MB. Besides, the gradient keeps d M numbers, for d = c as
    many as there are features. The target has d M numbers, with M the style's pixels, or d times `quantiles`.

    Attributes:
        layer: name of the layer whose activations are compared.
        directions: number of directions, at least 1; by default the number of channels, as in the paper.
        seed: random seed of the directions.
        quantiles: number of values, at least 2, that the target keeps of each sorted projection; all by default.

    Raises:
        SettingError: `directions` or `quantiles` is too small, or the seed is wrong.
    """

    layer: str
    directions: int | None = None
    seed: int = 0
    quantiles: int | None = None
    kind: ClassVar[str] = "sliced_wasserstein"
    blendable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, least in (("directions", 1), ("quantiles", 2)):
            got = getattr(self, name)
            if got is not None and not is_whole(got, least):
                raise SettingError(f"{name}: got {got!r}, expected a whole number, at least {least}, or none")
        check_seed(self.seed)

    def target(self, features: Float[Array, "h w c"]) -> Float[Array, "d n"]:
        """The style's sorted projections on each direction, or their `quantiles`."""
        flat = _flat(features)
        count = self.quantiles or len(flat)
        return _in_blocks(lambda direction: quantiles(flat @ direction, count), self._directions(flat), len(flat))

    def __call__(self, features: Float[Array, "h w c"], target: Float[Array, "d n"]) -> Float[Array, ""]:
        """Mean squared difference of sorted projections, over directions and pixels."""
        flat = _flat(features)

        def cost(pair: tuple[Array, Array]) -> Array:
            projections = flat @ pair[0]
            return jnp.mean((projections - match(projections, pair[1])) ** 2)

        return jnp.mean(_in_blocks(cost, (self._directions(flat), target), len(flat)))

    def _directions(self, flat: Array) -> Array:
        """Random unit vectors, one per row. They are drawn in float32, so that they are the same for every dtype."""
        channels = flat.shape[-1]
        drawn = jax.random.normal(jax.random.key(self.seed), (self.directions or channels, channels), jnp.float32)
        drawn = drawn.astype(flat.dtype)
        return drawn / jnp.linalg.norm(drawn, axis=1, keepdims=True)


def _in_blocks(function: Callable[[Any], Array], directions: Any, pixels: int) -> Array:
    """Compute `vmap(function)(directions)`, with as many directions at a time as a block of projections holds."""
    return jax.lax.map(function, directions, batch_size=max(1, BLOCK // pixels))


def _flat(features: Array) -> Array:
    flat = features.reshape(-1, features.shape[-1])
    return flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
