"""jaxstyle: neural style transfer in JAX. Names are loaded on first use, so that importing costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jaxstyle.runtime.installation import keep_fusion_out

__version__ = "0.1.0"

keep_fusion_out()

_HOME = {
    "LBFGS": "optimize",
    "VGG16": "networks",
    "VGG19": "networks",
    "Adam": "optimize",
    "Grid": "sweep",
    "JaxstyleError": "errors",
    "Objective": "objective",
    "Plan": "objective",
    "Progress": "transfer",
    "Pyramid": "optimize",
    "Recipe": "objective",
    "Result": "transfer",
    "Term": "objective",
    "artwork": "artworks",
    "choose_plan": "transfer",
    "estimate_memory": "transfer",
    "keep_heap": "runtime.heap",
    "load_adain": "feedforward",
    "load_fast": "feedforward",
    "load_image": "image",
    "load_johnson": "feedforward",
    "load_magenta": "feedforward",
    "load_vgg16": "networks",
    "load_vgg19": "networks",
    "load_wct": "feedforward",
    "make_objective": "objective",
    "read_recipe": "image",
    "run_sweep": "sweep",
    "save_image": "image",
    "split_rows": "runtime.sharding",
    "stylize": "transfer",
    "stylize_fast": "feedforward",
}
_MODULES = {
    "color": "image.color",
    "errors": "errors",
    "feedforward": "feedforward",
    "image": "image",
    "losses": "losses",
    "metrics": "metrics",
    "optimize": "optimize",
    "preprocess": "preprocess",
    "presets": "objective.presets",
    "saliency": "saliency",
}

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"jaxstyle.{_MODULES[name]}")
    if name not in _HOME:
        raise AttributeError(f"module 'jaxstyle' has no attribute {name!r}")
    return getattr(import_module(f"jaxstyle.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from jaxstyle import errors as errors
    from jaxstyle import feedforward as feedforward
    from jaxstyle import image as image
    from jaxstyle import losses as losses
    from jaxstyle import metrics as metrics
    from jaxstyle import optimize as optimize
    from jaxstyle import preprocess as preprocess
    from jaxstyle import saliency as saliency
    from jaxstyle.artworks import artwork as artwork
    from jaxstyle.errors import JaxstyleError as JaxstyleError
    from jaxstyle.feedforward import load_adain as load_adain
    from jaxstyle.feedforward import load_fast as load_fast
    from jaxstyle.feedforward import load_johnson as load_johnson
    from jaxstyle.feedforward import load_magenta as load_magenta
    from jaxstyle.feedforward import load_wct as load_wct
    from jaxstyle.feedforward import stylize_fast as stylize_fast
    from jaxstyle.image import color as color
    from jaxstyle.image import load_image as load_image
    from jaxstyle.image import read_recipe as read_recipe
    from jaxstyle.image import save_image as save_image
    from jaxstyle.networks import VGG16 as VGG16
    from jaxstyle.networks import VGG19 as VGG19
    from jaxstyle.networks import load_vgg16 as load_vgg16
    from jaxstyle.networks import load_vgg19 as load_vgg19
    from jaxstyle.objective import Objective as Objective
    from jaxstyle.objective import Plan as Plan
    from jaxstyle.objective import Recipe as Recipe
    from jaxstyle.objective import Term as Term
    from jaxstyle.objective import make_objective as make_objective
    from jaxstyle.objective import presets as presets
    from jaxstyle.optimize import LBFGS as LBFGS
    from jaxstyle.optimize import Adam as Adam
    from jaxstyle.optimize import Pyramid as Pyramid
    from jaxstyle.runtime.heap import keep_heap as keep_heap
    from jaxstyle.runtime.sharding import split_rows as split_rows
    from jaxstyle.sweep import Grid as Grid
    from jaxstyle.sweep import run_sweep as run_sweep
    from jaxstyle.transfer import Progress as Progress
    from jaxstyle.transfer import Result as Result
    from jaxstyle.transfer import choose_plan as choose_plan
    from jaxstyle.transfer import estimate_memory as estimate_memory
    from jaxstyle.transfer import stylize as stylize
