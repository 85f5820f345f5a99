"""The cache of compiled programs on disk, which the command line uses; the library never starts it by itself."""

import hashlib
import logging
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path

import jax

from jaxstyle.weights.entry import cache_dir

MAX_BYTES = 1 << 30
"""The most bytes of cached programs, for all kinds of processors and versions together. One takes 0.1 MB to 1 MB."""


_log = logging.getLogger(__name__)
_folder: Path | None = None


def folder() -> Path | None:
    """The folder of cached programs; None if this process has not called `keep_programs` with success."""
    return _folder


def keep_programs() -> Path | None:
    """Let JAX load compiled programs from a folder on disk, and save new ones there, for the rest of the process.

    A program holds instructions of the processor that it was compiled for, so every kind of processor has a folder of
    its own. A folder that other users can write to is not used, because JAX runs the programs that it finds there.

    Returns:
        The folder, or None if it cannot be used; a line of the log says why.
    """
    global _folder
    chosen = cache_dir() / "programs" / _machine()
    try:
        chosen.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _private(chosen):
            _log.warning("compiled programs are not kept: other users can write to %s", chosen)
            return None
        _prune(chosen.parent)
    except OSError as error:
        _log.warning("compiled programs are not kept: %s: %s", cache_dir(), error.strerror)
        return None
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    # Small programs are cached too: a run has dozens, and loading one takes a tenth of the time to compile it.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # No warning is needed: after a broken entry or with a full disk, a program is only compiled again.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    _folder = chosen
    return chosen


def _machine() -> str:
    """The name of the folder for the installed versions of JAX and jaxlib and the kind of processor."""
    versions = f"jax-{version('jax')}-jaxlib-{version('jaxlib')}"
    return f"{versions}-{hashlib.sha256(_processor().encode()).hexdigest()[:12]}"


def _processor() -> str:
    """A text that describes the processor and its instruction sets."""
    about = [platform.system(), platform.machine(), platform.processor()]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux: the processor's name has to be enough
        return "\n".join(about)
    named = ("flags", "features", "model name", "cpu part")
    return "\n".join([*about, *sorted({line for line in lines if line.lower().startswith(named)})])


def _private(path: Path) -> bool:
    """Whether only this user can write to a folder; always True on systems without such permissions."""
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(path, os.W_OK)


def _prune(programs: Path) -> None:
    """Delete the least recently used programs until at most `MAX_BYTES` are left."""
    found = [(path, path.stat()) for path in programs.glob("*/*") if path.is_file()]
    size = sum(status.st_size for _, status in found)
    for path, status in sorted(found, key=lambda pair: max(pair[1].st_atime, pair[1].st_mtime)):
        if size <= MAX_BYTES:
            break
        path.unlink(missing_ok=True)
        size -= status.st_size
