"""Parse a public weights file in a child process that can do no harm, and check what that returns."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import jaxstyle
from jaxstyle.errors import WeightsError, WeightsFileError, printable
from jaxstyle.weights.layout import Parsed
from jaxstyle.weights.store import check_vgg19, unpack
from jaxstyle.weights.tensors import CheckShapes, read_tensors

MAX_BYTES = 1_300_000_000
"""The largest file that is read, in bytes. A VGG19 with its classifier in float64 has 1.15 GB."""

_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. Raises WeightsFileError unless it is a regular file of at most MAX_BYTES bytes."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise WeightsFileError(f"{path}: cannot be opened: {getattr(error, 'strerror', '') or error}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise WeightsFileError(
                f"{path}: not a regular file, expected weights (.h5, .pth, .npz, .tflite, .safetensors)"
            )
        if status.st_size > MAX_BYTES:
            raise WeightsFileError(f"{path}: has {status.st_size} bytes, expected at most {MAX_BYTES}")
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def parse(file: BinaryIO, kind: str, check: CheckShapes = check_vgg19) -> Parsed:
    """Parse an open file in a child process, by a reader of `jaxstyle.weights.child`.

    Args:
        file: the file; it is read from its beginning.
        kind: the reader, a key of `jaxstyle.weights.child.READERS`.
        check: checks the shapes that the reader returns, as in `read_tensors`. A hostile file may control the reader,
            so its results are not trusted.

    Raises:
        WeightsError: the file is damaged, hostile or not the network that the reader and `check` expect.
        WeightsFileError: the child process cannot be started.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    try:
        with tempfile.TemporaryFile() as arrays, tempfile.TemporaryFile() as verdict:
            code = _run([kind, str(size)], file, arrays, verdict, seconds=20 + size / 5_000_000)
            if problem := _problem(code, verdict):
                raise WeightsError(problem)
            found, metadata = read_tensors(arrays, check)
    except OSError as error:
        raise WeightsFileError(f"the process to read it in cannot be run: {error}") from error
    affine = metadata.get("preprocessing")
    return Parsed(found, metadata.get("layout", ""), unpack(affine) if affine else None)


def _run(arguments: list[str], source: BinaryIO, arrays: BinaryIO, verdict: BinaryIO, *, seconds: float) -> int:
    """Run the child and return its exit status: negative for the signal that ended it. WeightsError if it is late."""
    command = [sys.executable, "-P", "-m", "jaxstyle.weights.child", *arguments]
    with subprocess.Popen(command, stdin=source, stdout=arrays, stderr=verdict, env=_environment()) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise WeightsError(f"not read after {seconds:.0f} s; no network takes that long") from error
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """The child's environment variables: only the paths that Python needs, no plugins of HDF5, one thread."""
    home = str(Path(jaxstyle.__file__).parent.parent)
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    paths = os.pathsep.join([home, *(path for path in sys.path if path and path != home)])
    return found | threads | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "HDF5_PLUGIN_PRELOAD": "::"}


def _problem(code: int, verdict: BinaryIO) -> str | None:
    """The error message if the child failed, in its own words if it could give any; None if it succeeded."""
    if code in (-getattr(signal, "SIGPROF", 0), -getattr(signal, "SIGXCPU", 0)) and code:
        return "takes longer to read than any network: damaged or hostile"
    verdict.seek(0)
    last = verdict.read(100_000).decode(errors="replace").strip().rpartition("\n")[2]
    if code < 0:
        return f"ended the process that read it (signal {-code}): damaged or hostile"
    try:
        error = json.loads(last)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"the process that read it failed (exit status {code}): {_printable(last)}"
    return None if error is None and code == 0 else _printable(str(error))


def _printable(text: str) -> str:
    """The first 4000 characters of a text as one line, without control characters."""
    return printable(text[:4000]).replace("\n", " ")
