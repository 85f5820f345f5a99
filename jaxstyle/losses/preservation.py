"""Preservation losses: keep what an estimator sees in the content: its edges, shape, colour, light, or anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.image.color import LUMA
from jaxstyle.losses.bands import MapLoss
from jaxstyle.saliency.function import PythonFunction, refuse_named

# Below it a slope is no edge: a quarter of a step of 8 bits. It also keeps the root from 0, where it has no gradient.
NO_EDGE = 1e-3


class Estimator(NamedTuple):
    """A function of a picture, and whether its rows depend on near rows alone, on how many above and below."""

    function: Callable[[Array], Array]
    local: bool = True
    reach: int = 0


def luminance(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Rec. 601 luma, `0.299 R + 0.587 G + 0.114 B` of the encoded values: in [0, 1]."""
    # Not a matrix product, which accelerators round to bfloat16 or TF32.
    red, green, blue = (weight * image[..., i] for i, weight in enumerate(LUMA))
    return red + green + blue


def chroma(image: Float[Array, "h w 3"]) -> Float[Array, "h w 2"]:
    """Colour without light: red and blue less luma, in [-0.7, 0.7] and [-0.89, 0.89]; 0 for greys."""
    luma = luminance(image)
    return jnp.stack([image[..., 0] - luma, image[..., 2] - luma], axis=-1)


def edges(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Edge strength, `sqrt(gx^2 + gy^2 + 1e-6)` of luma by Sobel's kernels over 8: the slope per pixel.

    At the picture's border its pixels are repeated.
    """
    x = jnp.pad(luminance(image), 1, mode="edge")
    down, across = x[:-2] + 2 * x[1:-1] + x[2:], x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    gx, gy = (down[:, 2:] - down[:, :-2]) / 8, (across[2:] - across[:-2]) / 8
    return jnp.sqrt(gx**2 + gy**2 + NO_EDGE**2)


def shape(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Soft silhouette: `d / (d + mean d)`, d the squared distance of a colour to the border's mean one; in [0, 1).

    1/2 is as far from the border's colour as the mean pixel, so neither contrast nor what colours they are matters: an
    object on a plain ground stays one. Fine texture is blurred first (binomial, 5x5). Where objects touch the border or
    the ground is not plain, `RegionLoss` knows more. Ours.
    """
    smooth = _blurred(_blurred(image).swapaxes(0, 1)).swapaxes(0, 1)
    rim = jnp.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    distance = jnp.sum((smooth - jnp.mean(rim, axis=0)[None, None]) ** 2, axis=-1)
    return distance / (distance + jnp.mean(distance) + NO_EDGE**2)


def _blurred(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Along the first axis, borders repeated."""
    x, height = jnp.pad(image, ((2, 2), (0, 0), (0, 0)), mode="edge"), image.shape[0]
    return sum((weight * x[i : i + height] for i, weight in enumerate((1, 4, 6, 4, 1))), jnp.zeros_like(image)) / 16


ESTIMATORS: dict[str, Estimator] = {
    "chroma": Estimator(chroma),
    "edges": Estimator(edges, reach=1),
    "luminance": Estimator(luminance),
    "shape": Estimator(shape, local=False),
}
"""{name: estimator}: what recipes call them."""


@dataclass(frozen=True)
class PreservationLoss(MapLoss):
    """Mean squared difference of what an estimator says of both pictures: `mean((e(x) - e(content))^2)`.

    Liu et al. 2019 ("Image Neural Style Transfer With Preserving the Salient Regions", IEEE Access 7) say in their
    abstract that the region loss extends to "shape, edge, and color", each with an estimation network. They do not say
    there which or how: the estimators are ours, plain filters of the picture.

    | estimator     | map                                | keeps                                 |
    |---------------|------------------------------------|---------------------------------------|
    | "edges"       | strength of Sobel's gradient       | where edges are and how strong        |
    | "shape"       | soft silhouette against the border | what stands out from a plain ground   |
    | "chroma"      | red and blue less luma             | colours, not light                    |
    | "luminance"   | Rec. 601 luma (`LuminanceLoss`)    | light and shade, not colours          |
    | a function    | `image (h, w, 3) -> map`, in JAX   | whatever it sees; a network, too      |

    A function is equal to itself alone: define it at a module's top. A recipe with one is saved with its name, and
    cannot be read back. Huge pictures can be computed in bands with all but "shape" and functions.

    Attributes:
        estimator: see above.
        layer: the picture.

    Raises:
        SettingError: there is no such estimator, or the layer is not the picture.
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
        """The content's map."""
        return self._known.function(features)

    def __call__(self, features: Float[Array, "h w 3"], target: Float[Array, "..."]) -> Float[Array, ""]:
        """`mean((e(features) - target)^2)`."""
        return jnp.mean((self.target(features) - target) ** 2)

    @property
    def label(self) -> str:
        """What a recipe's terms call it, so that one recipe can have several: "preservation_edges"."""
        named = self.estimator.name.rpartition(".")[2] if isinstance(self.estimator, PythonFunction) else self.estimator
        return f"{self.kind}_{named}"

    @property
    def additive(self) -> bool:  # type: ignore[override]
        """Whether it can be computed in bands."""
        return self._known.local

    @property
    def reach(self) -> int:  # type: ignore[override]
        """Rows above and below its own that a row of the map depends on."""
        return self._known.reach

    @property
    def _known(self) -> Estimator:
        if isinstance(self.estimator, PythonFunction):
            return Estimator(lambda image: self.estimator((image,)), local=False)
        return ESTIMATORS[self.estimator]
