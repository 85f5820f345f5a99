"""The command `jaxstyle measure`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from jaxstyle.weights.catalogue import default_network


@dataclass
class MeasureCommand:
    """Measure finished pictures by what they kept and took, whatever made them.

    A folder of results is a method; each metric is a table of their means.

    By name, tuebingen_scream.png is a result of tuebingen.jpg and scream.jpg.

    Example: jaxstyle measure ours/ theirs/ --content photos/ --style paintings/
    """

    results: Annotated[Positional[tuple[Path, ...]], arg(metavar="RESULTS...")]
    """Folders of pictures, or pictures."""
    content: Path
    """Folder of the contents, or the only one."""
    style: Path
    """Folder of the styles, or the only one."""
    pairs: Path | None = None
    """CSV table with the columns result, content and style, for results that are named otherwise."""
    size: int | None = None
    """Long edge in pixels to which all results are resized. By default they stay as they are; numbers of pictures of
    different sizes do not compare."""
    model: str = field(default_factory=default_network)
    """The network that looks at the pictures, as for `jaxstyle stylize`."""
    lpips: Annotated[tuple[Path, Path] | None, arg(metavar="TRUNK LINEAR")] = None
    """Weights of LPIPS: the trunk's file, and that of the linear layers; adds lpips."""
    inception: Path | None = None
    """Weights of an Inception network; with --lpips, adds artfid and fid."""
    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """Where to write the numbers of every pair and method: .json or .csv."""
    json: bool = False
    """Print one object of JSON instead of tables."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.cli.run_measure import run

        return run(self)
