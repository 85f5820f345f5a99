"""`jaxstyle rerun`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass
class FromRecord:
    """A result, and where the things are that it was made from."""

    result: Annotated[Positional[Path], arg(metavar="RESULT")]
    """A picture that jaxstyle saved."""
    content: Path | None = None
    """The content picture, where it is not beside the result or in the current folder."""
    style: tuple[Path, ...] = ()
    """The style pictures, where they are not beside the result or in the current folder."""
    init: Path | None = None
    """The picture that it started from, where that is not beside the result or in the current folder."""
    look_in: Path | None = None
    """A folder that has the pictures it was made from, besides the result's own and the current one."""
    weights: str | None = None
    """The weights file, where its name does not tell."""
    trust: bool = False
    """Do it whatever the recipe inside asks for: very large sizes, many steps, a network to download."""


@dataclass
class RerunCommand(FromRecord):
    """Make a result again from the recipe inside it, and say whether it is the same, bit for bit, or what differs."""

    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """Where to write the new picture; not written when not given."""
    model: str | None = None
    """For a result of `jaxstyle fast`: the fast network's file, where its name does not tell."""

    def run(self) -> int:
        """Exit code 0 when the pictures are identical, 1 when they differ."""
        from jaxstyle.cli.run_rerun import run_rerun

        return run_rerun(self)
