"""Finds which content and style each result was made from, by the names of the files or by a table."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.files import same_name
from jaxstyle.image import pictures_in

COLUMNS = ("result", "content", "style")
MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Pair:
    """A finished picture, and the content and style that it was made from.

    Attributes:
        method: name of what made it, such as its folder's; a table has a row for each.
        result: path of the finished picture.
        content: path of the content.
        style: path of the style.
    """

    method: str
    result: Path
    content: Path
    style: Path


def find_pairs(results: Sequence[Path], content: Path, style: Path, table: Path | None = None) -> list[Pair]:
    """Find the content and the style of every result.

    Without a table, a result's name must contain the names of its content and its style, without their suffixes:
    "tuebingen_scream.png" belongs to "tuebingen.jpg" and "scream.jpg". If several fit, the longest count. A single
    content or style belongs to all results.

    Args:
        results: pictures, or folders of pictures; each folder is a method, and single pictures together are one.
        content: the folder of contents, or the only content.
        style: the folder of styles, or the only style.
        table: CSV file with the columns result, content and style: names of files in these folders. Results that it
            does not name are left out.

    Raises:
        SettingError: no result, a result that no pair or more than one fits, or a table that does not fit the folders.
        ImageFileError: a folder without pictures, or a file that cannot be read.
    """
    contents, styles = _pictures(content, "--content"), _pictures(style, "--style")
    pairs = []
    for method, pictures in _methods(results).items():
        if table is None:
            pairs += [Pair(method, each, *_by_name(each, contents, styles)) for each in pictures]
        else:
            rows = _rows(table)
            pairs += [pair for row in rows if (pair := _by_row(method, pictures, row, contents, styles, table))]
    if not pairs:
        raise SettingError(f"--pairs: {table} names none of the results")
    return pairs


def _methods(results: Sequence[Path]) -> dict[str, list[Path]]:
    """The pictures of each method: folders by name, single pictures under the name of their folder."""
    if not results:
        raise SettingError("RESULTS: got none, expected pictures or folders of pictures")
    methods: dict[str, list[Path]] = {}
    folders: dict[str, Path] = {}
    for given in results:
        folder = given if given.is_dir() else given.parent
        name = folder.resolve().name or str(folder)
        if folders.setdefault(name, folder.resolve()) != folder.resolve():
            raise SettingError(f"RESULTS: two folders are named {name}, so their rows would be one; rename one")
        methods.setdefault(name, []).extend(_pictures(given, "RESULTS"))
    return methods


def _pictures(given: Path, name: str) -> list[Path]:
    """The pictures in a folder, sorted; or the picture itself."""
    if not given.is_dir():
        if not given.is_file():
            raise ImageFileError(f"{name}: {given} is neither a picture nor a folder")
        return [given]
    return pictures_in(given, name)


def _by_name(result: Path, contents: Sequence[Path], styles: Sequence[Path]) -> tuple[Path, Path]:
    """The content and the style whose names are in a result's name."""
    fitting = [
        (len(content.stem) * (len(contents) > 1) + len(style.stem) * (len(styles) > 1), content, style)
        for content in contents
        for style in styles
        if _contains(result.stem, [each.stem for each, all_ in ((content, contents), (style, styles)) if len(all_) > 1])
    ]
    best = [each for each in fitting if each[0] == max(fitting, key=lambda one: one[0])[0]]
    if not best:
        raise SettingError(
            f"{result}: no content and style have names that are in its name; call it CONTENT_STYLE{result.suffix}, "
            "or give --pairs TABLE.csv"
        )
    if len(best) > 1:
        names = " or ".join(f"{content.name} and {style.name}" for _, content, style in best[:3])
        raise SettingError(f"{result}: could be of {names}; give --pairs TABLE.csv")
    return best[0][1], best[0][2]


def _contains(text: str, names: Sequence[str]) -> bool:
    """Whether the names are in the text as whole words, at different places; upper and lower case are the same."""
    left = same_name(text)
    for name in sorted(map(same_name, names), key=len, reverse=True):
        found = re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", left)
        if found is None:
            return False
        left = f"{left[: found.start()]}/{left[found.end() :]}"
    return True


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table, with the numbers of their lines."""
    try:
        with table.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SettingError(f"--pairs: {table} is longer than {MAX_BYTES} bytes")
        reader = csv.DictReader(data.decode("utf-8-sig").splitlines(), strict=True)
        rows = [(reader.line_num, {name: row.get(name) or "" for name in COLUMNS}) for row in reader]
    except OSError as error:
        raise ImageFileError(f"--pairs: {table} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingError(f"--pairs: {table} is no CSV file ({error})") from None
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise SettingError(f"--pairs: {table} has no column {missing[0]!r}, expected {', '.join(COLUMNS)}")
    return rows


def _by_row(
    method: str,
    results: Sequence[Path],
    row: tuple[int, Mapping[str, str]],
    contents: Sequence[Path],
    styles: Sequence[Path],
    table: Path,
) -> Pair | None:
    """The pair of a row; None if the method has no such result."""
    line, names = row
    found = []
    for column, pictures in zip(COLUMNS, (results, contents, styles), strict=True):
        name = names[column]
        if not name or name != PurePosixPath(name).name or name != PureWindowsPath(name).name:
            raise SettingError(f"--pairs: {table}, line {line}: {column} is {name!r}, expected the name of a file")
        matching = [each for each in pictures if each.name == name] or [each for each in pictures if each.stem == name]
        if not matching and column == "result":
            return None
        if len(matching) != 1:
            raise SettingError(f"--pairs: {table}, line {line}: there is no {column} {name!r}")
        found.append(matching[0])
    return Pair(method, *found)
