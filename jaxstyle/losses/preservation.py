"""Preservation losses: keep what an estimator measures in the content, such as its edges, shape, colour or light."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.image.color import LUMA
from jaxstyle.losses.bands import MapLoss
from jaxstyle.saliency.function import PythonFunction, refuse_named

# Slopes below this are no edges: a quarter of a step of 8 bits. It also keeps the square root away from 0, where it has
# no gradient.
NO_EDGE = 1e-3


class Estimator(NamedTuple):
    """A function from a picture to a map, and which rows of the picture a row of the map depends on."""

    function: Callable[[Array], Array]
    local: bool = True  # whether on near rows alone
    reach: int = 0  # on how many rows above and below, if local


def luminance(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Rec. 601 luma `0.299 R + 0.587 G + 0.114 B` of the sRGB-encoded values, in [0, 1]."""
    # Not a matrix product, which accelerators round to bfloat16 or TF32.
    red, green, blue = (weight * image[..., i] for i, weight in enumerate(LUMA))
    return red + green + blue


def chroma(image: Float[Array, "h w 3"]) -> Float[Array, "h w 2"]:
    """Colour without brightness: red minus luma, in [-0.7, 0.7], and blue minus luma, in [-0.89, 0.89]; 0 for greys."""
    luma = luminance(image)
    return jnp.stack([image[..., 0] - luma, image[..., 2] - luma], axis=-1)


def edges(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Edge strength `sqrt(gx^2 + gy^2 + 1e-6)`, with gx and gy the luma's slopes per pixel (Sobel's kernels over 8).

    The border pixels are repeated beyond the picture.
    """
    x = jnp.pad(luminance(image), 1, mode="edge")
    down, across = x[:-2] + 2 * x[1:-1] + x[2:], x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    gx, gy = (down[:, 2:] - down[:, :-2]) / 8, (across[2:] - across[:-2]) / 8
    return jnp.sqrt(gx**2 + gy**2 + NO_EDGE**2)


def shape(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Soft silhouette `d / (d + mean d)` in [0, 1), d being a colour's squared distance to the border's mean colour.

    A value of 1/2 means as far from the border's colour as the mean pixel, so neither the contrast nor the colours
    themselves matter: an object on a plain background remains an object. Fine texture is blurred first (binomial, 5x5).
    Where objects touch the border or the background is not plain, `RegionLoss` is the better choice. This estimator is
    our own.
    """
    smooth = _blurred(_blurred(image).swapaxes(0, 1)).swapaxes(0, 1)
    rim = jnp.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    distance = jnp.sum((smooth - jnp.mean(rim, axis=0)[None, None]) ** 2, axis=-1)
    return distance / (distance + jnp.mean(distance) + NO_EDGE**2)


def _blurred(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Blur a picture along its first axis with the binomial kernel (1, 4, 6, 4, 1) / 16; border rows are repeated."""
    x, height = jnp.pad(image, ((2, 2), (0, 0), (0, 0)), mode="edge"), image.shape[0]
    return sum((weight * x[i : i + height] for i, weight in enumerate((1, 4, 6, 4, 1))), jnp.zeros_like(image)) / 16


ESTIMATORS: dict[str, Estimator] = {
    "chroma": Estimator(chroma),
    "edges": Estimator(edges, reach=1),
    "luminance": Estimator(luminance),
    "shape": Estimator(shape, local=False),
}
"""{name: estimator}: the estimators that a recipe can name."""


@dataclass(frozen=True)
class PreservationLoss(MapLoss):
    """Mean squared difference of the maps that an estimator e makes of two pictures: `mean((e(x) - e(content))^2)`.

    Liu et al. 2019 ("Image Neural Style Transfer With Preserving the Salient Regions", IEEE Access 7) say in their
    abstract that the region loss extends to "shape, edge, and color", each with an estimation network. The abstract
    does not name the networks: the estimators here are our own, plain filters of the picture.

    | estimator     | map                                | keeps                                 |
    |---------------|------------------------------------|---------------------------------------|
    | "edges"       | strength of Sobel's gradient       | where edges are and how strong        |
    | "shape"       | soft silhouette against the border | what stands out from a plain ground   |
    | "chroma"      | red and blue less luma             | colours, not light                    |
    | "luminance"   | Rec. 601 luma (`LuminanceLoss`)    | light and shade, not colours          |
    | a function    | `image (h, w, 3) -> map`, in JAX   | whatever it sees; a network, too      |

    Define a function once, at the top of a module: it is equal only to itself, so a new one compiles anew. A recipe
    with a function is saved with the function's name, and cannot be read back. Huge pictures can be computed in bands
    of rows with all estimators but "shape" and functions.

    Attributes:
        estimator: name of an estimator from the table above, or a function.
        layer: must be "input", the picture.

    Raises:
        SettingError: there is no such estimator, or the layer is not "input".
    """

    estimator: Any = "edges"
    layer: str = "input"
    kind: ClassVar[str] = "preservation"

    def __post_init__(self) -> None:
        if isinstance(self.estimator, Mapping):
            refuse_named("estimator", dict(self.estimator))
        if callable(self.estimator) and not isinstance(self.estimator, PythonFunction):
            object.__setattr__(self, "estimator", PythonFunction(self.estimator))
        known = isinstance(self.estimator, PythonFunction) or (
            isinstance(self.estimator, str) and self.estimator in ESTIMATORS
        )
        if not known:
            raise SettingError(f"estimator: got {self.estimator!r}; {suggest(self.estimator, ESTIMATORS)}")
        if self.layer != "input":
            raise SettingError(f"layer: got {self.layer!r}, expected 'input': estimators see the picture")

    def target(self, features: Float[Array, "h w 3"]) -> Float[Array, "..."]:
        """Map that the estimator makes of the content."""
        return self._known.function(features)

    def __call__(self, features: Float[Array, "h w 3"], target: Float[Array, "..."]) -> Float[Array, ""]:
        """Mean squared difference of the maps, `mean((e(features) - target)^2)`."""
        return jnp.mean((self.target(features) - target) ** 2)

    @property
    def label(self) -> str:
        """Name in a recipe's terms, such as "preservation_edges", so that one recipe can have several such losses."""
        named = self.estimator.name.rpartition(".")[2] if isinstance(self.estimator, PythonFunction) else self.estimator
        return f"{self.kind}_{named}"

    @property
    def additive(self) -> bool:  # type: ignore[override]
        """Whether the loss can be computed in bands of rows."""
        return self._known.local

    @property
    def reach(self) -> int:  # type: ignore[override]
        """Number of rows of the picture above and below its own that a row of the map depends on."""
        return self._known.reach

    @property
    def _known(self) -> Estimator:
        if isinstance(self.estimator, PythonFunction):
            return Estimator(lambda image: self.estimator((image,)), local=False)
        return ESTIMATORS[self.estimator]
