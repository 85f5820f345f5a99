"""A term: a loss in a recipe, with its weight and the picture that its target comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jaxstyle.errors import SettingError, is_number, suggest
from jaxstyle.losses import Loss, layers_of
from jaxstyle.losses.base import check_loss

MAX_WEIGHT = 3e38  # about the largest float32
At = Literal["all", "last", "before"]


@dataclass(frozen=True)
class Term:
    """A loss and its weight.

    Attributes:
        loss: the loss, which says what is compared, and at which layer.
        weight: weight of the loss, at least 0; multiplied by the recipe's weight for the group the term is in.
        relative: whether to divide the loss by its value for all-zero features, that is by the target's own size (for a
            Gram matrix, mean(A^2)). Then 1 means "as far from the target as all-zero features", and a weight means the
            same at every picture size, layer and network. Published recipes do not divide.
        of: name of the reference picture that the target comes from, instead of the content or the styles; see
            `make_objective`.
        growth: factor of the weight from each level of a pyramid to the next, from 0.01 to 100. The weight itself
            holds at the last level: with 0.5 it is twice that at the level before.
        at: the levels of a pyramid at which the term takes part: "all", "last" alone, or those "before" it.
    """

    loss: Loss
    weight: float = 1.0
    relative: bool = True
    of: str | None = None
    growth: float = 1.0
    at: At = "all"

    def __post_init__(self) -> None:
        check_loss(self.loss, "loss")
        if not isinstance(self.of, str | None):
            raise SettingError(f"of: got {self.of!r}, expected the name of a reference picture, or None")
        check_weight(f"weight of {self.name}", self.weight)
        if not is_number(self.growth, 0.01, 100):
            raise SettingError(f"growth of {self.name}: got {self.growth!r}, expected a number from 0.01 to 100")
        if self.at not in get_args(At):
            raise SettingError(f"at of {self.name}: got {self.at!r}; {suggest(self.at, get_args(At))}")
        object.__setattr__(self, "weight", float(self.weight))
        object.__setattr__(self, "growth", float(self.growth))

    @property
    def name(self) -> str:
        """Name of the term, unique in a recipe: "gram/relu3_1", or "gram/relu3_1 of NAME"."""
        layers = layers_of(self.loss)
        place = layers[0] + (f"..{layers[-1]}" if len(layers) > 1 else "")
        return f"{self.loss.label}/{place}" + (f" of {self.of}" if self.of else "")


def as_terms(group: str, given: Any) -> tuple[Term, ...]:
    """The tuple of a group's terms, which may be given as one or several, as terms or as bare losses."""
    if isinstance(given, Term | Loss) or not isinstance(given, Iterable) or isinstance(given, str):
        given = (given,)
    terms = list(given)
    for i, each in enumerate(terms):
        if not isinstance(each, Term):
            check_loss(each, f"{group}[{i}]")
            terms[i] = Term(each)
    return tuple(terms)


def check_weight(name: str, weight: float) -> None:
    """Raise SettingError unless the weight is a number that float32 holds, at least 0."""
    if not is_number(weight, 0, MAX_WEIGHT):
        raise SettingError(f"{name}: got {weight!r}, expected a finite number, at least 0")


def absolute(loss: Loss, weight: float) -> Term:
    """Make a term whose value is that of the published formula, not relative to its target."""
    return Term(loss, weight, relative=False)
