"""Files that appear whole or not at all, also when the power fails."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from jaxstyle.errors import SettingError


def refuse_overwriting(target: str | os.PathLike[str], inputs: Iterable[Any], option: str = "--output") -> None:
    """Raise SettingError where the file to write is one of the files that are read: a user's own must not be lost.

    Args:
        target: the file to write.
        inputs: what is read; whatever is no path of a file (names of networks, None, arrays) is passed over.
        option: what messages call the target.
    """
    path = Path(target)
    for each in inputs:
        if isinstance(each, str | os.PathLike) and path.exists() and Path(each).exists() and path.samefile(each):
            raise SettingError(f"{option}: {path} is also read from, and would be lost; choose another name")


def inside(root: Path, name: str) -> Path:
    """The path of a file below a folder that a stranger may have filled; OSError where a folder on the way is a link.

    Reading, writing and deleting then happen in that folder and nowhere else.
    """
    path = root / name
    for folder in path.parents[: len(path.relative_to(root).parts) - 1]:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "a link where a folder is expected", str(folder))
    return path


def open_inside(root: Path, name: str, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a regular file as `inside` finds it: no link is followed, and no pipe waited for.

    Raises:
        OSError: there is none, or it is something else.
    """
    path = inside(root, name)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "a link, which may lead out of the folder", str(path))
    handle = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_inside(root: Path, name: str, most: int) -> bytes:
    """The bytes of such a file. Raises OSError also where there are more than `most`."""
    with os.fdopen(open_inside(root, name), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", name)
    return data


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """An open file that becomes `path` when the block ends well, and vanishes when it does not.

    Raises:
        OSError: it cannot be written there.
    """
    part = path.with_name(f".{path.name[:100]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            yield file
            sync(file)
        replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def sync(file: BinaryIO) -> None:
    """Have what was written to `file` reach the disk."""
    file.flush()
    os.fsync(file.fileno())


def replace(part: Path, path: Path) -> None:
    """Rename a synced file over `path` and have the rename reach the disk."""
    part.replace(path)
    # Not every system can open a folder; there the rename is only atomic.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
