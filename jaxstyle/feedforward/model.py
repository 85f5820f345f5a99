"""What every fast network is: a style's code once, then one forward pass for each picture."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.objective.blend import blend_shares

Code = Any
"""All that a network keeps of a style: a pytree of float32 arrays; `()` where it has but the style of its training."""


@runtime_checkable
class FastModel(Protocol):
    """A network that paints in one forward pass.

    Pictures are (h, w, 3) in [0, 1]; the result has the content's size, clipped to [0, 1]. Items of a batch never
    influence each other.

    Attributes:
        name: "magenta", "adain", "wct", "johnson", or the stem of the file it came from.
    """

    name: str

    def style_code(self, style: Float[ArrayLike, "h w 3"]) -> Code:
        """All that is kept of a style. Raises SettingError where the network has one style of its own."""
        ...

    def __call__(
        self, content: Float[ArrayLike, "*batch h w 3"], code: Code, *, strength: float = 1.0
    ) -> Float[Array, "*batch h w 3"]:
        """Paint one picture or a batch in one style, or each picture of a batch in its own (leaves (n, ...)).

        `strength` in [0, 1]: 1 is all of the style, 0 as much of the content as the network can keep.
        """
        ...


def blend(codes: Sequence[Code], weights: Sequence[float] | None = None) -> Code:
    """The weighted mean of several styles' codes, leaf by leaf: `sum_i w_i code_i`, the weights made to sum to 1.

    Networks paint such a mean as something between the styles (Dumoulin et al. 2017, section 3.2; Huang & Belongie
    2017, section 6.4): what they do with a code is linear, or nearly so, in it.

    Args:
        codes: of one network, at least one.
        weights: at least 0, not all 0; equal when None.

    Raises:
        SettingError: weights that do not fit, or codes of different shapes.
    """
    shares = blend_shares(weights, len(codes))
    shapes = [jax.tree.map(lambda leaf: leaf.shape, code) for code in codes]
    if any(shape != shapes[0] for shape in shapes):
        raise SettingError(f"codes: got codes of different shapes {shapes}, expected those of one network")
    return jax.tree.map(lambda *leaves: sum(share * leaf for share, leaf in zip(shares, leaves, strict=True)), *codes)


def check_pictures(
    name: str, given: ArrayLike, *, dimensions: tuple[int, ...] = (3, 4), least: int = 1
) -> Float[Array, "*batch h w 3"]:
    """A picture or a batch of them as float32.

    Args:
        name: for messages.
        given: what should be floats of shape (h, w, 3) or (n, h, w, 3).
        dimensions: (3,) where a batch is refused.
        least: pixels a side.

    Raises:
        ImageError: it is neither, or too small.
    """
    found = jnp.asarray(given)
    shaped = found.ndim in dimensions and found.shape[-1] == 3 and 0 not in found.shape
    if not shaped or not jnp.issubdtype(found.dtype, jnp.floating):
        expected = " or ".join({3: "(h, w, 3)", 4: "(n, h, w, 3)"}[n] for n in dimensions)
        got = f"{found.dtype} of shape {found.shape}"
        raise ImageError(f"{name}: got {got}, expected floats in [0, 1] of shape {expected}")
    height, width = found.shape[-3:-1]
    if min(height, width) < least:
        raise ImageError(f"{name}: got {width}x{height} pixels, expected at least {least} a side")
    return found.astype(jnp.float32)


def check_strength(strength: float) -> None:
    """Raise SettingError unless it is in [0, 1]."""
    if not 0 <= strength <= 1:
        raise SettingError(f"strength: got {strength!r}, expected a number from 0 (the content) to 1 (the style)")
