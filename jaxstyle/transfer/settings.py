"""The settings of a run on top of its recipe, declared here once for Python, the command line and sweeps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

# Nothing heavy is imported: the command line shows these settings without starting JAX.

Strength = Literal["light", "medium", "full"]
ColorName = Literal["style", "luminance", "cholesky", "pca", "symmetric", "histogram", "affine"]
if TYPE_CHECKING:  # in Python a setting may also be an object
    Picture = Any
    Optimization = Any
    Coarse = Any
else:
    Picture = str
    Optimization = Literal["adam", "lbfgs"]
    Coarse = bool


DEFAULT_SIZE = 512
"""Long edge in pixels to which a larger picture from a file is reduced if no size is given."""


@dataclass(kw_only=True)
class Settings:
    """Settings of a run. For settings that are None, the recipe decides."""

    size: int | None = None
    """Long edge of the result in pixels. By default the content's own, at most 512 for a file; in Python, arrays and
    PIL images keep their size."""
    steps: int | None = None
    """Optimisation steps at the result's size; the smaller sizes of a pyramid take theirs in proportion."""
    style_weight: float | Strength | None = None
    """How much style: a number, or light (1: a tint), medium (3) or full (10: as painted; above it little changes).
    By default the recipe's, 10 for most."""
    content_weight: float | None = None
    """How much of the content's scene is kept: a number. By default the recipe's, 1 for most."""
    tv_weight: float | None = None
    """Weight of the total variation loss: more smooths away speckle, 0 is none. By default the recipe's."""
    optimizer: Optimization | None = None
    """Another optimiser than the recipe's: adam or lbfgs with their usual settings; in Python also an `Adam`, an
    `LBFGS` or an optax transformation."""
    learning_rate: float | None = None
    """Another learning rate than the recipe's. That of Adam is in pixel values per step; 1 is from black to white."""
    style_scale: float = 1.0
    """Long edge of the styles divided by that of the result, above 0 and at most 100: larger paints broader strokes."""
    blend: tuple[float, ...] | None = None
    """Weight of each style, for example 2 1. By default equal."""
    init: Picture | None = None
    """What to start from: content, style (the first one, stretched), noise, or a picture such as an earlier result. By
    default as the recipe says, mostly the content."""
    color: ColorName | None = None
    """style: the style's colours, as most recipes have it. luminance: the content's colours. cholesky, pca, symmetric
    or histogram: ways to give the style the content's colours first. affine: at the end, the content's hues with the
    style's mean and covariance."""
    pyramid: Coarse | None = None
    """Whether to paint at smaller sizes first, with steps of their own: from 128 pixels, each size twice the one
    before; in Python also a `Pyramid`. By default as the recipe says."""
    seed: int = 0
    """Random seed of the noise that a run may start from."""
