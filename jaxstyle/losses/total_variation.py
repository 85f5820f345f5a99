"""Total variation: neighbouring pixels should have similar values."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.losses.bands import Band, whole
from jaxstyle.losses.base import Loss

Form = Literal["squared", "absolute", "corner", "power", "replicate"]
Part = tuple[Float[Array, ""], Float[Array, ""]]


@dataclass(frozen=True)
class TotalVariation(Loss):
    """Total variation: differences of neighbouring pixels, over all channels, in one of five published forms.

    It has no target.

    | form        | value                                                       | source, with its weight            |
    |-------------|-------------------------------------------------------------|------------------------------------|
    | "squared"   | `mean(dx^2) + mean(dy^2)`                                   | anishathalye/neural-style, on 0-255|
    | "absolute"  | `sum abs(dx) + sum abs(dy)`                                 | neural-style-pt 1e-3, gordicaleksa,|
    |             |                                                             | on 0-255; TensorFlow's             |
    | "corner"    | `1/2 sum(dx^2 + dy^2)` over the (h-1) x (w-1) top left      | neural-style (Lua) 1e-3 and Gatys, |
    |             | pixels, those with a neighbour on the right and below       | on 0-255                           |
    | "power"     | `sum (dx^2 + dy^2)^1.25` over the same pixels               | Keras' example 1e-6, on 0-255      |
    | "replicate" | `2/3 (mean dx^2 + mean dy^2) + 1/6 (mean d1^2 + mean d2^2)` | crowsonkb 2, on [0, 1]             |
    |             | after repeating the border once, d1 and d2 the diagonals    |                                    |

    "power" is the case beta = 2.5, and all others but "absolute" are beta = 2, of Mahendran & Vedaldi 2015
    ("Understanding Deep Image Representations by Inverting Them"), where it is a sum. Neural-style applies only the
    gradient of "corner" and leaves the value out of the loss that it prints.

    A weight of one form does not fit another: a sum grows with the picture and a mean does not. The pictures here are
    in [0, 1]: multiply a weight that was published for pixels of 0 to 255 by 255^2, by 255 for "absolute", or by
    255^2.5 for "power".

    Attributes:
        layer: name of the layer whose neighbouring values are compared; "input" is the picture.
        form: name of the form, from the table above.

    Raises:
        SettingError: an unknown form.
    """

    layer: str = "input"
    form: Form = "squared"
    kind: ClassVar[str] = "total_variation"
    additive: ClassVar[bool] = True
    reach: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise SettingError(f"form: got {self.form!r}; {suggest(self.form, get_args(Form))}")

    def target(self, features: Float[Array, "h w c"]) -> tuple[()]:
        """An empty tuple: total variation has no target."""
        return ()

    def __call__(self, features: Float[Array, "h w c"], target: tuple[()] = ()) -> Float[Array, ""]:
        """Total variation of the features; a side of one pixel has no differences and adds nothing."""
        return self.from_sums(self.sums(features, target, whole(features)), target)

    def sums(self, features: Float[Array, "h w c"], target: tuple[()], band: Band) -> tuple[Part, ...]:
        """A band's (sum, count) of each kind of difference. A difference between two rows belongs to the upper one."""
        dy, dx = features[1:] - features[:-1], features[:, 1:] - features[:, :-1]
        below = Band(band.start, band.weight[:-1])
        match self.form:
            case "squared":
                return _part(dx**2, band), _part(dy**2, below)
            case "absolute":
                # jnp.abs has the gradient 1 at 0, which would pull on flat areas; here it is 0, as in PyTorch.
                return tuple(_part(d * stop_gradient(jnp.sign(d)), rows) for d, rows in ((dx, band), (dy, below)))
            case "corner":
                return (_part(dx[:-1] ** 2 + dy[:, :-1] ** 2, below),)
            case "power":
                return (_part(_power(dx[:-1] ** 2 + dy[:, :-1] ** 2), below),)
        return _replicate(features, band)

    def from_sums(self, sums: tuple[Part, ...], target: tuple[()] = ()) -> Float[Array, ""]:
        """The total variation of a whole picture, from its sums and counts, as the form defines it."""
        means = [total / jnp.maximum(count, 1) for total, count in sums]
        match self.form:
            case "squared":
                return means[0] + means[1]
            case "absolute":
                return sums[0][0] + sums[1][0]
            case "corner":
                return sums[0][0] / 2
            case "power":
                return sums[0][0]
        return 2 * ((means[0] + means[1]) / 3 + (means[2] + means[3]) / 12)

    def remember(self, found: tuple[()] | None, features: Array, target: tuple[()], band: Band) -> tuple[()]:
        """An empty tuple: there is no target to make."""
        return ()

    def statistics(self, sums: Any, target: tuple[()]) -> tuple[()]:
        """An empty tuple: there is no target to make."""
        return ()


def _power(squares: Array) -> Array:
    """`squares^1.25`, whose second derivative is infinite at 0 and is taken as 0 there."""
    positive = squares > 0
    return jnp.where(positive, jnp.where(positive, squares, 1) ** 1.25, 0)


def _part(values: Float[Array, "h w c"], band: Band) -> Part:
    return jnp.sum(band.mask(values), dtype=band.weight.dtype), band.total(values[:1].size)


def _replicate(x: Float[Array, "h w c"], band: Band) -> tuple[Part, ...]:
    """Sums for crowsonkb's nine-point form: differences to the right and below, and both diagonals of 2x2 squares."""
    x = jnp.pad(x, ((1, 1), (1, 1), (0, 0)), mode="edge")
    inner = x[1:-1, 1:-1]
    # A band's first row counts only if it is the picture's first; the squares on the border above it then count too.
    squares = Band(band.start, jnp.concatenate([band.weight[:1], band.weight]))
    return (
        _part((x[1:-1, 2:] - inner) ** 2, band),
        _part((x[2:, 1:-1] - inner) ** 2, band),
        _part((x[1:, 1:] - x[:-1, :-1]) ** 2, squares),
        _part((x[1:, :-1] - x[:-1, 1:]) ** 2, squares),
    )
