"""Writing recipes as TOML, and reading them from TOML files."""

import os
import tomllib
from pathlib import Path

import tomli_w

from jaxstyle.errors import SettingError
from jaxstyle.objective.presets import PRESETS, preset
from jaxstyle.objective.recipe import Recipe

MAX_BYTES = 1_000_000


def to_toml(recipe: Recipe) -> str:
    """Convert the recipe to TOML text, which `load_recipe` reads from a file back to an equal recipe."""
    return tomli_w.dumps(recipe.to_dict())


def load_recipe(source: str | os.PathLike[str]) -> Recipe:
    """Load a preset by its name, or the recipe in a TOML file.

    Raises:
        SettingError: there is no such preset or file, or the file is no recipe; the message names what does not belong.
    """
    path = Path(source)
    if str(source) in PRESETS or not (path.suffix or path.exists()):
        return preset(str(source))
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise SettingError(f"is no recipe: longer than {MAX_BYTES} bytes")
        return Recipe.from_dict(tomllib.loads(text.decode()))
    except OSError as error:
        raise SettingError(f"recipe: {path} cannot be read ({error.strerror}); presets: {', '.join(PRESETS)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"{path}: is not TOML ({error})") from None
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None
