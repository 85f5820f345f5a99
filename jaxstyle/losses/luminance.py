"""The luminance loss: keep how bright every pixel of the content is, and leave its colour free."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.image.color import LUMA
from jaxstyle.losses.bands import MapLoss


@dataclass(frozen=True)
class LuminanceLoss(MapLoss):
    """Mean squared difference of luma: `mean((Y(x) - Y(content))^2)`, Y = 0.299 R + 0.587 G + 0.114 B.

    Y is the Rec. 601 luma of the sRGB-encoded values, the luminance channel of Gatys et al. 2017 ("Controlling
    Perceptual Factors in Neural Style Transfer", section 5.1). They transfer style to that channel and keep the
    content's colour, as `jaxstyle.color.keep_color` does. This loss is our own and does the opposite: it keeps the
    content's shading and leaves colour free.

    Units: pixel values squared; for pictures in [0, 1], 1 is the loss of black against white.

    Attributes:
        layer: must be "input", the picture.

    Raises:
        SettingError: another layer than "input".
    """

    layer: str = "input"
    kind: ClassVar[str] = "luminance"

    def __post_init__(self) -> None:
        if self.layer != "input":
            raise SettingError(f"layer: got {self.layer!r}, expected 'input': only the picture has red, green and blue")

    def target(self, features: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
        """The content's luma."""
        # Not a matrix product, which accelerators round to bfloat16 or TF32.
        red, green, blue = (weight * features[..., i] for i, weight in enumerate(LUMA))
        return red + green + blue

    def __call__(self, features: Float[Array, "h w 3"], target: Float[Array, "h w"]) -> Float[Array, ""]:
        """Mean squared difference of luma, `mean((Y(features) - target)^2)`."""
        return jnp.mean((self.target(features) - target) ** 2)
