"""What a localizer is, which there are, and the map of a picture."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.saliency.activations import AggregatedActivations
from jaxstyle.saliency.function import PythonFunction, refuse_named
from jaxstyle.saliency.grad_cam import GradCAM
from jaxstyle.saliency.mask import Mask


@runtime_checkable
class Localizer(Protocol):
    """A frozen, hashable dataclass: activations of a picture at `layers` in, map (h, w) out, at the first one's size.

    Its fields are plain data, `kind` among them: what a recipe saves.
    """

    @property
    def kind(self) -> str:
        """Its name in `LOCALIZERS`."""
        ...

    @property
    def layers(self) -> Any:
        """The activations it looks at, a tuple of names."""
        ...

    def __call__(self, features: Any) -> Float[Array, "h w"]:
        """The map; differentiable in the activations."""
        ...


LOCALIZERS: dict[str, Any] = {"activations": AggregatedActivations, "grad_cam": GradCAM, "mask": Mask}
"""{kind: localizer}: what recipes call them."""


def as_localizer(given: Any) -> Localizer:
    """A localizer: as it is, by its kind ("activations"), from its fields (what a recipe saves), or of a function.

    Raises:
        SettingError: it is none of these; a `kind` or a setting that does not exist; a function of a saved recipe.
    """
    if isinstance(given, Mapping):
        return _from_settings(dict(given))
    if isinstance(given, str):
        return _from_settings({"kind": given})
    if isinstance(given, Localizer):
        return given
    if not callable(given):
        raise SettingError(
            f"localizer: got {given!r}, expected a localizer of jaxstyle.saliency, its name or settings, or a function "
            "image -> map"
        )
    return PythonFunction(given)


def _from_settings(settings: dict[str, Any]) -> Localizer:
    refuse_named("localizer", settings)
    kind = settings.pop("kind", None)
    if kind not in LOCALIZERS:
        raise SettingError(f"localizer: got kind {kind!r}; {suggest(kind, LOCALIZERS)}")
    known = [entry.name for entry in fields(LOCALIZERS[kind]) if entry.init]
    for name in settings:
        if name not in known:
            raise SettingError(f"localizer: {kind} has no setting {name!r}; {suggest(name, known)}")
    try:
        return LOCALIZERS[kind](**settings)
    except TypeError as error:
        raise SettingError(f"localizer: {kind}: {error}") from None


def saliency_map(model: Any, image: Float[Array | np.ndarray, "h w 3"], localizer: Any = None) -> np.ndarray:
    """Where a picture's object is, by a localizer: (h, w) float32 in [0, 1], at the picture's size.

    Args:
        model: the network, such as `load_vgg19` gives.
        image: RGB in [0, 1].
        localizer: what `as_localizer` takes; `AggregatedActivations()` when not given.

    Raises:
        SettingError: the network lacks a layer, or the localizer is none. ImageError: the picture is too small.
    """
    chosen = AggregatedActivations() if localizer is None else as_localizer(localizer)
    return np.asarray(_map(model, jnp.asarray(image), chosen))


@partial(jax.jit, static_argnames="localizer")
def _map(model: Any, image: Array, localizer: Any) -> Array:
    found = model.features(image, localizer.layers)
    small = localizer(tuple(found[layer] for layer in localizer.layers))
    return jnp.clip(jax.image.resize(small, image.shape[:2], "linear"), 0, 1)
