"""The process in which a public weights file is parsed: no rights, little memory, little time.

`python -m jaxstyle.weights.child FORMAT SIZE` reads the file on its standard input, of SIZE bytes. It writes the
arrays under canonical names as safetensors to its standard output, and one line of JSON, {"error": null} or
{"error": "..."}, to its standard error. `jaxstyle.weights.sandbox` starts it. All that it needs is imported before
the limits are set.
"""

import encodings.ascii  # noqa: F401
import encodings.cp437  # noqa: F401
import encodings.latin_1  # noqa: F401  Python would load these three later, when no file can be opened any more
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from io import FileIO
from typing import Any, BinaryIO

from jaxstyle.errors import WeightsError
from jaxstyle.weights.layout import Parsed
from jaxstyle.weights.store import pack
from jaxstyle.weights.tensors import write_tensors

try:
    import resource
except ImportError:  # not Unix: the parent's clock is the only limit
    resource = None  # type: ignore[assignment]

READERS = {
    "h5": ("jaxstyle.weights.keras", "read"),
    "zip": ("jaxstyle.weights.zipped", "read_zip"),
    "pickle": ("jaxstyle.weights.torch_file", "read_legacy"),
    "decoder-zip": ("jaxstyle.weights.decoder", "read_zip"),
    "decoder-pickle": ("jaxstyle.weights.decoder", "read_legacy"),
    "tflite": ("jaxstyle.feedforward.tflite", "read"),
    "johnson": ("jaxstyle.feedforward.johnson_file", "read_npz"),
}
MEMORY = 1 << 30
OUTPUT = 128 << 20
BYTES_PER_SECOND = 20_000_000


def find_reader(kind: str) -> Callable[[BinaryIO], Parsed]:
    """Import and return the function that reads a format, a key of `READERS`."""
    module, name = READERS[kind]
    reader: Callable[[BinaryIO], Parsed] = getattr(import_module(module), name)
    return reader


def limit(size: int) -> None:
    """Give up most of this process's rights for good: it can open no more files, and has little memory and time.

    `size` is the size of the file to read in bytes. The time allowed is 1 second plus 1 for every 20 MB.
    """
    if resource is None:
        return
    seconds = 1 + size / BYTES_PER_SECOND
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    # The process works with the file descriptors 0, 1 and 2. With RLIMIT_NOFILE 3 no other can be opened.
    used = resource.getrusage(resource.RUSAGE_SELF)
    total = int(used.ru_utime + used.ru_stime + seconds) + 2
    _set("RLIMIT_CPU", total)
    _set("RLIMIT_AS", MEMORY)
    _set("RLIMIT_FSIZE", OUTPUT)
    _set("RLIMIT_CORE", 0)
    _set("RLIMIT_NPROC", 0)
    _set("RLIMIT_NOFILE", 3)


def _set(name: str, most: int) -> None:
    which = getattr(resource, name, None)
    if which is None:
        return
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(which, (most, most))
    except (ValueError, OSError):  # macOS has no limit on the address space
        if name == "RLIMIT_NOFILE":
            raise


def serve(read: Callable[[BinaryIO], Parsed], source: Any, arrays: Any, verdict: Any) -> None:
    """Read a network from `source`, write it to `arrays`, and write the line of JSON to `verdict`. Raises nothing."""
    error = None
    try:
        found = read(source)
        metadata = {"layout": found.layout}
        if found.preprocessing is not None:
            metadata["preprocessing"] = pack(found.preprocessing)
        write_tensors(arrays, found.arrays, metadata)
    except WeightsError as problem:
        error = str(problem)
    except MemoryError:
        error = "needs more memory to read than any network that is read here has numbers"
    except BaseException as problem:
        error = f"damaged, or not what it seems ({type(problem).__name__}: {str(problem)[:200]})"
    verdict.write(json.dumps({"error": error}).encode() + b"\n")


def main() -> None:
    """Read the one file that the command line describes, within the limits, and end the process."""
    kind, size = sys.argv[1], int(sys.argv[2])
    read = find_reader(kind)
    source, arrays, verdict = (FileIO(fd, mode, closefd=False) for fd, mode in enumerate(("rb", "wb", "wb")))
    limit(size)
    serve(read, source, arrays, verdict)
    # Skip the interpreter's own shutdown, in which libraries would free what a hostile file made them hold.
    os._exit(0)


if __name__ == "__main__":
    main()
