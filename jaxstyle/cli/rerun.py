"""The command `jaxstyle rerun`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass
class FromRecord:
    """Options that name a result, and the files that it was made from."""

    result: Annotated[Positional[Path], arg(metavar="RESULT")]
    """A picture that jaxstyle saved."""
    content: Path | None = None
    """The content picture, if it is neither beside the result nor in the current folder."""
    style: tuple[Path, ...] = ()
    """The style pictures, if they are neither beside the result nor in the current folder."""
    init: Path | None = None
    """The picture that the run started from, if it is neither beside the result nor in the current folder."""
    look_in: Path | None = None
    """A further folder in which to look for these pictures, after the result's own and the current one."""
    model: str | None = None
    """The file of the result's network, if it cannot be found by the name inside the result."""
    trust: bool = False
    """Accept whatever the recipe inside asks for: very large sizes, many steps, a network to download."""


@dataclass
class RerunCommand(FromRecord):
    """Make a result again from the recipe inside it, and say whether it is the same, bit for bit, or what differs."""

    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """Where to write the new picture. By default it is not written."""
    refine_model: str | None = None
    """For a refined result of `jaxstyle fast`: the file of the feature network, if its name is not enough."""

    def run(self) -> int:
        """Exit code 0 if the pictures are identical, 1 if they differ, 75 if interrupted."""
        from jaxstyle.cli.run_rerun import run_rerun

        return run_rerun(self)
