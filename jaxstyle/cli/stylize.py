"""`jaxstyle stylize`. Nothing heavy is imported before it is needed."""

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
    """REGION=PICTURE: white where the region is in the content."""
    style_mask: tuple[str, ...] = ()
    """REGION=PICTURE: white where the region's style is; for the second style 2:REGION=PICTURE."""
    save_every: int | None = None
    """Also write the picture after each so many steps, and at the end an animation of them (.webp)."""
    keep_state: bool = False
    """Where the run is interrupted, also write OUTPUT.state.npz, with which `jaxstyle resume OUTPUT` goes on as if
    nothing had happened."""
    json: bool = False
    """Print a summary of the run to standard output as JSON."""

    def run(self) -> int:
        """Exit code 0; 75 where the run was interrupted and its last picture saved; 1 where it became infinite."""
        gc.disable()  # until the first step: what a start makes stays, and looking for garbage in it takes a tenth
        try:
            from jaxstyle.cli.run_stylize import run_stylize

            return run_stylize(self)
        finally:
            gc.enable()
