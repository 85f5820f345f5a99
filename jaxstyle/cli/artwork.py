"""The command `jaxstyle artwork`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from jaxstyle.cli.options import Painting


@dataclass(kw_only=True)
class ArtworkCommand(Painting):
    """Simplify pictures (superpixels, few colours), paint them in the style of another, and simplify the result."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="CONTENT... STYLE")]
    """The pictures to paint, or folders of them, and as the last one the picture whose style is used."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """The folder to write into: NAME.png for each content NAME. It is made if it is missing."""
    superpixels: int | None = None
    """Before the transfer, divide the content into about this many regions (superpixels) of one colour each."""
    compactness: float = 10.0
    """How square the superpixels are: at 1 they follow the colours, at 100 they are squares."""
    statistic: Literal["mean", "median"] = "mean"
    """The colour of a superpixel: the mean or the median of its pixels."""
    merge: float | None = None
    """Merge neighbouring superpixels whose colours differ by less than this (CIE76): a difference of 2 is just
    noticeable, 10 is plain to see."""
    quantize: int | None = None
    """Before the transfer, reduce the content to this many colours, at most 256."""
    after_quantize: int | None = None
    """Reduce the result to this many colours, at most 256. Its file then has a palette and is far smaller."""
    dither: Literal["floyd_steinberg", "ordered"] | None = None
    """How the reduction to few colours imitates the others by patterns of dots. By default it does not."""
    json: bool = False
    """Print a summary to standard output as JSON."""
    keep_stages: bool = False
    """Also write the picture of each stage, NAME-1-content.png and so on, and all in a row, NAME-stages.png."""

    def run(self) -> int:
        """Exit code 0; 1 if one of several pictures failed, or one is no better than its start; 75 if interrupted."""
        from jaxstyle.cli.run_artwork import run_artworks

        return run_artworks(self)
