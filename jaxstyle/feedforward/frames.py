"""Plans a run of `jaxstyle fast`: which contents and styles belong together, the output files, and the batches."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxstyle.artworks.contents import find_contents, name_results, shortest_names
from jaxstyle.errors import ImageError, SettingError
from jaxstyle.feedforward.painter import Frame
from jaxstyle.files import same_name, same_path
from jaxstyle.image import read_recipe
from jaxstyle.image.recipe import encode_recipe
from jaxstyle.transfer.memory import available_memory

MOST = 8
"""The most contents in one batch on an accelerator. On CPUs contents are painted one by one: a batch would save only a
twentieth of the time, and its different rounding would keep `jaxstyle rerun` from reproducing the same bits."""
BYTES_PER_PIXEL = 4000
"""The most memory, in bytes per pixel of a content, that any of the networks takes."""


class Group(NamedTuple):
    """Contents that are painted in the same style, or in the same blend of styles."""

    styles: tuple[Path, ...]
    outputs: dict[Path, Path]
    """{path of a content: path of its result}."""


def told_apart(pictures: Sequence[Path], styles: Sequence[Path], styled: bool) -> tuple[list[Path], list[Path]]:
    """Tell the contents and the styles of a command line apart, with folders replaced by the pictures in them.

    Args:
        pictures: the paths given without an option.
        styles: the paths given after --style.
        styled: whether the network takes a style picture.

    Raises:
        SettingError: it is not clear which paths are contents and which are styles.
        ImageFileError: a folder has no picture.
    """
    if not styled or styles:
        if not pictures:
            raise SettingError("CONTENT: got no picture to paint, expected at least one before --style")
        return find_contents(pictures), find_contents(styles) if styles else []
    if len(pictures) != 2:
        raise SettingError(
            f"CONTENT... STYLE: got {len(pictures)} without --style, so which are styles is not known; expected "
            "CONTENT STYLE, or CONTENT... --style STYLE..."
        )
    return find_contents(pictures[:1]), find_contents(pictures[1:])


def group(contents: Sequence[Path], styles: Sequence[Path], folder: Path, *, blended: bool) -> list[Group]:
    """Pair every content with every style, or with the blend of all styles, and choose the paths of the results.

    Where there are several groups, each style has a folder of its own for its results.

    Raises:
        SettingError: two results would have the same path, or a result would overwrite one of the given pictures.
    """
    sets = [tuple(styles)] if blended or len(styles) < 2 else [(style,) for style in styles]
    names = dict(zip(styles, shortest_names(styles), strict=True))
    groups = []
    for each in sets:
        into = folder / ("" if len(sets) == 1 else names[each[0]])
        outputs = [into / f"{name}.png" for name in name_results(contents, into, into)]
        groups.append(Group(each, dict(zip(contents, outputs, strict=True))))
    _check_apart(groups, (*contents, *styles))
    return groups


def _check_apart(groups: Sequence[Group], inputs: Iterable[Path]) -> None:
    given, seen = {same_path(path) for path in inputs}, set()
    for path in (path.resolve() for each in groups for path in each.outputs.values()):
        if same_path(path) in given:
            raise SettingError(f"--output: {path} is one of the pictures given; choose another folder")
        if (key := same_name(str(path))) in seen:
            raise SettingError(
                f"--style: two styles are named {path.parent.name}, so their output folders collide; rename one"
            )
        seen.add(key)


def is_done(path: Path, settings: dict[str, Any]) -> bool:
    """Whether a finished picture made with these settings exists at `path`; library versions may differ."""
    if not path.is_file():
        return False
    try:
        there = read_recipe(path)
    except ImageError:
        return False
    wanted = json.loads(encode_recipe(settings))
    same = all(there.get(name) == value for name, value in wanted.items() if name != "versions")
    return same and there.get("status", "done") == "done"


def batches(frames: Iterable[Frame], most: int | None = None) -> Iterator[list[Frame]]:
    """Group consecutive contents of one shape into batches.

    Args:
        frames: the contents.
        most: the largest batch; by default `room` of the batch's first content.
    """
    batch: list[Frame] = []
    for frame in frames:
        if batch and (frame.seen.shape != batch[0].seen.shape or len(batch) >= (most or room(batch[0]))):
            yield batch
            batch = []
        batch.append(frame)
    if batch:
        yield batch


def room(frame: Frame) -> int:
    """The number of contents of this size to paint at once: at most `MOST`, as free memory allows; 1 on CPUs."""
    free, (height, width) = available_memory(), frame.seen.shape[:2]
    if jax.default_backend() == "cpu":
        return 1
    return MOST if free is None else max(1, min(MOST, free // (2 * height * width * BYTES_PER_PIXEL)))
