"""Localization: a map in [0, 1] of where a picture's object is, differentiable in the picture; and heat maps of it.

A localizer is a frozen, hashable dataclass with `layers`. It is called with a picture's activations at these layers,
and returns the map (h, w) at the size of the first one. `LOCALIZERS` are those that a recipe can name.
"""

from jaxstyle.saliency.activations import AggregatedActivations
from jaxstyle.saliency.class_activation import GradCAM, grad_cam
from jaxstyle.saliency.classifier import Classifier
from jaxstyle.saliency.component import largest_component
from jaxstyle.saliency.function import PythonFunction
from jaxstyle.saliency.localizer import LOCALIZERS, Localizer, as_localizer, saliency_map
from jaxstyle.saliency.mask import Mask, read_mask
from jaxstyle.saliency.overlays import overlay
from jaxstyle.saliency.read import read_classifier

__all__ = [
    "LOCALIZERS",
    "AggregatedActivations",
    "Classifier",
    "GradCAM",
    "Localizer",
    "Mask",
    "PythonFunction",
    "as_localizer",
    "grad_cam",
    "largest_component",
    "overlay",
    "read_classifier",
    "read_mask",
    "saliency_map",
]
