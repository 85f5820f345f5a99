"""Fast style transfer: networks that paint in one forward pass, in any style or in the one they were trained for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "FastModel": "model",
    "blend": "model",
    "load_adain": "adain",
    "load_fast": "load",
    "load_johnson": "johnson",
    "load_magenta": "magenta",
    "load_wct": "wct",
    "stylize_fast": "fast",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'jaxstyle.feedforward' has no attribute {name!r}")
    return getattr(import_module(f"jaxstyle.feedforward.{_HOME[name]}"), name)


if TYPE_CHECKING:
    from jaxstyle.feedforward.adain import load_adain as load_adain
    from jaxstyle.feedforward.fast import stylize_fast as stylize_fast
    from jaxstyle.feedforward.johnson import load_johnson as load_johnson
    from jaxstyle.feedforward.load import load_fast as load_fast
    from jaxstyle.feedforward.magenta import load_magenta as load_magenta
    from jaxstyle.feedforward.model import FastModel as FastModel
    from jaxstyle.feedforward.model import blend as blend
    from jaxstyle.feedforward.wct import load_wct as load_wct
