"""Networks whose features the losses compare: VGG19."""

from jaxstyle.networks.vgg import VGG19, block_of

__all__ = ["VGG19", "block_of"]
