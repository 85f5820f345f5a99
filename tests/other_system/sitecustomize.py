"""Hides from a process what Linux has and Windows lacks; Python imports this at its start from PYTHONPATH.

Hidden are fcntl, resource, user ids, named pipes, half of the signals, /proc, /sys and the opening of folders. Locks
are Windows': a byte of a file, refused at once, not waited for.
"""

import builtins
import errno
import fcntl
import io
import os
import signal
import subprocess  # noqa: F401  (before msvcrt is there: it takes that for Windows)
import sys
from types import ModuleType

import psutil

HIDDEN = ("/proc", "/sys")
MEMORY = psutil.virtual_memory()
_open, _io_open = os.open, io.open


def _is_hidden(path: object) -> bool:
    return isinstance(path, str | os.PathLike) and str(path).startswith(HIDDEN)


def _missing(path: object) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def open_descriptor(path, flags, *arguments, **options):
    """os.open, which on Windows opens no folder."""
    if _is_hidden(path):
        raise _missing(path)
    if isinstance(path, str | os.PathLike) and os.path.isdir(path):  # noqa: PTH112
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return _open(path, flags, *arguments, **options)


def open_file(path, *arguments, **options):
    """io.open."""
    if _is_hidden(path):
        raise _missing(path)
    return _io_open(path, *arguments, **options)


def hiding(function):
    """A function of the module os that finds none of the hidden paths."""

    def found(path=".", *arguments, **options):
        if _is_hidden(path):
            raise _missing(path)
        return function(path, *arguments, **options)

    return found


def locking(handle: int, mode: int, size: int) -> None:
    """msvcrt.locking."""
    assert (mode, size) == (2, 1) and os.lseek(handle, 0, os.SEEK_CUR) == 0
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


msvcrt = ModuleType("msvcrt")
msvcrt.locking, msvcrt.LK_NBLCK = locking, 2
sys.modules |= {"msvcrt": msvcrt, "fcntl": None, "resource": None}
os.open, io.open, builtins.open = open_descriptor, open_file, open_file
os.stat, os.lstat, os.listdir, os.scandir = map(hiding, (os.stat, os.lstat, os.listdir, os.scandir))
psutil.virtual_memory = lambda: MEMORY
MISSING = {
    os: "getuid geteuid getgid mkfifo fork sched_getaffinity statvfs O_NOFOLLOW O_NONBLOCK",
    signal: "SIGHUP SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGWINCH setitimer pthread_sigmask",
}
for module, names in MISSING.items():
    for name in names.split():
        delattr(module, name)
