"""A mask as a localizer: the user says where the object is."""

import os
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.image import fit, load_mask, resize

EDGE = 64
"""Long edge of a mask, in numbers: as fine as relu4_1 of a picture of 512 pixels."""


@dataclass(frozen=True)
class Mask:
    """Localizer with the same map for every picture, resized (bilinear) to the activations; `read_mask` makes one.

    It holds its numbers as text, so that it can be hashed, and recipes save all of it.

    Attributes:
        width: number of values in a row.
        data: two hexadecimal digits for each value, 00 for 0 to ff for 1, row by row.
        layer: name of the layer whose size the map takes.

    Raises:
        SettingError: `data` is not rows of `width` such values.
    """

    width: int
    data: str
    layer: str = "input"
    kind: str = field(default="mask", init=False)

    def __post_init__(self) -> None:
        try:
            self.levels()
        except (ValueError, TypeError):
            got = f"{len(self.data)} digits" if isinstance(self.data, str) else repr(self.data)
            expected = f"rows of {self.width} numbers of two hexadecimal digits; use read_mask"
            raise SettingError(f"data: got {got}, expected {expected}") from None

    @property
    def layers(self) -> tuple[str, ...]:
        """Name of the one layer whose size the map takes, as a tuple."""
        return (self.layer,)

    def levels(self) -> Float[np.ndarray, "h w"]:
        """Values of the mask, (h, w) float32 in [0, 1]."""
        values = np.frombuffer(bytes.fromhex(self.data), np.uint8).astype(np.float32) / 255
        if self.width < 1 or not values.size:
            raise ValueError
        return values.reshape(-1, self.width)

    def __call__(self, features: tuple[Float[Array, "h w c"]]) -> Float[Array, "h w"]:
        """Mask at the size of the activations, whose values do not matter."""
        shape = features[0].shape[:2]
        sized = jax.image.resize(jnp.asarray(self.levels(), features[0].dtype), shape, "linear")
        return jnp.clip(sized, 0, 1)


def read_mask(source: str | os.PathLike[str] | Any, *, edge: int = EDGE) -> Mask:
    """Make a `Mask` from a picture: a path, or any array that `jaxstyle.load_image` takes; white is the object.

    Args:
        source: the picture; `jaxstyle.image.mask` has the rules for which pixels are inside.
        edge: long edge of the mask, in values; smaller pictures keep their own size.

    Raises:
        ImageError: `source` is no picture, or none that can be a mask.
        SettingError: `edge` is no whole number above 0.
    """
    if not is_whole(edge, 1):
        raise SettingError(f"edge: got {edge!r}, expected a whole number of pixels, at least 1")
    inside = load_mask(source)
    shape = fit(inside.shape, edge) if max(inside.shape) > edge else inside.shape
    levels = np.floor(resize(inside, shape) * 255 + 0.5).astype(np.uint8)
    return Mask(shape[1], levels.tobytes().hex())
