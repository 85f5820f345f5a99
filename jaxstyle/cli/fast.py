"""`jaxstyle fast`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass
class FastCommand:
    """Paint pictures in any style in one forward pass each: CONTENT STYLE, or CONTENT... --style STYLE..."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="CONTENT... [STYLE]")]
    """The pictures to paint, or folders of them, such as a video's frames. Without --style exactly two: content and
    style, a picture or folder each. For a network with a style of its own (Johnson-type) all are contents, and the
    style for --refine stands after --style."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """The folder to write NAME.png into for each content; with several styles STYLE/NAME.png. A picture that is there
    already, made in the same way, is not made again."""
    style: Annotated[tuple[Path, ...], arg(metavar="STYLE...")] = ()
    """The styles, or folders of them: every content is painted in each. With --refine and a network with a style of its
    own, that style."""
    model: str = "magenta"
    """The fast network: "magenta" (any style; downloaded on first use), or a file that `jaxstyle weights convert-fast`
    or `jaxstyle train` wrote, or a Johnson-type .npz."""
    size: int | None = None
    """Long edge of the results in pixels; by default each content's own, at most 512."""
    style_size: int | None = None
    """Long edge of the styles in pixels; by default what the network was trained with, else the result's."""
    strength: float = 1.0
    """1 is all of the style, 0 as much of the content as the network can keep."""
    blend: tuple[float, ...] | None = None
    """Paint all styles at once, so much of each, for example 2 1."""
    color: Literal["style", "luminance", "cholesky", "pca", "symmetric", "histogram"] | None = None
    """As for `jaxstyle stylize`."""
    refine: int = 0
    """Then optimise each picture for so many steps, as `jaxstyle stylize` does from the content."""
    weights: str | None = None
    """The VGG19 for --refine, as for `jaxstyle stylize`, with the same default."""
    recipe: str | None = None
    """For --refine: a preset or recipe file, as for `jaxstyle stylize`."""
    json: bool = False
    """Print a summary to standard output as JSON."""

    def run(self) -> int:
        """Exit code 0; 1 where a picture of several failed; 75 where it was interrupted: the same again goes on."""
        from jaxstyle.cli.run_fast import run_fast

        return run_fast(self)
