"""The command `jaxstyle cache`: shows and clears what is kept between runs. Nothing heavy is imported early."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitSubcommandPrefixes, subcommand

PARTS = ("programs", "networks")


def sizes() -> dict[str, tuple[int, int]]:
    """The size of each part of the cache, {part: (number of files, bytes)}; networks are those downloaded."""
    from jaxstyle.weights.entry import cache_dir

    found = {}
    programs = cache_dir() / "programs"
    for part in PARTS:
        paths = (path for path in cache_dir().rglob("*") if path.is_file() and not path.is_symlink())
        mine = [path for path in paths if path.is_relative_to(programs) == (part == "programs")]
        found[part] = len(mine), sum(path.stat().st_size for path in mine)
    return found


@dataclass
class CacheShow:
    """Show where the cache is, and how large it is."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.weights.entry import cache_dir

        print(cache_dir())
        for part, (files, size) in sizes().items():
            print(f"{part:<10}{files:>7} files{size / 1e6:>10.1f} MB")
        return 0


@dataclass
class CacheClear:
    """Remove the compiled programs; the next runs compile them again."""

    networks: bool = False
    """Also remove the downloaded networks. They are downloaded again when they are next needed."""

    def run(self) -> int:
        """Exit code 0. Raises JaxstyleError if a file cannot be removed."""
        from jaxstyle.errors import JaxstyleError
        from jaxstyle.weights.catalogue import CATALOGUE
        from jaxstyle.weights.entry import cache_dir

        before = sum(size for _, size in sizes().values())
        doomed: list[Path] = [cache_dir() / "programs"]
        doomed += [path for entry in CATALOGUE if self.networks for path in cache_dir().glob(f"{entry.file}*")]
        try:
            for path in doomed:
                if path.is_symlink() or path.is_file():
                    path.unlink()
                elif path.is_dir():
                    shutil.rmtree(path)
        except OSError as error:
            raise JaxstyleError(f"{error.filename}: cannot be removed ({error.strerror})") from error
        print(f"{(before - sum(size for _, size in sizes().values())) / 1e6:.1f} MB removed")
        return 0


@dataclass
class CacheCommand:
    """Show or clear what is kept between runs: compiled programs and networks."""

    command: OmitSubcommandPrefixes[
        Annotated[CacheShow, subcommand("show")] | Annotated[CacheClear, subcommand("clear")]
    ]

    def run(self) -> int:
        """Run the chosen subcommand and return its exit code."""
        return self.command.run()
