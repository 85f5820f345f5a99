"""What a loss is, and the table by which recipes find losses by name."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest

LOSSES: dict[str, type["Loss"]] = {}
"""{kind: loss}: every loss that a recipe can name. `register` adds to it."""
ENTRY_POINTS = "jaxstyle.losses"
"""Installed packages may declare losses in this group of entry points: name is the kind, value the class."""


class Loss:
    """A target and a distance at a layer. Losses inherit from it and are frozen dataclasses.

    A frozen dataclass is equal by value and hashable, so that equal settings compile once. It has a field `layer`, a
    name such as "relu4_1", and is given the activation (h, w, c) of one picture there; or a field `layers`, a tuple of
    names, and is given a tuple of activations. The layer "input" is the picture itself, RGB in [0, 1]. A loss sees one
    picture: `jax.vmap` makes the batch. It computes in the dtype of its features, float32 or wider.

    Attributes:
        kind: its name in recipes, such as "gram".
        blendable: the target may be averaged over several styles, as it is a mean over positions. By default it may
            not: then several styles' losses are summed.
        additive: it is made of sums over positions, so that a picture can be computed a band of rows at a time; it
            then has the methods of `jaxstyle.losses.bands.StatisticLoss` or `MapLoss`. By default it needs the whole
            picture at once.
        centred: of an additive loss: its sums are of differences from the target's mean.
        reach: of an additive loss: rows of the layer above and below a row that its sums depend on.
        unit: of an additive loss: bands of rows begin at multiples of so many rows of the layer.
        narrow: it takes the activations in the network's own dtype, such as bfloat16, and widens what it must itself.

    Example:
        >>> @jaxstyle.losses.register
        ... @dataclass(frozen=True)
        ... class MeanLoss(jaxstyle.losses.Loss):
        ...     layer: str
        ...     kind = "mean"
        ...     blendable = True
        ...     def target(self, features):
        ...         return features.mean((0, 1))
        ...     def __call__(self, features, target):
        ...         return ((self.target(features) - target) ** 2).mean()
    """

    kind: ClassVar[str]
    blendable: ClassVar[bool] = False
    additive: ClassVar[bool] = False
    centred: ClassVar[bool] = False
    reach: ClassVar[int] = 0
    unit: ClassVar[int] = 1
    narrow: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """What the loss is called in a run's history: its kind, unless several of a kind look at one layer."""
        return self.kind

    def target(self, features: Any) -> Any:
        """What is remembered of the content or style picture: a pytree of arrays."""
        raise NotImplementedError

    def __call__(self, features: Any, target: Any) -> Float[Array, ""]:
        """How far the generated picture's features are from the target: a scalar."""
        raise NotImplementedError


L = TypeVar("L")


def register(loss: L) -> L:
    """Let recipes, TOML files and the metadata of pictures name a loss of your own by its `kind`; a class decorator.

    A process that reads such a recipe must have imported the module that registers the loss. The command line finds
    the losses of installed packages that declare them as entry points of the group "jaxstyle.losses".

    Raises:
        SettingError: it is no loss, or another loss has its kind.
    """
    if not (isinstance(loss, type) and issubclass(loss, Loss)) or not isinstance(getattr(loss, "kind", None), str):
        raise SettingError(f"register: got {loss!r}, expected a class that inherits from Loss, with a `kind`")
    before = LOSSES.setdefault(loss.kind, loss)
    if (before.__module__, before.__qualname__) != (loss.__module__, loss.__qualname__):
        raise SettingError(f"register: {before.__qualname__} has the kind {loss.kind!r} already; choose another")
    LOSSES[loss.kind] = loss  # the same class again, as a notebook's cell run twice makes it
    return loss


def find_loss(kind: Any) -> type[Loss]:
    """The loss of that kind. Raises SettingError where there is none, with the nearest name."""
    if isinstance(kind, str) and kind not in LOSSES:
        for declared in entry_points(group=ENTRY_POINTS, name=kind):
            register(declared.load())
    if not isinstance(kind, str) or kind not in LOSSES:
        raise SettingError(f"loss: got {kind!r}; {suggest(kind, LOSSES)}; one of your own must be registered first")
    return LOSSES[kind]


def check_loss(loss: Any, name: str) -> None:
    """Raise a SettingError that says what is wrong unless `loss` keeps the contract of `Loss`."""
    expected = "expected a frozen dataclass that inherits from jaxstyle.losses.Loss, such as GramLoss('relu3_1')"
    if isinstance(loss, type):
        raise SettingError(f"{name}: got the class {loss.__name__}, expected one of it, such as {loss.__name__}(...)")
    if not isinstance(loss, Loss):
        raise SettingError(f"{name}: got {type(loss).__name__}, {expected}")
    if not is_dataclass(loss) or not loss.__dataclass_params__.frozen or type(loss).__hash__ is None:
        raise SettingError(f"{name}: {type(loss).__name__} is no frozen dataclass: write @dataclass(frozen=True)")
    if not isinstance(getattr(loss, "kind", None), str) or not (hasattr(loss, "layer") or hasattr(loss, "layers")):
        raise SettingError(f"{name}: {type(loss).__name__} needs a `kind` and a field `layer` or `layers`")


def layers_of(loss: Loss) -> tuple[str, ...]:
    """The activations a loss looks at."""
    return (loss.layer,) if hasattr(loss, "layer") else tuple(loss.layers)  # type: ignore[attr-defined]


def select(loss: Loss, features: Mapping[str, Array]) -> Any:
    """What the loss is given of a picture's activations: one array, or a tuple for a loss with `layers`.

    In float32 or wider, unless the loss is `narrow`: statistics of bfloat16 activations are not worth much.
    """
    found = tuple(features[layer] for layer in layers_of(loss))
    if not loss.narrow:
        found = tuple(each.astype(jnp.promote_types(each.dtype, jnp.float32)) for each in found)
    return found[0] if hasattr(loss, "layer") else found
