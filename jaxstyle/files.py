"""Write files whole or not at all, even if the power fails, and open files safely in folders from strangers."""

import contextlib
import errno
import os
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from jaxstyle.errors import SettingError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

WINDOWS = os.name == "nt"
TRIALS = 40 if WINDOWS else 1
"""How often a file is renamed over another one that another program may have open."""

_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_LONGEST = 259  # characters in a path on Windows, unless long paths are switched on there


def same_name(name: str) -> str:
    """A key that is equal for names that some system takes for one.

    macOS and Windows ignore case, and macOS ignores how accents are encoded.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def same_path(path: Path) -> tuple[Path, str]:
    """A key that is equal for paths of one folder that some system takes for one file."""
    return path.parent.resolve(), same_name(path.resolve().name)


def check_name(path: Path) -> None:
    """Check, on Windows only, that a file of this name can be found again where it was written.

    Raises:
        OSError: Windows takes the name for a device ("NUL.png"), for a hidden part of another file ("a:b.png"), or
            drops its last sign ("a.png."); or the name has a sign that Windows allows in no name.
    """
    if not WINDOWS:
        return
    if path.name.split(".")[0].rstrip(" ").lower() in _DEVICES:
        raise OSError(errno.EINVAL, "Windows keeps this name for a device; choose another", str(path))
    if bad := sorted(set(path.name) & set('<>:"|?*')):
        raise OSError(errno.EINVAL, f"Windows allows no {bad[0]} in the name of a file; leave it out", str(path))
    if path.name != path.name.rstrip(". "):
        raise OSError(errno.EINVAL, "Windows drops a dot or space at the end of a name; leave it out", str(path))


def refuse_overwriting(target: str | os.PathLike[str], inputs: Iterable[Any], option: str = "--output") -> None:
    """Raise SettingError if the file to write is also one of the files that are read, so that no input is lost.

    Args:
        target: the file to write.
        inputs: the inputs; those that are no path of an existing file (names of networks, None, arrays) are ignored.
        option: the name of the target in the error message.
    """
    path = Path(target)
    for each in inputs:
        if isinstance(each, str | os.PathLike) and path.exists() and Path(each).exists() and path.samefile(each):
            raise SettingError(f"{option}: {path} is also read from, and would be lost; choose another name")


def inside(root: Path, name: str) -> Path:
    """The path `root / name`, after a check that no folder between `root` and the file is a symbolic link.

    The folder `root` may come from a stranger. After the check no link leads reading, writing or deleting elsewhere.

    Raises:
        OSError: a folder on the way is a symbolic link, or the name leads out of the folder.
    """
    path = root / name
    if ".." in Path(name).parts or not path.is_relative_to(root):
        raise OSError(errno.EINVAL, "leads out of the folder", name)
    for folder in path.parents[: len(path.relative_to(root).parts) - 1]:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "a link where a folder is expected", str(folder))
    return path


def open_inside(root: Path, name: str, flags: int = os.O_RDONLY) -> int:
    """Open the regular file `root / name` (see `inside`) and return its descriptor, without following any link.

    Raises:
        OSError: there is no such file, or it is a link, a pipe or anything else but a regular file.
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
    """The bytes of a regular file that `open_inside` opens. Raises OSError, also if it has more than `most` bytes."""
    with os.fdopen(open_inside(root, name), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", name)
    return data


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing; it replaces `path` if the block ends without error, and else is deleted.

    Raises:
        OSError: the file cannot be written there, or its name is none for this system (see `check_name`).
    """
    check_name(path)
    part = path.with_name(f".{path.name[:100]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with _open_new(part) as file:
            yield file
            sync(file)
        replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _open_new(part: Path) -> BinaryIO:
    try:
        return part.open("xb")
    except FileNotFoundError:
        if WINDOWS and part.parent.is_dir() and (length := len(str(part.absolute()))) > _LONGEST:
            why = f"the path has {length} characters, and Windows takes {_LONGEST} where long paths are off"
            raise OSError(errno.ENAMETOOLONG, why, str(part)) from None
        raise


def sync(file: BinaryIO) -> None:
    """Flush `file` and wait until its data has reached the disk."""
    file.flush()
    os.fsync(file.fileno())


def replace(part: Path, path: Path) -> None:
    """Rename a synced file over `path` and wait until the rename has reached the disk.

    Windows refuses it while another program has `path` open, such as a viewer or a virus scanner; then it is tried
    again for two seconds.
    """
    for trial in range(TRIALS):
        try:
            part.replace(path)
            break
        except PermissionError:
            if trial == TRIALS - 1:
                raise
            time.sleep(0.05)
    # Not every system can open a folder. There the rename is atomic, but may reach the disk later.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def lock(handle: int, *, wait: bool) -> bool:
    """Take the lock of an open file, which nobody else then has; the system frees it when the file is closed.

    Args:
        handle: the file, open for writing.
        wait: wait until it is free.

    Returns:
        False if another process or thread has it and `wait` is False.
    """
    if fcntl is None:
        return _lock_first_byte(handle, wait)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _lock_first_byte(handle: int, wait: bool) -> bool:
    """The same on Windows, which locks bytes of a file and gives up waiting after ten seconds."""
    import msvcrt

    while True:
        os.lseek(handle, 0, os.SEEK_SET)
        with contextlib.suppress(OSError):
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            return True
        if not wait:
            return False
        time.sleep(0.05)
