"""The protocol of fast networks: a style is encoded once, then every picture takes one forward pass."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.objective.blend import blend_shares

Code = Any
"""A style code, all that a network keeps of a style: a pytree of float32 arrays; `()` if it has only one style."""


@runtime_checkable
class FastModel(Protocol):
    """A network that paints in one forward pass.

    Pictures are RGB (h, w, 3) in [0, 1]. The result has the content's size and is clipped to [0, 1]. The pictures of
    a batch never influence each other.

    Attributes:
        name: "magenta", "adain", "wct", "johnson", or the name of the network's file without its suffix.
    """

    name: str

    def style_code(self, style: Float[ArrayLike, "h w 3"]) -> Code:
        """The code of a style picture. Raises SettingError if the network was trained for one style."""
        ...

    def __call__(
        self, content: Float[ArrayLike, "*batch h w 3"], code: Code, *, strength: float = 1.0
    ) -> Float[Array, "*batch h w 3"]:
        """Paint one picture or a batch.

        Args:
            content: one picture (h, w, 3), or a batch (n, h, w, 3).
            code: the code of one style for all pictures, or one code for each picture: leaves of shape (n, ...).
            strength: in [0, 1]. 1 applies the style in full, 0 keeps as much of the content as the network can.
        """
        ...


def blend(codes: Sequence[Code], weights: Sequence[float] | None = None) -> Code:
    """The weighted mean of several styles' codes, leaf by leaf: `sum_i w_i code_i` with weights scaled to sum to 1.

    Networks paint this mean as a mixture of the styles (Dumoulin et al. 2017, section 3.2; Huang & Belongie 2017,
    section 6.4), because what they compute is linear, or nearly linear, in the code.

    Args:
        codes: one or more codes, all from the same network.
        weights: one weight for each code, at least 0 and not all 0; equal weights when None.

    Raises:
        SettingError: the weights are not usable, or the codes have different shapes.
    """
    shares = blend_shares(weights, len(codes))
    shapes = [jax.tree.map(lambda leaf: leaf.shape, code) for code in codes]
    if any(shape != shapes[0] for shape in shapes):
        raise SettingError(f"codes: got codes of different shapes {shapes}, expected those of one network")
    return jax.tree.map(lambda *leaves: sum(share * leaf for share, leaf in zip(shares, leaves, strict=True)), *codes)


def check_pictures(
    name: str, given: ArrayLike, *, dimensions: tuple[int, ...] = (3, 4), least: int = 1
) -> Float[Array, "*batch h w 3"]:
    """Check the shape and type of a picture or a batch of pictures, and return it as float32.

    Args:
        name: what error messages call the argument.
        given: floats of shape (h, w, 3) or (n, h, w, 3).
        dimensions: the allowed numbers of axes; (3,) refuses a batch.
        least: the smallest allowed height and width in pixels.

    Raises:
        ImageError: the array has another shape, is empty, is not of floats, or is too small.
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
    """Raise SettingError unless `strength` is in [0, 1]."""
    if not 0 <= strength <= 1:
        raise SettingError(f"strength: got {strength!r}, expected a number from 0 (the content) to 1 (the style)")
