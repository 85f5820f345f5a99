"""The C library's heap, told to keep the memory it was given: XLA asks for the same buffers at every step."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # mallopt(3)


def keep_heap() -> bool:
    """Keep freed memory for the next steps instead of giving it back and having it zeroed anew; False where it cannot.

    XLA's CPU programs map their temporaries afresh at every call of `optimize.run`, and at 512 pixels the page faults
    cost a seventh of the time. It holds for the whole process and for good: freed memory stays with it, and a program
    may find the block of its last call broken up and take another, so count with twice the temporaries. So the command
    line asks for it, for pictures that are small beside the memory, and a library must not; call it yourself, before
    the first computation, in a process that mostly optimises pictures. glibc only (Linux).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 << 20), (_ARENA_MAX, 1))
    return all([mallopt(option, value) for option, value in settings])
