"""Which representations serve synthesis: what a layer knows of a picture, by pictures made from it alone."""

from jaxstyle.analysis.inversion import Inversion, MahendranVedaldi, NoPrior, invert, invert_layers
from jaxstyle.analysis.textures import Texture, texture, texture_layers

__all__ = [
    "Inversion",
    "MahendranVedaldi",
    "NoPrior",
    "Texture",
    "invert",
    "invert_layers",
    "texture",
    "texture_layers",
]
