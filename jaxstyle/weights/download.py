"""Download a public file over HTTP: resumed after an interruption, checked, whole or not at all."""

import os
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO
from urllib.error import HTTPError, URLError

from jaxstyle.errors import WeightsFileError
from jaxstyle.files import replace, sync
from jaxstyle.weights.catalogue import digest
from jaxstyle.weights.entry import Entry

Progress = Callable[[int, int | None], None]
"""A function that is called with the bytes done and the bytes in all, or None if that is unknown."""

TIMEOUT = 30.0
PAUSE = 1.0
ATTEMPTS = 5
MAX_BYTES = 700_000_000
"""The most bytes of a file whose size the catalogue does not know."""


class _Again(Exception):
    """An attempt failed for a reason that may pass, so another attempt makes sense."""


def download(entry: Entry, url: str, progress: Progress | None) -> None:
    """Download an entry's file from a URL to its place in the cache. No other process may do so at the same time.

    Raises:
        WeightsFileError: the server cannot be reached, refuses, or gives another file.
        OSError: the cache cannot be written.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise WeightsFileError(f"{url}: only http and https are fetched")
    part = entry.path.with_name(entry.file + ".part")
    failures = 0
    with part.open("ab+") as file:
        best = inherited = file.seek(0, os.SEEK_END)
        while True:
            try:
                if entry.size is None or file.seek(0, os.SEEK_END) != entry.size:
                    _transfer(entry, url, file, progress)
                if _sound(entry, url, file, inherited=inherited > 0):
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
                        f"{url}: {error}, {ATTEMPTS} times in a row; try again later: it goes on from byte "
                        f"{file.tell()} of {part}"
                    ) from error
                time.sleep(PAUSE * 2**failures)
    replace(part, entry.path)


def _sound(entry: Entry, url: str, file: BinaryIO, *, inherited: bool) -> bool:
    """Whether the whole file has the catalogue's hash. If not, it is emptied.

    Raises:
        WeightsFileError: the hash is wrong, and all of the file came from this download (not `inherited`).
    """
    digests = digest(file)
    if entry.matches(digests):
        return True
    size = file.tell()
    file.truncate(0)
    if inherited:  # the beginning, from an earlier process, may be of another file
        return False
    raise WeightsFileError(
        f"{url}: gave {size} bytes with the sha256 {digests['sha256']} (md5 {digests['md5']}), expected "
        f"{entry.hash}; nothing was kept. The published file has changed or something on the way changes it"
    )


def _transfer(entry: Entry, url: str, file: BinaryIO, progress: Progress | None) -> None:
    """Download the missing part and append it. Raises _Again if the connection fails or ends early."""
    have = file.seek(0, os.SEEK_END)
    if entry.size is not None and have > entry.size:
        have = file.truncate(0)
    try:
        with _request(url, have) as response:
            if response.status != 206:  # the server does not resume, but sends the whole file
                have = file.truncate(0)
            total = _total(entry, url, response, have)
            _copy(entry, url, response, file, total, progress)
    except HTTPError as error:
        error.close()
        _refused(url, error, file)
    except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
        if isinstance(getattr(error, "reason", None), socket.gaierror):  # no network, or no such host
            raise WeightsFileError(f"{url}: no network ({error})") from error
        raise _Again(f"the connection failed ({getattr(error, 'reason', '') or error!r})") from error


def _request(url: str, have: int) -> HTTPResponse:
    # Not the default opener, which also follows redirects to ftp and reads local files.
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


def _refused(url: str, error: HTTPError, file: BinaryIO) -> None:
    if error.code == 416 and file.tell():  # our part is not the beginning of the server's file
        file.truncate(0)
        raise _Again("the server cannot resume") from error
    if error.code in (408, 425, 429) or error.code >= 500:
        raise _Again(f"the server answered {error.code} {error.reason}") from error
    raise WeightsFileError(f"{url}: the server answered {error.code} {error.reason}") from error


def _total(entry: Entry, url: str, response: HTTPResponse, have: int) -> int | None:
    """The size of the whole file by the server or the catalogue, which must agree; None if neither says it."""
    announced: str | None = response.headers.get("Content-Length")
    total = int(announced) if announced and announced.isdecimal() else None
    if response.status == 206:
        unit, _, total_text = response.headers.get("Content-Range", "").partition("/")
        if not unit.startswith(f"bytes {have}-"):
            raise WeightsFileError(f"{url}: asked for byte {have} onwards, the server sent {unit[:60]!r}")
        total = int(total_text) if total_text.isdecimal() else None
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise WeightsFileError(f"{url}: the server sent it compressed, which was not asked for")
    if None not in (total, entry.size) and total != entry.size:
        raise WeightsFileError(f"{url}: the server's file has {total} bytes, expected {entry.size}")
    return total if entry.size is None else entry.size


def _copy(
    entry: Entry, url: str, response: HTTPResponse, file: BinaryIO, total: int | None, progress: Progress | None
) -> None:
    have, most = file.seek(0, os.SEEK_END), MAX_BYTES if total is None else min(total, entry.size or MAX_BYTES)
    while block := response.read(min(1 << 18, most - have + 1)):
        have += len(block)
        if have > most:
            file.truncate(0)
            raise WeightsFileError(f"{url}: sent more than the expected {most} bytes; nothing was kept")
        file.write(block)
        if progress is not None:
            progress(have, total)
    file.flush()
    if total is not None and have < total:
        raise _Again(f"the connection ended after {have} of {total} bytes")
