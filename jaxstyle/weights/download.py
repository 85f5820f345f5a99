"""Fetch a public weights file into the cache: resumed, checked, whole or not at all."""

import contextlib
import logging
import os
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError

from jaxstyle.durable import replace, sync
from jaxstyle.errors import WeightsFileError
from jaxstyle.weights.catalogue import Entry, cache_dir, digest

try:
    import fcntl
except ImportError:  # not Unix: two processes may fetch the same file twice, and both check what they got
    fcntl = None  # type: ignore[assignment]

__all__ = ["Progress", "cache_dir", "fetch"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all, where that is known."""

TIMEOUT = 30.0
PAUSE = 1.0
ATTEMPTS = 5
MAX_BYTES = 700_000_000
"""Of a file whose size the catalogue does not know."""

_log = logging.getLogger("jaxstyle")


class _Again(Exception):
    """This attempt failed in a way that another may not."""


def fetch(entry: Entry, *, progress: Progress | None = None) -> Path:
    """The path of a public file in the cache, downloaded unless it is there already.

    An interrupted download goes on where it stopped. Of two processes, one downloads and the other waits.

    Raises:
        WeightsFileError: the network is forbidden (JAXSTYLE_OFFLINE), fails, or gives another file.
    """
    if entry.present:
        return entry.path
    if os.environ.get("JAXSTYLE_OFFLINE", "0") not in ("", "0"):
        raise WeightsFileError(_offline(entry))
    if urllib.parse.urlsplit(entry.url).scheme not in ("http", "https"):
        raise WeightsFileError(f"{entry.url}: only http and https are fetched")
    try:
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(entry.path.with_name(entry.file + ".lock")):
            if not entry.present:
                _log.info("downloading %s to %s", entry.url, entry.path)
                _download(entry, progress)
    except OSError as error:
        if isinstance(error, WeightsFileError):
            raise
        raise WeightsFileError(f"{entry.path}: cannot be written: {error.strerror or error}") from error
    return entry.path


def _offline(entry: Entry) -> str:
    return f"{entry.file} ({entry.name!r}) is not in the cache and JAXSTYLE_OFFLINE forbids the network. {_ways(entry)}"


def _ways(entry: Entry) -> str:
    own = "pass the path of your own"
    if entry.network == "vgg19":
        own = (
            "pass the path of your own VGG19 (.h5, .pth, or made by `jaxstyle weights convert`). "
            "Without any file, the network 'embedded' (small, comes with jaxstyle) works too"
        )
    return (
        f"Either (1) run `jaxstyle weights fetch {entry.name}` with a network, or "
        f"(2) put the file from {entry.url} at {entry.path}, or (3) {own}."
    )


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process or thread is in here; the system lets go when a process dies."""
    with lock.open("ab") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(entry: Entry, progress: Progress | None) -> None:
    part = entry.path.with_name(entry.file + ".part")
    failures = 0
    with part.open("ab+") as file:
        best = inherited = file.seek(0, os.SEEK_END)
        while True:
            try:
                if entry.size is None or file.seek(0, os.SEEK_END) != entry.size:
                    _transfer(entry, file, progress)
                if _sound(entry, file, inherited=inherited > 0):
                    sync(file)
                    break
                best = inherited = 0
            except _Again as error:
                # An attempt that came further than all before does not count as a failure.
                reached = file.seek(0, os.SEEK_END)
                failures = 0 if reached > best else failures + 1
                best = max(best, reached)
                if failures >= ATTEMPTS:
                    raise WeightsFileError(
                        f"{entry.url}: {error}, {ATTEMPTS} times in a row; try again later: it goes on from byte "
                        f"{file.tell()} of {part}. {_ways(entry)}"
                    ) from error
                time.sleep(PAUSE * 2**failures)
    replace(part, entry.path)


def _sound(entry: Entry, file: BinaryIO, *, inherited: bool) -> bool:
    """Whether the whole file has the catalogue's hash; empties it when not."""
    digests = digest(file)
    if entry.matches(digests):
        return True
    size = file.tell()
    file.truncate(0)
    if inherited:  # the beginning, from an earlier process, may be of another file
        return False
    raise WeightsFileError(
        f"{entry.url}: gave {size} bytes with the sha256 {digests['sha256']} (md5 {digests['md5']}), expected "
        f"{entry.hash}; nothing was kept. The published file has changed or something on the way changes it"
    )


def _transfer(entry: Entry, file: BinaryIO, progress: Progress | None) -> None:
    """Append what is missing; _Again when less came than was announced."""
    have = file.seek(0, os.SEEK_END)
    if entry.size is not None and have > entry.size:
        have = file.truncate(0)
    try:
        with _request(entry.url, have) as response:
            if response.status != 206:  # the server does not resume, and sends it all
                have = file.truncate(0)
            total = _total(entry, response, have)
            _copy(entry, response, file, total, progress)
    except HTTPError as error:
        error.close()
        _refused(entry, error, file)
    except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
        if isinstance(getattr(error, "reason", None), socket.gaierror):  # no network, or no such host
            raise WeightsFileError(f"{entry.file} ({entry.name!r}): no network ({error}). {_ways(entry)}") from error
        raise _Again(f"the connection failed ({getattr(error, 'reason', '') or error!r})") from error


def _request(url: str, have: int) -> HTTPResponse:
    # An opener of its own: the usual one also follows redirects to ftp and reads local files.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": "jaxstyle", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    response: HTTPResponse = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    return response


def _refused(entry: Entry, error: HTTPError, file: BinaryIO) -> None:
    if error.code == 416 and file.tell():  # what is here is not a beginning of what is there
        file.truncate(0)
        raise _Again("the server cannot resume") from error
    if error.code in (408, 425, 429) or error.code >= 500:
        raise _Again(f"the server answered {error.code} {error.reason}") from error
    raise WeightsFileError(f"{entry.url}: the server answered {error.code} {error.reason}") from error


def _total(entry: Entry, response: HTTPResponse, have: int) -> int | None:
    """The size of the whole file, where the server or the catalogue says it; they must agree."""
    announced: str | None = response.headers.get("Content-Length")
    total = int(announced) if announced and announced.isdecimal() else None
    if response.status == 206:
        unit, _, total_text = response.headers.get("Content-Range", "").partition("/")
        if not unit.startswith(f"bytes {have}-"):
            raise WeightsFileError(f"{entry.url}: asked for byte {have} onwards, the server sent {unit[:60]!r}")
        total = int(total_text) if total_text.isdecimal() else None
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise WeightsFileError(f"{entry.url}: the server sent it compressed, which was not asked for")
    if None not in (total, entry.size) and total != entry.size:
        raise WeightsFileError(f"{entry.url}: the server's file has {total} bytes, expected {entry.size}")
    return total if entry.size is None else entry.size


def _copy(entry: Entry, response: HTTPResponse, file: BinaryIO, total: int | None, progress: Progress | None) -> None:
    have, most = file.seek(0, os.SEEK_END), MAX_BYTES if total is None else min(total, entry.size or MAX_BYTES)
    while block := response.read(min(1 << 18, most - have + 1)):
        have += len(block)
        if have > most:
            file.truncate(0)
            raise WeightsFileError(f"{entry.url}: sent more than the expected {most} bytes; nothing was kept")
        file.write(block)
        if progress is not None:
            progress(have, total)
    file.flush()
    if total is not None and have < total:
        raise _Again(f"the connection ended after {have} of {total} bytes")
