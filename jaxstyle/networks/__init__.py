"""Networks whose features the losses compare: VGG19, VGG16, and the protocol for a network of your own."""

from jaxstyle.networks.load import load_network, load_vgg16, load_vgg19
from jaxstyle.networks.model import FeatureModel, Geometry
from jaxstyle.networks.vgg import VGG, VGG16, VGG19, block_of

__all__ = ["VGG", "VGG16", "VGG19", "FeatureModel", "Geometry", "block_of", "load_network", "load_vgg16", "load_vgg19"]
