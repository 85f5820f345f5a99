"""Pictures into artworks: made simpler, painted, and made simpler again."""

from jaxstyle.artworks.figure import draw_stages
from jaxstyle.artworks.pipeline import Artwork, artwork
from jaxstyle.artworks.stages import STAGES, Stages

__all__ = ["STAGES", "Artwork", "Stages", "artwork", "draw_stages"]
