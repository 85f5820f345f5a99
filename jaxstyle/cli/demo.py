"""The command `jaxstyle demo`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg


@dataclass
class DemoCommand:
    """Paint three photographs with the network of the papers, in about three minutes on two cores."""

    output: Annotated[Path, arg(aliases=("-o",))] = Path("demo")
    """The folder to write into. It is made if it is missing."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.cli.run_demo import run_demo

        return run_demo(self.output)
