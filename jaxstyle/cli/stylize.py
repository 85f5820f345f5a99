"""The command `jaxstyle stylize`. Nothing heavy is imported before it is needed."""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from jaxstyle.cli.options import Painting


@dataclass(kw_only=True)
class StylizeCommand(Painting):
    """Paint the CONTENT picture in the style of one or more STYLE pictures."""

    content: Annotated[Positional[Path], arg(metavar="CONTENT")]
    """The picture whose scene is kept."""
    style: Annotated[Positional[tuple[Path, ...]], arg(metavar="STYLE...")]
    """The picture, or pictures, whose style is painted; at least one."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """Where to write the result: .png, .jpg, .webp or .tiff."""
    content_mask: tuple[str, ...] = ()
    """REGION=PICTURE: a grey picture that is white where the region is in the content."""
    style_mask: tuple[str, ...] = ()
    """REGION=PICTURE: a grey picture that is white where the style picture has the style of the region. For the second
    style picture 2:REGION=PICTURE."""
    save_every: int | None = None
    """Also write the picture each time this many steps are done, and at the end an animation of them (.webp)."""
    keep_state: bool = False
    """If the run is interrupted, also write its state: NAME.state.npz for NAME.png. `jaxstyle resume OUTPUT` then goes
    on as if nothing had happened."""
    json: bool = False
    """Print a summary of the run to standard output as JSON."""

    def run(self) -> int:
        """Exit code 0; 75 if interrupted with the last picture saved; 1 if it became infinite or improved nothing."""
        gc.disable()  # until the first step: what is made at the start stays; searching it for garbage takes a tenth
        try:
            from jaxstyle.cli.run_stylize import run_stylize

            return run_stylize(self)
        finally:
            gc.enable()
