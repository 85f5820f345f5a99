"""What a network must offer: the names of its layers, their activations, and what each position of a layer sees."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError, suggest

INPUT = "input"
"""The layer that is the picture itself, RGB in [0, 1]. Every network has it; none needs to know."""


class Geometry(NamedTuple):
    """Which pixels a position of a layer sees.

    Attributes:
        stride: position (i, j) stands for the `stride` x `stride` pixels from row `i * stride`, column `j * stride` on.
        halo: it also sees so many pixels beyond those, on every side: 1 for a 3x3 convolution of the picture.
        least: pixels that a picture's short edge must have at least.
    """

    stride: int = 1
    halo: int = 0
    least: int = 1


@runtime_checkable
class FeatureModel(Protocol):
    """A network whose features are compared: any pytree with these three members.

    Masks, bands of rows and checks of sizes ask `geometry`, never a layer's name.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """The names that `features` accepts, from shallow to deep."""
        ...

    def features(self, image: Float[Array, "h w 3"], layers: Iterable[str]) -> dict[str, Array]:
        """{layer: activation (h', w', c)} of one RGB picture in [0, 1], for the layers asked for."""
        ...

    def geometry(self, layer: str) -> Geometry | tuple[int, int] | tuple[int, int, int]:
        """(stride, halo) of a layer, and the least edge of a picture where there is one."""
        ...


@runtime_checkable
class Adaptable(FeatureModel, Protocol):
    """A network that also follows a `Plan` and a recipe's `pooling` and `first_padding`, as VGG19 does."""

    def prepared(self, layers: Iterable[str], *, conv: Any, dtype: Any) -> Any:
        """The network as a plan asks for it; itself where it is ready."""
        ...

    def with_changes(self, *, pooling: Any, first_padding: Any) -> Any:
        """The network with another pooling, or another padding of its first convolution."""
        ...

    def blocks(self, layers: set[str]) -> int:
        """How many blocks, counted from 1, it takes to reach all of the layers."""
        ...

    def preprocessed(self, image: Float[Array, "h w 3"]) -> Array:
        """What the first block takes."""
        ...

    def block(self, number: int, x: Array, layers: set[str]) -> tuple[Array, dict[str, Array]]:
        """What the next block takes, and the activations of this one at those of `layers` that it has."""
        ...


def features_of(model: FeatureModel, image: Float[Array, "h w 3"], layers: Iterable[str]) -> dict[str, Array]:
    """The activations of a picture, with the picture itself where "input" is asked for."""
    wanted = set(layers)
    found = model.features(image, wanted - {INPUT}) if wanted - {INPUT} else {}
    return {INPUT: image, **found} if INPUT in wanted else found


def geometry_of(model: FeatureModel, layer: str) -> Geometry:
    """The geometry of any layer, "input" included."""
    return Geometry() if layer == INPUT else Geometry(*model.geometry(layer))


def check_layers(model: FeatureModel, layers: Iterable[str], shape: tuple[int, ...]) -> None:
    """Check that the network has the layers, and that a picture of (height, width) `shape` reaches them.

    Raises:
        SettingError: an unknown layer. ImageError: a picture too small for one of the layers.
    """
    wanted = set(layers)
    for name in sorted(wanted - {INPUT, *model.layers}):
        hint = suggest(name, (INPUT, *model.layers))
        raise SettingError(f"layers: {getattr(model, 'name', '') or 'the network'} has no layer {name!r}; {hint}")
    least, deepest = max(((geometry_of(model, name).least, name) for name in wanted), default=(1, INPUT))
    if min(shape[:2]) < least:
        long = -(-least * max(shape[:2]) // max(1, min(shape[:2])))
        raise ImageError(
            f"image: got {shape[1]}x{shape[0]} pixels; {deepest} needs at least {least} on each side: use a larger "
            f"picture or size ({long} on the long edge in this shape), or shallower layers"
        )


def check_model(model: Any) -> None:
    """Raise a SettingError that names what is missing unless `model` is a `FeatureModel`."""
    missing = [name for name in ("layers", "features", "geometry") if not hasattr(model, name)]
    if missing or isinstance(model, type):
        raise SettingError(
            f"model: got {model.__name__ if isinstance(model, type) else type(model).__name__}, expected a network, "
            "such as load_vgg19 gives, or your own with `layers`, `features(image, layers)` and `geometry(layer)`"
            + (f"; it lacks {', '.join(missing)}" if missing else "; this is the class, make one of it")
        )
