"""The artwork pipeline: simplify a picture, paint it in a style, and reduce the colours of the painting."""

from jaxstyle.artworks.figure import draw_stages
from jaxstyle.artworks.pipeline import Artwork, artwork
from jaxstyle.artworks.stages import STAGES, Stages

__all__ = ["STAGES", "Artwork", "Stages", "artwork", "draw_stages"]
