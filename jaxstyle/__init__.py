"""jaxstyle: neural style transfer in JAX. Names are loaded on first use, so that importing costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "VGG19": "vgg",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'jaxstyle' has no attribute {name!r}")
    return getattr(import_module(f"jaxstyle.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from jaxstyle.vgg import VGG19 as VGG19
