"""Settings of the C library's heap: keep memory that every step needs, return memory that compilation left over."""

import ctypes
import sys
from typing import Any

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # mallopt(3)


def keep_heap() -> bool:
    """Let the process keep freed memory for later steps, instead of returning it to the system; glibc (Linux) only.

    XLA's CPU programs allocate their temporaries anew at every call of `optimize.run`. At 512 pixels, the page faults
    that this causes cost a seventh of the time. The setting holds for the whole process and cannot be undone. Freed
    memory stays with the process. A program may also find the block of its last call broken up and take another, so
    expect twice the memory of the temporaries. Therefore the library never calls this by itself; the command line does,
    for pictures that are small compared to the memory. Call it before the first computation, in a process that mostly
    optimises pictures.

    Returns:
        Whether the settings were accepted; False without glibc.
    """
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 << 20), (_ARENA_MAX, 1))
    return all([mallopt(option, value) for option, value in settings])


def trim_heap() -> None:
    """Return free memory to the system, where the C library can; the compiler leaves some hundred MiB of it."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    """A function of the C library; None if the system is not Linux, or the C library lacks the function."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
