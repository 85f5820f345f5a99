"""Compiled programs kept on disk between runs of the command line; the library itself never does so."""

import hashlib
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path

import jax

from jaxstyle.weights.entry import cache_dir

MAX_BYTES = 1 << 30
"""The most bytes of kept programs, of all machines and versions; a program of ours takes about 0.1 MB to 1 MB."""


_folder: Path | None = None


def folder() -> Path | None:
    """Where programs are kept; None in a process that did not ask for it."""
    return _folder


def keep_programs() -> Path | None:
    """Let JAX look for programs in, and add them to, a folder of the cache; None where that folder cannot be used.

    A program holds instructions of the processor it was compiled for. So every kind of processor has a folder of its
    own, and a folder that others may write to is not used: JAX runs what it finds there.
    """
    global _folder
    chosen = cache_dir() / "programs" / _machine()
    try:
        chosen.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _private(chosen):
            return None
        _prune(chosen.parent)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    # The small ones too: there are dozens in a run, and finding one takes a tenth of the time to compile it.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # A broken entry costs the time to compile again, and a full disk the time of the next run.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    _folder = chosen
    return chosen


def _machine() -> str:
    """A name for the versions of JAX and the kind of processor."""
    versions = f"jax-{version('jax')}-jaxlib-{version('jaxlib')}"
    return f"{versions}-{hashlib.sha256(_processor().encode()).hexdigest()[:12]}"


def _processor() -> str:
    """What the processor is and can do."""
    about = [platform.system(), platform.machine(), platform.processor()]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux: the processor's name tells
        return "\n".join(about)
    named = ("flags", "features", "model name", "cpu part")
    return "\n".join([*about, *sorted({line for line in lines if line.lower().startswith(named)})])


def _private(path: Path) -> bool:
    """Whether nobody else can write to a folder; yes where the system has no such rights."""
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(path, os.W_OK)


def _prune(programs: Path) -> None:
    """Remove the programs that were not used for the longest time, until a new run has room."""
    found = [(path, path.stat()) for path in programs.glob("*/*") if path.is_file()]
    size = sum(status.st_size for _, status in found)
    for path, status in sorted(found, key=lambda pair: max(pair[1].st_atime, pair[1].st_mtime)):
        if size <= MAX_BYTES:
            break
        path.unlink(missing_ok=True)
        size -= status.st_size
