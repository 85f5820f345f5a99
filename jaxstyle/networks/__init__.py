"""Networks whose features the losses compare: VGG19, and what one of your own must offer."""

from jaxstyle.networks.model import FeatureModel, Geometry
from jaxstyle.networks.vgg import VGG19, block_of

__all__ = ["VGG19", "FeatureModel", "Geometry", "block_of"]
