"""The grid of a sweep: its runs, as a product, a zip or a list of contents, styles and settings."""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import optax

from jaxstyle.errors import SettingError
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import as_optimizer
from jaxstyle.sweep.axes import LISTS, check_axis
from jaxstyle.sweep.grid_file import MOST_CELLS, read_toml, runs_of


class Point(NamedTuple):
    """One run of a grid: its pictures, and a value for each axis."""

    content: Any
    styles: tuple[Any, ...]
    axes: dict[str, Any]
    labels: dict[str, Any]  # {axis: its value as it is shown}; pictures are shown by their names


@dataclass(frozen=True)
class Grid:
    """The runs of a sweep; by default every combination of the contents, the styles and the values of all axes.

    >>> grid = Grid(["cat.jpg", "dog.jpg"], ["waves.jpg"], style_weight=[1, 10], seed=[0, 1])
    >>> pairs = Grid.zipped(["a.jpg", "b.jpg"], ["x.jpg", "y.jpg"], seed=[1, 2])
    >>> more = Grid.listed([{"content": "a.jpg", "style": "x.jpg", "steps": 50}])
    >>> len(grid), len(pairs), len(grid + more)
    (8, 2, 9)

    Contents and styles are paths, arrays or PIL images, in a list, or in a dict {name of your own: picture}. A style
    may be a list of pictures, which are blended. An axis is a list of values, or one value; `jaxstyle.sweep.AXES` lists
    the names of the axes.

    Raises:
        SettingError: an axis is unknown or has no value, the lists of a zip have different lengths, or there are more
            than a million runs.
    """

    points: tuple[Point, ...]

    def __init__(
        self, contents: Any = (), styles: Any = (), *, points: tuple[Point, ...] | None = None, **axes: Any
    ) -> None:
        if points is not None:  # `dataclasses.replace(grid, points=...)` calls it so
            object.__setattr__(self, "points", tuple(points))
            return
        columns = _columns(contents, styles, axes)
        if _product(map(len, columns.values())) > MOST_CELLS:
            raise SettingError(f"grid: more than {MOST_CELLS} runs; leave some values out")
        object.__setattr__(self, "points", tuple(_points(columns, itertools.product(*columns.values()))))

    @classmethod
    def zipped(cls, contents: Any, styles: Any, **axes: Any) -> "Grid":
        """The grid of runs that take the first value of every axis, the second ones, and so on.

        An axis with one value has this value in all runs.

        Raises:
            SettingError: the axes have different numbers of values, or as for `Grid`.
        """
        columns = _columns(contents, styles, axes)
        longest = max(map(len, columns.values()))
        for name, values in columns.items():
            if len(values) not in (1, longest):
                raise SettingError(
                    f"{name}: got {len(values)} values, expected 1 or {longest}, as the longest axis has"
                )
        even = [values * longest if len(values) == 1 else values for values in columns.values()]
        return cls._of(_points(columns, zip(*even, strict=True)))

    @classmethod
    def listed(cls, runs: Iterable[Mapping[str, Any]]) -> "Grid":
        """The grid of runs that are given one by one, each as {"content": ..., "style": ..., axis: value, ...}.

        Raises:
            SettingError: a run lacks its content or style, or as for `Grid`.
        """
        points: list[Point] = []
        for number, run in enumerate(runs):
            if not isinstance(run, Mapping) or not {"content", "style"} <= run.keys():
                got = f"settings {', '.join(map(str, run))}" if isinstance(run, Mapping) else repr(run)
                raise SettingError(f"cells[{number}]: got {got}, expected a content, a style and settings")
            axes: dict[str, Any] = {name: [value] for name, value in run.items() if name not in ("content", "style")}
            points += cls([run["content"]], [run["style"]], **axes).points
        return cls._of(points)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> "Grid":
        """Read a grid from a TOML file; docs/sweeps.md describes the format.

        Pictures are paths or patterns such as "photos/*.jpg", relative to the file's folder.

        Raises:
            SettingError: the file cannot be read, or its content is not usable.
        """
        return runs_of(cls, read_toml(path), Path(path).parent)

    @classmethod
    def _of(cls, points: Iterable[Point]) -> "Grid":
        return cls(points=tuple(points))

    def __add__(self, other: "Grid") -> "Grid":
        """The grid with the runs of both grids."""
        return Grid._of((*self.points, *other.points))

    def __len__(self) -> int:
        return len(self.points)


def _columns(contents: Any, styles: Any, axes: Mapping[str, Any]) -> dict[str, list[tuple[Any, Any]]]:
    """{axis: [(value, label), ...]}, beginning with "content" and "style". Raises SettingError as `Grid` does."""
    columns = {"content": _pictures(contents, "content"), "style": _pictures(styles, "style")}
    for name, values in axes.items():
        check_axis(name)
        single = isinstance(values, str | os.PathLike) or not isinstance(values, Sequence)
        if name in LISTS and not single:
            single = not any(isinstance(value, list | tuple) for value in values)
        listed = [values] if single else list(values)
        if not listed:
            raise SettingError(f"{name}: got no value, expected at least one")
        columns[name] = [(value, _label(value)) for value in listed]
    return columns


def _pictures(given: Any, name: str) -> list[tuple[Any, Any]]:
    """[(picture, label), ...]; the label of a path is its last parts, as many as distinguish the pictures."""
    if isinstance(given, Mapping):
        return [(picture, str(label)) for label, picture in given.items()]
    if isinstance(given, str | os.PathLike) or not isinstance(given, Sequence) or not given:
        raise SettingError(f"{name}s: got {type(given).__name__}, expected a list of pictures, or a dict with names")
    depth, labels = 1, [""]
    distinct = len(
        {str(each) if isinstance(each, str | os.PathLike | list | tuple) else i for i, each in enumerate(given)}
    )
    while depth < 20:
        labels = [_picture_label(picture, f"{name} {i + 1}", depth) for i, picture in enumerate(given)]
        if len(set(labels)) == distinct:
            break
        depth += 1
    return list(zip(given, labels, strict=True))


def _picture_label(picture: Any, otherwise: str, depth: int) -> str:
    if isinstance(picture, list | tuple):
        return " + ".join(_picture_label(each, otherwise, depth) for each in picture)
    return "/".join(Path(picture).parts[-depth:]) if isinstance(picture, str | os.PathLike) else otherwise


def _label(value: Any) -> Any:
    """The value in a form that JSON can hold: other objects by a short text, the same in every process."""
    if isinstance(value, optax.GradientTransformation):
        return f"optax {as_optimizer(value).fingerprint}"  # type: ignore[attr-defined]
    if isinstance(value, list | tuple):
        return [_label(each) for each in value]
    if isinstance(value, str | int | float | bool | None):
        return value
    return Path(value).name if isinstance(value, os.PathLike) else _summary(value)


def _summary(value: Any) -> str:
    text = json.dumps(value.to_dict(), sort_keys=True) if isinstance(value, Recipe) else repr(value)
    return f"{type(value).__name__} {hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _points(columns: Mapping[str, Any], rows: Iterable[Sequence[tuple[Any, Any]]]) -> Iterator[Point]:
    for row in rows:
        values = {name: value for name, (value, _) in zip(columns, row, strict=True)}
        content, style = values.pop("content"), values.pop("style")
        styles = tuple(style) if isinstance(style, list | tuple) else (style,)
        yield Point(content, styles, values, {name: label for name, (_, label) in zip(columns, row, strict=True)})


def _product(sizes: Iterable[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total
