"""Which pictures are asked for, and what their files will be called."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.image import READABLE, is_picture_name


def find_contents(given: Sequence[Path]) -> list[Path]:
    """The files, and of every folder the pictures in it by name.

    Raises:
        SettingError: nothing is given. ImageFileError: a folder cannot be read or has no picture.
    """
    if not given:
        raise SettingError("CONTENT... STYLE: got one picture, expected at least two, the style last")
    return [path for one in given for path in (_pictures_in(one) if one.is_dir() else [one])]


def _pictures_in(folder: Path) -> list[Path]:
    try:
        found = sorted(filter(is_picture_name, folder.iterdir()))
    except OSError as error:
        raise ImageFileError(f"{folder}: cannot be read ({error.strerror})") from error
    if not found:
        raise ImageFileError(f"{folder}: has no pictures; expected files ending in {', '.join(READABLE)}")
    return found


def name_results(contents: Sequence[Path], style: Path, folder: Path) -> list[str]:
    """For each content the name of its result without .png: its own, or with its suffix where two would be the same.

    Raises:
        SettingError: a result would be written over one of the pictures, or over another result.
    """
    stems = Counter(path.stem for path in contents)
    names = [path.stem if stems[path.stem] == 1 else path.name for path in contents]
    inputs = {path.resolve() for path in (*contents, style)}
    for path, name in zip(contents, names, strict=True):
        if names.count(name) > 1:
            raise SettingError(f"CONTENT: {path.name} is there twice, and results bear its name; paint one at a time")
        if (folder / f"{name}.png").resolve() in inputs:
            raise SettingError(f"--output: {folder / name}.png is one of the pictures given; choose another folder")
    return names
