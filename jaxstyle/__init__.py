"""jaxstyle: neural style transfer in JAX. Names are loaded on first use, so that importing costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jaxstyle.runtime.installation import keep_fusion_out

__version__ = "0.1.0"

keep_fusion_out()

_HOME = {
    "Adam": "optimize",
    "FeatureModel": "networks",
    "Grid": "sweep",
    "JaxstyleError": "errors",
    "LBFGS": "optimize",
    "Loss": "losses",
    "Objective": "objective",
    "Plan": "objective",
    "Progress": "transfer",
    "Pyramid": "optimize",
    "Recipe": "objective",
    "Result": "transfer",
    "State": "optimize",
    "Term": "objective",
    "VGG16": "networks",
    "VGG19": "networks",
    "artwork": "artworks",
    "load_fast": "feedforward",
    "load_image": "image",
    "load_vgg16": "networks",
    "load_vgg19": "networks",
    "make_objective": "transfer",
    "read_recipe": "image",
    "run_sweep": "sweep",
    "save_image": "image",
    "stylize": "transfer",
    "stylize_fast": "feedforward",
}
_MODULES = {
    "analysis": "analysis",
    "color": "image.color",
    "errors": "errors",
    "feedforward": "feedforward",
    "image": "image",
    "losses": "losses",
    "metrics": "metrics",
    "networks": "networks",
    "objective": "objective",
    "optimize": "optimize",
    "preprocess": "preprocess",
    "presets": "objective.presets",
    "runtime": "runtime",
    "saliency": "saliency",
    "sweep": "sweep",
    "transfer": "transfer",
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
    from jaxstyle import analysis as analysis
    from jaxstyle import errors as errors
    from jaxstyle import feedforward as feedforward
    from jaxstyle import image as image
    from jaxstyle import losses as losses
    from jaxstyle import metrics as metrics
    from jaxstyle import networks as networks
    from jaxstyle import objective as objective
    from jaxstyle import optimize as optimize
    from jaxstyle import preprocess as preprocess
    from jaxstyle import runtime as runtime
    from jaxstyle import saliency as saliency
    from jaxstyle import sweep as sweep
    from jaxstyle import transfer as transfer
    from jaxstyle.artworks import artwork as artwork
    from jaxstyle.errors import JaxstyleError as JaxstyleError
    from jaxstyle.feedforward import load_fast as load_fast
    from jaxstyle.feedforward import stylize_fast as stylize_fast
    from jaxstyle.image import color as color
    from jaxstyle.image import load_image as load_image
    from jaxstyle.image import read_recipe as read_recipe
    from jaxstyle.image import save_image as save_image
    from jaxstyle.losses import Loss as Loss
    from jaxstyle.networks import VGG16 as VGG16
    from jaxstyle.networks import VGG19 as VGG19
    from jaxstyle.networks import FeatureModel as FeatureModel
    from jaxstyle.networks import load_vgg16 as load_vgg16
    from jaxstyle.networks import load_vgg19 as load_vgg19
    from jaxstyle.objective import Objective as Objective
    from jaxstyle.objective import Plan as Plan
    from jaxstyle.objective import Recipe as Recipe
    from jaxstyle.objective import Term as Term
    from jaxstyle.objective import presets as presets
    from jaxstyle.optimize import LBFGS as LBFGS
    from jaxstyle.optimize import Adam as Adam
    from jaxstyle.optimize import Pyramid as Pyramid
    from jaxstyle.optimize import State as State
    from jaxstyle.sweep import Grid as Grid
    from jaxstyle.sweep import run_sweep as run_sweep
    from jaxstyle.transfer import Progress as Progress
    from jaxstyle.transfer import Result as Result
    from jaxstyle.transfer import make_objective as make_objective
    from jaxstyle.transfer import stylize as stylize
