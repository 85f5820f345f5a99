"""The command `jaxstyle presets`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import OmitSubcommandPrefixes, Positional, subcommand


@dataclass
class PresetsList:
    """List the presets."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.objective.presets import PRESETS

        for name, preset in PRESETS.items():
            print(f"{name:<20}{(preset.__doc__ or '').splitlines()[0]}")
        return 0


@dataclass
class PresetsShow:
    """Print a recipe as TOML, to be saved, changed and used with --recipe FILE.toml."""

    name: Positional[str]
    """A preset of `jaxstyle presets list`, or a recipe file."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.objective.recipe_file import load_recipe, to_toml

        print(to_toml(load_recipe(self.name)), end="")
        return 0


@dataclass
class PresetsCommand:
    """List and show recipes."""

    command: OmitSubcommandPrefixes[
        Annotated[PresetsList, subcommand("list")] | Annotated[PresetsShow, subcommand("show")]
    ]

    def run(self) -> int:
        """Run the chosen subcommand and return its exit code."""
        return self.command.run()
