"""The command `jaxstyle texture`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from jaxstyle.weights.catalogue import default_network


@dataclass
class TextureCommand:
    """Make a texture with the look of one or several pictures.

    Example: jaxstyle texture bricks.jpg -o tile.png --tileable
    """

    style: Annotated[Positional[tuple[Path, ...]], arg(metavar="STYLE...")]
    """The picture, or several that are mixed."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """Where to write the texture: .png, .jpg, .webp or .tiff."""
    size: tuple[int, ...] = (256,)
    """The edge in pixels, or height and width."""
    tileable: bool = False
    """Make copies of the texture fit each other on all sides."""
    layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    """The layers whose statistics are taken; deeper ones make larger structures."""
    blend: tuple[float, ...] | None = None
    """The weight of each picture, for example 2 1."""
    style_size: int = 512
    """Long edge in pixels to which larger pictures are reduced; smaller ones make smaller structures."""
    steps: int = 200
    """Number of optimisation steps."""
    seed: int = 0
    """Random seed of the noise that it starts from."""
    model: str = field(default_factory=default_network)
    """The feature network, as for `jaxstyle stylize`."""

    def run(self) -> int:
        """Exit code 0; 75 if it was interrupted, and what there was is saved."""
        from jaxstyle.cli.run_texture import run

        return run(self)
