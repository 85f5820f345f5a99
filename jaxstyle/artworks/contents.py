"""Finds the content pictures of a command line, and names their results."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jaxstyle.errors import SettingError
from jaxstyle.files import same_name, same_path
from jaxstyle.image import pictures_in


def find_contents(given: Sequence[Path]) -> list[Path]:
    """Replace every folder in a list of paths by the pictures in it, sorted by name; keep the files.

    Raises:
        SettingError: the list is empty. ImageFileError: a folder cannot be read or has no picture.
    """
    if not given:
        raise SettingError("CONTENT... STYLE: got fewer than two pictures, expected the contents and then the style")
    return [path for one in given for path in (pictures_in(one) if one.is_dir() else [one])]


def name_results(contents: Sequence[Path], style: Path, folder: Path) -> list[str]:
    """The names of the contents' results, without ".png".

    A result is named like its content, without the suffix. Where two contents would have the same name, or names that
    differ only in upper and lower case, which macOS and Windows ignore, both keep the suffix.

    Raises:
        SettingError: a result would overwrite one of the given pictures or another result.
    """
    names = shortest_names(contents)
    counts = Counter(map(same_name, names))
    inputs = {same_path(path) for path in (*contents, style)}
    for path, name in zip(contents, names, strict=True):
        if counts[same_name(name)] > 1:
            raise SettingError(
                f"CONTENT: two pictures are named {path.name}, so their results would collide; rename one"
            )
        if same_path(folder / f"{name}.png") in inputs:
            raise SettingError(f"--output: {folder / name}.png is one of the pictures given; choose another folder")
    return names


def shortest_names(paths: Sequence[Path]) -> list[str]:
    """Each path's name without its suffix, or with it where another path has the same name without."""
    stems = Counter(same_name(path.stem) for path in paths)
    return [path.stem if stems[same_name(path.stem)] == 1 else path.name for path in paths]
