"""The protocol of localizers, the table of those that recipes can name, and the saliency map of a picture."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, suggest
from jaxstyle.networks.model import check_layers, features_of
from jaxstyle.saliency.activations import AggregatedActivations
from jaxstyle.saliency.class_activation import GradCAM
from jaxstyle.saliency.function import PythonFunction, refuse_named
from jaxstyle.saliency.mask import Mask


@runtime_checkable
class Localizer(Protocol):
    """Protocol of a localizer: a frozen, hashable dataclass that makes a map (h, w) of activations at its `layers`.

    The map has the size of the first activation. The fields, `kind` among them, are plain data, which recipes save.
    """

    @property
    def kind(self) -> str:
        """Name of the localizer in `LOCALIZERS`."""
        ...

    @property
    def layers(self) -> Any:
        """Names of the layers whose activations it takes, a tuple."""
        ...

    def __call__(self, features: Any) -> Float[Array, "h w"]:
        """Map of a picture with these activations, differentiable in them."""
        ...


LOCALIZERS: dict[str, Any] = {"activations": AggregatedActivations, "grad_cam": GradCAM, "mask": Mask}
"""{kind: localizer class}: the localizers that recipes can name."""


def as_localizer(given: Any) -> Localizer:
    """Return a localizer that is given as itself, by its kind ("activations"), by its saved fields, or as a function.

    Raises:
        SettingError: it is none of these, has a `kind` or a setting that does not exist, or is a function in a saved
            recipe.
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
    """Map of where a picture's object is, by a localizer: (h, w) float32 in [0, 1], at the picture's size.

    Args:
        model: the network, such as `load_vgg19` gives.
        image: RGB in [0, 1].
        localizer: what `as_localizer` takes; `AggregatedActivations()` if not given.

    Raises:
        SettingError: the network lacks a layer, or the localizer is none.
        ImageError: the picture is too small.
    """
    chosen = AggregatedActivations() if localizer is None else as_localizer(localizer)
    return np.asarray(_map(model, jnp.asarray(image), chosen))


@partial(jax.jit, static_argnames="localizer")
def _map(model: Any, image: Array, localizer: Any) -> Array:
    check_layers(model, localizer.layers, image.shape)
    found = features_of(model, image, localizer.layers)
    small = localizer(tuple(found[layer] for layer in localizer.layers))
    return jnp.clip(jax.image.resize(small, image.shape[:2], "linear"), 0, 1)
