"""The command `jaxstyle fast`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass
class FastCommand:
    """Paint pictures in any style in one forward pass each: CONTENT STYLE, or CONTENT... --style STYLE..."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="CONTENT... [STYLE]")]
    """The pictures to paint, or folders of them, such as a video's frames. Without --style exactly two: content and
    style, a picture or folder each. For a network that paints only one style (Johnson-type), all are contents, and
    the style for --refine stands after --style."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """The folder to write into: NAME.png for each content NAME, or STYLE/NAME.png with several styles. A picture that
    is there already and was made with the same settings is not made again."""
    style: Annotated[tuple[Path, ...], arg(metavar="STYLE...")] = ()
    """The style pictures, or folders of them: every content is painted in each style. For --refine with a network that
    paints only one style: a picture of that style."""
    model: str = "magenta"
    """The fast network: "magenta" (any style; downloaded on first use), or a file that `jaxstyle weights convert-fast`
    or `jaxstyle train` wrote, or a Johnson-type .npz."""
    size: int | None = None
    """Long edge of the results in pixels; by default each content's own, at most 512."""
    style_size: int | None = None
    """Long edge of the styles in pixels; by default what the network requires (magenta: 256), else the result's."""
    strength: float = 1.0
    """How much style, from 0 to 1: 1 is all of it, 0 keeps as much of the content as the network can."""
    blend: tuple[float, ...] | None = None
    """Paint all styles in one picture, each with a weight, for example 2 1."""
    color: Literal["style", "luminance", "cholesky", "pca", "symmetric", "histogram", "affine"] | None = None
    """How colours are treated, as for `jaxstyle stylize`."""
    refine: int = 0
    """Then improve each picture by this many optimisation steps, as `jaxstyle stylize` does; 0 for none."""
    refine_model: str | None = None
    """The feature network for --refine, as for `jaxstyle stylize`, with the same default."""
    recipe: str | None = None
    """For --refine: a preset or recipe file, as for `jaxstyle stylize`."""
    json: bool = False
    """Print a summary to standard output as JSON."""

    def run(self) -> int:
        """Exit code 0; 1 if one of several pictures failed; 75 if interrupted, and the same command goes on."""
        from jaxstyle.cli.run_fast import run_fast

        return run_fast(self)
