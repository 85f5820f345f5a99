"""Several styles in one picture: averaged targets, or summed losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.losses import Loss
from jaxstyle.losses.bands import Band
from jaxstyle.objective.recipe import Blending
from jaxstyle.objective.term import check_weight


@dataclass(frozen=True)
class Summed:
    """Weighted sum of one loss over several styles, `sum_i share_i loss(F, target_i)`.

    Each style pulls the picture towards itself, whereas averaged targets ask for the styles' mean: a picture halfway
    between two styles minimises the loss of neither. Published code sums losses where a method's targets cannot be
    averaged (sampled features).
    """

    loss: Loss

    def __call__(
        self, features: Any, target: tuple[tuple[Array, ...], tuple[Any, ...]], *key: Array, **guide: Array
    ) -> Float[Array, ""]:
        """Weighted sum of the styles' losses; `target` is from `blend_targets`."""
        shares, targets = target
        pairs = zip(shares, targets, strict=True)
        return sum((share * self.loss(features, one, *key, **guide) for share, one in pairs), jnp.zeros(()))

    def sums(self, features: Any, target: tuple[tuple[Array, ...], tuple[Any, ...]], band: Band) -> tuple[Any, ...]:
        """Each style's sums over a band's positions."""
        return tuple(self.loss.sums(features, one, band) for one in target[1])  # type: ignore[attr-defined]

    def from_sums(self, sums: tuple[Any, ...], target: tuple[tuple[Array, ...], tuple[Any, ...]]) -> Float[Array, ""]:
        """Weighted sum of the styles' losses, from each style's sums."""
        parts = zip(*target, sums, strict=True)
        return sum((share * self.loss.from_sums(found, one) for share, one, found in parts), jnp.zeros(()))  # type: ignore[attr-defined]


def blended(loss: Loss, blending: Blending, count: int) -> Any:
    """Wrap the loss in `Summed` if it has to be summed over several styles; else return it unchanged."""
    keeps_apart = blending == "losses" or not loss.blendable
    return Summed(loss) if keeps_apart and count > 1 else loss


def blend_targets(loss: Any, targets: Sequence[Any], shares: Sequence[float]) -> Any:
    """Combine the targets of several styles into the target of `blended(loss, ...)`.

    Raises:
        SettingError: the targets cannot be averaged because their shapes differ.
    """
    if isinstance(loss, Summed):
        return tuple(jnp.asarray(share) for share in shares), tuple(targets)
    if len(targets) == 1:
        return targets[0]
    shapes = [[leaf.shape for leaf in jax.tree.leaves(target)] for target in targets]
    if any(shape != shapes[0] for shape in shapes):
        kind = loss.kind
        raise SettingError(f"blending: targets of {kind} have no mean for styles of different sizes: use 'losses'")
    return jax.tree.map(lambda *leaves: sum(map(jnp.multiply, shares, leaves)), *targets)


def blend_shares(blend: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """Scale `blend` to sum to 1; None gives equal shares. Raises SettingError if it does not fit `count` styles."""
    if count < 1:
        raise SettingError("style: got no picture, expected at least one")
    weights = [1.0] * count if blend is None else list(blend)
    if len(weights) != count:
        raise SettingError(f"blend: got {len(weights)} weights for {count} style pictures, expected one each")
    for weight in weights:
        check_weight("blend", weight)
    weights = [float(weight) for weight in weights]
    if not sum(weights):
        raise SettingError("blend: all weights are 0, expected at least one above")
    return tuple(weight / sum(weights) for weight in weights)
