"""`jaxstyle artwork`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from jaxstyle.cli.options import Painting


@dataclass(kw_only=True)
class ArtworkCommand(Painting):
    """Make pictures simpler (superpixels, few colours), paint them in the style of another, and simplify the result."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="CONTENT... STYLE")]
    """The pictures to paint, or folders of them, and last the picture whose style is painted."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """The folder to write NAME.png into for each content; made where it is missing."""
    superpixels: int | None = None
    """Before the transfer, paint about so many regions of the content in one colour each."""
    compactness: float = 10.0
    """How square superpixels are: 1 follows colours, 100 makes squares."""
    statistic: Literal["mean", "median"] = "mean"
    """The colour of a superpixel."""
    merge: float | None = None
    """Make neighbouring superpixels one whose colours are nearer than this; 2 is just noticeable, 10 plain to see."""
    quantize: int | None = None
    """Before the transfer, paint the content in so many colours, at most 256."""
    after_quantize: int | None = None
    """Paint the result in so many colours; it is then written with a palette, far smaller."""
    dither: Literal["floyd_steinberg", "ordered"] | None = None
    """How quantisation mixes colours from dots. By default it does not."""
    json: bool = False
    """Print a summary to standard output as JSON."""
    keep_stages: bool = False
    """Also write each stage's picture, NAME-1-content.png and so on, and all of them in one, NAME-stages.png."""

    def run(self) -> int:
        """Exit code 0; 1 where a picture of several failed or became infinite; 75 where it was interrupted."""
        from jaxstyle.cli.run_artwork import run_artworks

        return run_artworks(self)
