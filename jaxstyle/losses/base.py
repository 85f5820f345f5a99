"""The base class of all losses, and the table in which recipes find losses by name."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest

LOSSES: dict[str, type["Loss"]] = {}
"""{kind: loss class}: every loss that a recipe can name. `register` adds to it."""
ENTRY_POINTS = "jaxstyle.losses"
"""The group of entry points in which installed packages declare losses: the name is the kind, the value the class."""


class Loss:
    """Base class of all losses: a target, made once from a picture, and the distance of another picture from it.

    A loss is a frozen dataclass: equal by value and hashable, so that equal settings compile once. It has a field
    `layer`, a name such as "relu4_1", and is given the activation (h, w, c) of one picture at that layer; or a field
    `layers`, a tuple of names, and is given a tuple of activations. The layer "input" is the picture itself, RGB in
    [0, 1]. A loss sees one picture: `jax.vmap` makes the batch. It computes in the dtype of its features, which is
    float32 or wider.

    Attributes:
        kind: name of the loss in recipes, such as "gram".
        blendable: whether the targets of several styles may be averaged, because a target is a mean over positions.
            If False, the default, the losses of several styles are summed instead.
        additive: whether the loss is made of sums over positions, so that a picture can be computed a band of rows at
            a time. It then has the methods of `jaxstyle.losses.bands.StatisticLoss` or `MapLoss`. If False, the
            default, the loss needs the whole picture at once.
        centred: for an additive loss, whether its sums are of differences from the target's mean.
        reach: for an additive loss, the number of layer rows above and below a row that its sums depend on.
        unit: for an additive loss, the number of layer rows that every band must start at a multiple of.
        narrow: whether the loss takes activations in the network's own dtype, such as bfloat16, and widens them itself
            where needed.
        random: whether the loss draws random numbers. It is then called with a third argument, a random key, which is
            another one at every step of a run.
        sampled: whether the loss compares features at sampled positions. With masks, `target` and the loss itself then
            get the region's guidance channel at the first layer as the keyword `guide`, and sample there alone.
        turned: whether the target is also of the picture turned by 90, 180 and 270 degrees. It then has a method
            `part(features)` for each of the four, and `join(parts)`, which makes the target of them.
        matches: whether the target is matched with a picture at the start of each level of a pyramid. It then has a
            method `match(target, features)`, which returns the level's target, and a `share`, see
            `HypercolumnMatchLoss`. Such a term's target comes from the styles, and masks are not possible.

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
    random: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    turned: ClassVar[bool] = False
    matches: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name of the loss in a run's history: its kind, unless a recipe can have several of a kind at one layer."""
        return self.kind

    def target(self, features: Any) -> Any:
        """Compute the target from the activations of the content or style picture: a pytree of arrays."""
        raise missing(self, "target")

    def __call__(self, features: Any, target: Any) -> Float[Array, ""]:
        """Compute the distance of the generated picture's features from the target: a scalar."""
        raise missing(self, "__call__")


def fixed_key() -> Array:
    """The random key of losses that draw random numbers, where no run gives them one."""
    return jax.random.key(0, impl="threefry2x32")


def missing(loss: Loss, method: str) -> NotImplementedError:
    """The error for a method that a loss's class must have and has not."""
    return NotImplementedError(f"the loss {type(loss).__name__} needs a method `{method}`; see help({_contract(loss)})")


def _contract(loss: Loss) -> str:
    base = next(each for each in type(loss).__mro__ if each.__module__.startswith("jaxstyle.losses."))
    return f"{base.__module__}.{base.__name__}"


L = TypeVar("L")


def register(loss: L) -> L:
    """Let recipes, TOML files and picture metadata name a loss of your own by its `kind`. A class decorator.

    A process that reads such a recipe must have imported the module that registers the loss. The command line finds
    the losses of installed packages that declare them as entry points of the group "jaxstyle.losses".

    Raises:
        SettingError: `loss` is no subclass of `Loss` with a `kind`, or another loss already has that kind.
    """
    if not (isinstance(loss, type) and issubclass(loss, Loss)) or not isinstance(getattr(loss, "kind", None), str):
        raise SettingError(f"register: got {loss!r}, expected a class that inherits from Loss, with a `kind`")
    before = LOSSES.setdefault(loss.kind, loss)
    if (before.__module__, before.__qualname__) != (loss.__module__, loss.__qualname__):
        raise SettingError(f"register: {before.__qualname__} has the kind {loss.kind!r} already; choose another")
    LOSSES[loss.kind] = loss  # the class may be defined again, as when a notebook cell is run twice
    return loss


def find_loss(kind: Any) -> type[Loss]:
    """Return the loss class of that kind. Raises SettingError if there is none, suggesting the nearest name."""
    if isinstance(kind, str) and kind not in LOSSES:
        for declared in entry_points(group=ENTRY_POINTS, name=kind):
            register(declared.load())
    if not isinstance(kind, str) or kind not in LOSSES:
        raise SettingError(
            f"loss: got {kind!r}; {suggest(kind, LOSSES)}; one of your own must be registered first, "
            "for the command line by an entry point of an installed package, see docs/extending.md"
        )
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
    if not all(isinstance(layer, str) for layer in layers_of(loss)):
        raise SettingError(f"{name}: {type(loss).__name__} has the layer {layers_of(loss)}, expected names")


def layers_of(loss: Loss) -> tuple[str, ...]:
    """Names of the layers whose activations a loss needs."""
    return (loss.layer,) if hasattr(loss, "layer") else tuple(loss.layers)  # type: ignore[attr-defined]


def select(loss: Loss, features: Mapping[str, Array]) -> Any:
    """Select the activations that the loss takes: one array, or a tuple of arrays for a loss with `layers`.

    They are converted to float32 or wider unless the loss is `narrow`: statistics computed in bfloat16 are inaccurate.
    """
    found = tuple(features[layer] for layer in layers_of(loss))
    if not loss.narrow:
        found = tuple(each.astype(jnp.promote_types(each.dtype, jnp.float32)) for each in found)
    return found[0] if hasattr(loss, "layer") else found
