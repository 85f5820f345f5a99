"""The C library's heap: keep what every step asks for again, give back what compilation left."""

import ctypes
import sys
from typing import Any

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # mallopt(3)


def keep_heap() -> bool:
    """Keep freed memory for the next steps instead of giving it back and having it zeroed anew; False where it cannot.

    XLA's CPU programs map their temporaries afresh at every call of `optimize.run`, and at 512 pixels the page faults
    cost a seventh of the time. It holds for the whole process and for good: freed memory stays with it, and a program
    may find the block of its last call broken up and take another, so count with twice the temporaries. So the command
    line asks for it, for pictures that are small beside the memory, and a library must not; call it yourself, before
    the first computation, in a process that mostly optimises pictures. glibc only (Linux).
    """
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 << 20), (_ARENA_MAX, 1))
    return all([mallopt(option, value) for option, value in settings])


def trim_heap() -> None:
    """Give free memory back to the system, where the C library can: a compiler leaves some hundred MiB behind."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    """A function of glibc; None elsewhere, and in other C libraries that lack it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
