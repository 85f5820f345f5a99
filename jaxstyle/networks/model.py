"""Protocols of networks: the names of the layers, their activations, and which pixels a position of a layer sees."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError, suggest

INPUT = "input"
"""Name of the layer that is the picture itself, RGB in [0, 1]. It works with every network, which need not offer it."""


class Geometry(NamedTuple):
    """Receptive field of a layer: which pixels of the picture a position sees.

    Attributes:
        stride: position (i, j) stands for the `stride` x `stride` pixels from row `i * stride`, column `j * stride` on.
        halo: number of pixels beyond those, on every side, that a position also sees: 1 for a 3x3 convolution of the
            picture.
        least: number of pixels that a picture's short edge must have at least.
    """

    stride: int = 1
    halo: int = 0
    least: int = 1


@runtime_checkable
class FeatureModel(Protocol):
    """Protocol of a network whose features are compared: any pytree with these three members.

    Masks, bands of rows and checks of sizes depend on `geometry`, never on a layer's name.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """The names that `features` accepts, from shallow to deep."""
        ...

    def features(self, image: Float[Array, "h w 3"], layers: Iterable[str]) -> dict[str, Array]:
        """Compute {layer: activation (h', w', c)} of one RGB picture in [0, 1], for the given layers."""
        ...

    def geometry(self, layer: str) -> Geometry | tuple[int, int] | tuple[int, int, int]:
        """Stride and halo of a layer, and the least edge of a picture if there is a limit, as in `Geometry`."""
        ...


@runtime_checkable
class Adaptable(FeatureModel, Protocol):
    """A network that also follows a `Plan` and a recipe's `pooling` and `first_padding`, as VGG19 does."""

    def prepared(self, layers: Iterable[str], *, conv: Any, dtype: Any) -> Any:
        """Return the network prepared to run to these layers as a plan asks; itself if it is ready."""
        ...

    def with_changes(self, *, pooling: Any, first_padding: Any) -> Any:
        """Return the network with another pooling or another padding of its first convolution; None changes nothing."""
        ...

    def blocks(self, layers: set[str]) -> int:
        """Number of blocks that have to be computed to reach all of the layers; the first block is number 1."""
        ...

    def preprocessed(self, image: Float[Array, "h w 3"]) -> Array:
        """Convert a picture to the input of the first block."""
        ...

    def block(self, number: int, x: Array, layers: set[str]) -> tuple[Array, dict[str, Array]]:
        """Compute a block from its input x: the next block's input, and {layer: activation} at its own of `layers`."""
        ...


def features_of(model: FeatureModel, image: Float[Array, "h w 3"], layers: Iterable[str]) -> dict[str, Array]:
    """Activations {layer: (h', w', c)} of a picture; that of "input" is the picture itself."""
    wanted = set(layers)
    found = model.features(image, wanted - {INPUT}) if wanted - {INPUT} else {}
    _check_features(model, found, wanted - {INPUT})
    return {INPUT: image, **found} if INPUT in wanted else found


def _check_features(model: FeatureModel, found: Any, wanted: set[str]) -> None:
    name = type(model).__name__
    if not isinstance(found, Mapping) or not wanted <= found.keys():
        got = sorted(found) if isinstance(found, Mapping) else type(found).__name__
        raise SettingError(f"model: {name}.features gave {got}, expected {{layer: activation}} for {sorted(wanted)}")
    for layer in wanted:
        if getattr(found[layer], "ndim", None) != 3:
            shape = getattr(found[layer], "shape", type(found[layer]).__name__)
            raise SettingError(f"model: {name}.features gave {shape} at {layer}, expected (height, width, channels)")


def geometry_of(model: FeatureModel, layer: str) -> Geometry:
    """Geometry of a layer, which may be "input"."""
    if layer == INPUT:
        return Geometry()
    found = model.geometry(layer)
    if not isinstance(found, tuple | list) or not 2 <= len(found) <= 3:
        raise SettingError(
            f"model: {type(model).__name__}.geometry({layer!r}) gave {found!r}, expected (stride, halo), in pixels"
        )
    return Geometry(*found)


def check_stride(model: FeatureModel, layer: str, picture: tuple[int, ...], activation: tuple[int, ...]) -> None:
    """Raise SettingError where an activation's shape denies the stride that the network's `geometry` tells."""
    stride = geometry_of(model, layer).stride
    if any(
        not pixels // stride <= found <= -(-pixels // stride)
        for pixels, found in zip(picture[:2], activation[:2], strict=True)
    ):
        raise SettingError(
            f"model: {type(model).__name__}.geometry({layer!r}) says stride {stride}, but a picture of "
            f"{picture[0]}x{picture[1]} pixels gives {activation[0]}x{activation[1]} positions"
        )


def check_layers(model: FeatureModel, layers: Iterable[str], shape: tuple[int, ...]) -> None:
    """Check that the network has the layers, and that a picture of (height, width) `shape` is large enough for them.

    Raises:
        SettingError: an unknown layer.
        ImageError: a picture too small for one of the layers.
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
    if isinstance(model.layers, str) or not all(isinstance(layer, str) for layer in model.layers):
        raise SettingError(f"model: got layers = {model.layers!r}, expected a tuple of names, such as ('edges',)")
    if any(not hasattr(leaf, "dtype") and not isinstance(leaf, int | float) for leaf in jax.tree.leaves(model)):
        name = type(model).__name__
        raise SettingError(
            f"model: {name} is no pytree: write @jax.tree_util.register_static above the class if it has no arrays to "
            "train, or make it a flax.nnx.Module or an equinox.Module"
        )
