"""Parametrizations: the numbers that an optimiser changes, and the picture that they stand for.

The optimiser sees the gradient along the parameters. In a Laplacian pyramid or a spectrum one number moves a whole
area, so low frequencies change faster than in pixels, with the same optimiser and the same losses.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_number, is_whole
from jaxstyle.networks.resize import bilinear

Image = Float[Array, "h w 3"]


@runtime_checkable
class Parametrization(Protocol):
    """Protocol of a parametrization: a frozen, hashable dataclass of settings.

    Attributes:
        kind: name of the parametrization in recipes.
        clips: whether the parameters are pixels, which may be clipped to [0, 1] between steps. Only then does the
            optimiser carry its state from one level of a pyramid to the next.
    """

    kind: ClassVar[str]
    clips: ClassVar[bool]

    def parameters(self, image: Image) -> Any:
        """Make the parameters of a picture: a pytree of arrays of floats."""
        ...

    def image(self, parameters: Any, shape: tuple[int, ...]) -> Image:
        """Make the picture (h, w, 3) of parameters that `parameters` made from a picture of this shape."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The picture itself, RGB."""

    kind: ClassVar[str] = "pixels"
    clips: ClassVar[bool] = True

    def parameters(self, image: Image) -> Image:
        """The picture."""
        return image

    def image(self, parameters: Image, shape: tuple[int, ...]) -> Image:
        """The picture."""
        return parameters


@dataclass(frozen=True)
class LaplacianPyramid:
    """A Laplacian pyramid (Burt & Adelson 1983): differences between sizes, and the smallest size itself.

    The picture is reduced to half its size `levels` times. Each level's parameters are what bilinear enlarging of the
    next smaller one lacks; the picture is their sum. STROTSS and NNST (Kolkin et al. 2019, 2022) optimise these. As in
    their codes, no filter precedes the reduction.

    Attributes:
        levels: number of reductions, from 1 to 16. A size of one pixel is not reduced further.
        corners: whether the corner pixels of all sizes lie on each other (STROTSS), or the corners of the corner
            pixels do (NNST).

    Raises:
        SettingError: `levels` is out of range.
    """

    levels: int = 5
    corners: bool = False
    kind: ClassVar[str] = "laplacian"
    clips: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not is_whole(self.levels, 1, 16):
            raise SettingError(f"levels: got {self.levels!r}, expected a whole number from 1 to 16")

    def parameters(self, image: Image) -> tuple[Array, ...]:
        """Differences from the largest size to the smallest but one, then the smallest size: `levels + 1` arrays."""
        parts = []
        for _ in range(self.levels):
            height, width = image.shape[:2]
            small = bilinear(image, (max(height // 2, 1), max(width // 2, 1)), corners=self.corners)
            parts.append(image - bilinear(small, (height, width), corners=self.corners))
            image = small
        return (*parts, image)

    def image(self, parameters: tuple[Array, ...], shape: tuple[int, ...]) -> Image:
        """The picture: from the smallest size, enlarged and added to the next difference, and so on."""
        *parts, image = parameters
        for part in reversed(parts):
            image = part + bilinear(image, part.shape[:2], corners=self.corners)
        return image


# The square root of the covariance of natural pictures' colours, and their mean, from lucid (Olah, Mordvintsev &
# Schubert 2017, "Feature Visualization").
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
EDGE = 1e-3
"""Pixels are brought into [0.001, 0.999] before the inverse of the sigmoid, which is infinite at 0 and 1."""


@dataclass(frozen=True)
class Fourier:
    """Fourier coefficients of decorrelated colours, scaled like the spectrum of natural pictures, and a sigmoid.

    `image = sigmoid(C irfft2(s(f) z) / 4)`, with the parameters z, `s(f) = sqrt(h w) / max(f, 1 / max(h, w))^decay` for
    the frequency f in cycles per pixel, and C the square root of the covariance of natural pictures' colours, divided
    by its longest column: lucid's `fft_image` and `to_valid_rgb` (Mordvintsev et al. 2018, "Differentiable Image
    Parameterizations"). The sigmoid keeps the picture in (0, 1). A picture's parameters are exact but for pixels
    outside [0.001, 0.999], which are moved there.

    Attributes:
        decay: exponent of the spectrum, from 0 to 4. At 1, as in natural pictures, all frequencies change alike for
            the eye; at 0 they change as pixels do.

    Raises:
        SettingError: `decay` is out of range.
    """

    decay: float = 1.0
    kind: ClassVar[str] = "fourier"
    clips: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not is_number(self.decay, 0, 4):
            raise SettingError(f"decay: got {self.decay!r}, expected a number from 0 to 4")

    def parameters(self, image: Image) -> Float[Array, "2 h half 3"]:
        """Real and imaginary parts of the coefficients, (2, h, w // 2 + 1, 3)."""
        inside = jnp.clip(image, EDGE, 1 - EDGE)
        logits = jnp.log(inside / (1 - inside))
        plain = jnp.matmul(logits, jnp.asarray(np.linalg.inv(_colours()).T, image.dtype), precision="highest")
        found = jnp.fft.rfft2(plain * 4, axes=(0, 1))
        return jnp.stack([found.real, found.imag]) / self._scale(image)[None]

    def image(self, parameters: Float[Array, "2 h half 3"], shape: tuple[int, ...]) -> Image:
        """The picture, in (0, 1)."""
        real, imaginary = parameters * self._scale(jax.ShapeDtypeStruct(shape, parameters.dtype))[None]
        plain = jnp.fft.irfft2(lax.complex(real, imaginary), s=shape[:2], axes=(0, 1)) / 4
        return jax.nn.sigmoid(jnp.matmul(plain, jnp.asarray(_colours().T, plain.dtype), precision="highest"))

    def _scale(self, image: Any) -> Float[Array, "h half 1"]:
        height, width = image.shape[:2]
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        scale = (height * width) ** 0.5 / np.maximum(frequency, 1 / max(height, width)) ** self.decay
        return jnp.asarray(scale[..., None], image.dtype)


PARAMETRIZATIONS: dict[str, type[Parametrization]] = {each.kind: each for each in (Pixels, LaplacianPyramid, Fourier)}
"""{kind: parametrization class}: the parametrizations that saved recipes can hold."""


def _colours() -> np.ndarray:
    return COLOURS / np.linalg.norm(COLOURS, axis=0).max()
