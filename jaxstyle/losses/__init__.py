"""The losses: each is a target and a distance at one layer. `LOSSES` is the table of all of them."""

from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Array, Float

from jaxstyle.losses.content import ContentLoss
from jaxstyle.losses.gram import GramLoss, gram_matrix
from jaxstyle.losses.total_variation import TotalVariation

__all__ = ["LOSSES", "ContentLoss", "GramLoss", "Loss", "TotalVariation", "gram_matrix"]


@runtime_checkable
class Loss(Protocol):
    """A frozen, hashable dataclass: equal settings compile once.

    `features` is one picture's activation (h, w, c) at `layer`; "input" is the RGB picture itself. A loss sees one
    picture: `jax.vmap` makes the batch. It computes in the dtype of its features.
    """

    kind: ClassVar[str]

    @property
    def layer(self) -> str:
        """The activation it looks at."""
        ...

    def target(self, features: Float[Array, "h w c"]) -> Any:
        """What is remembered of the content or style picture: a pytree of arrays."""
        ...

    def __call__(self, features: Float[Array, "h w c"], target: Any) -> Float[Array, ""]:
        """How far the generated picture's features are from the target."""
        ...


LOSSES: dict[str, type[Loss]] = {loss.kind: loss for loss in (ContentLoss, GramLoss, TotalVariation)}
