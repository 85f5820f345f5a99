"""`jaxstyle artwork`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from jaxstyle.weights.catalogue import default_network


@dataclass
class Artwork:
    """Make pictures simpler (superpixels, few colours), paint them in the style of another, and simplify the result."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="CONTENT... STYLE")]
    """The pictures to paint, or folders of them, and last the picture whose style is painted."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """The folder to write NAME.png into for each content; made where it is missing."""
    superpixels: int | None = None
    """Before the transfer, paint about so many regions of the content in one colour each."""
    compactness: float = 10.0
    """Of the superpixels: 1 follows colours, 100 makes squares."""
    statistic: Literal["mean", "median"] = "mean"
    """The colour of a superpixel."""
    merge: float | None = None
    """Make neighbouring superpixels one whose colours are nearer than this; 2 is just noticeable, 10 plain to see."""
    quantize: int | None = None
    """Before the transfer, paint the content in so many colours, at most 256."""
    after_quantize: int | None = None
    """Paint the result in so many colours; it is then written with a palette, far smaller."""
    dither: Literal["floyd_steinberg", "ordered"] | None = None
    """Mix colours of quantisation from dots; not when not given."""
    keep_stages: bool = False
    """Also write each stage's picture, NAME-1-content.png and so on, and all of them in one, NAME-stages.png."""
    weights: str = field(default_factory=default_network)
    """The VGG19, as for `jaxstyle stylize`."""
    recipe: str | None = None
    """A preset or recipe file, as for `jaxstyle stylize`."""
    size: int | None = None
    """Long edge of the results in pixels; by default each content's own, at most 512."""
    steps: int | None = None
    """Optimisation steps."""
    style_weight: float | None = None
    """More paints more style; the content weight is 1."""
    content_weight: float | None = None
    """More keeps more of the scene."""
    style_scale: float = 1.0
    """As for `jaxstyle stylize`."""
    color: Literal["style", "luminance", "cholesky", "pca", "symmetric", "histogram"] | None = None
    """As for `jaxstyle stylize`."""
    seed: int = 0
    """Of noise and of palettes."""
    conv: Literal["auto", "winograd", "exact"] = "auto"
    """As for `jaxstyle stylize`."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """As for `jaxstyle stylize`."""
    rows: int | None = None
    """As for `jaxstyle stylize`."""

    def run(self) -> int:
        """Exit code 0; 1 where a picture of several failed or became infinite; 75 where it was interrupted."""
        from jaxstyle.cli.run_artwork import run_artworks

        return run_artworks(self)
