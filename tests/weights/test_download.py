"""Against a server on this machine that misbehaves as told."""

import dataclasses
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jaxstyle.errors import WeightsFileError
from jaxstyle.weights import download
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.entry import Entry
from jaxstyle.weights.sources import fetch

BODY = bytes(range(256)) * 4096


class Server(http.server.ThreadingHTTPServer):
    """`faults` are used up one per request: "truncate", "ignore range", "416", "503", "404", "longer", "ftp", ..."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.faults, self.requests = BODY, list[str](), list[str | None]()

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        asked = self.headers["Range"]
        self.server.requests.append(asked)
        if fault.isdecimal():
            return self.send_error(int(fault))
        if fault == "ftp":
            return self.answer(302, b"", Location="ftp://127.0.0.1/x")
        start = int(asked[6:-1]) if asked and fault != "ignore range" else 0
        body = self.server.body[start:]
        whole = f"bytes {start + (fault == 'wrong range')}-{len(self.server.body) - 1}/{len(self.server.body)}"
        status, headers = (206, {"Content-Range": whole}) if start else (200, {})
        if fault == "gzip":
            headers["Content-Encoding"] = "gzip"
        if fault == "longer":
            return self.answer(status, body + b"x", length=None, **headers)
        if fault == "unannounced end":
            return self.answer(status, body[:1000], length=None, **headers)
        self.answer(status, body[: len(body) // 2] if fault == "truncate" else body, length=len(body), **headers)

    def answer(self, status: int, body: bytes, *, length: int | None = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.001)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("JAXSTYLE_OFFLINE", raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def entry(server: Server) -> Entry:
    url = f"http://127.0.0.1:{server.server_address[1]}/file.h5"
    hash = "md5:" + hashlib.md5(BODY).hexdigest()
    return dataclasses.replace(find("imagenet"), sources=(url,), file="file.h5", size=len(BODY), hash=hash)


def test_whole_and_only_once(server: Server, entry: Entry, cache: Path):
    seen: list[tuple[int, int | None]] = []
    path = fetch(entry, progress=lambda done, total: seen.append((done, total)))
    assert path == cache / "file.h5"
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert fetch(entry) == path
    assert server.requests == [None]
    assert not list(cache.glob("*.part"))


def test_resumes_a_truncated_body(server: Server, entry: Entry):
    server.faults = ["truncate", "truncate", "503"]
    assert fetch(entry).read_bytes() == BODY
    half = len(BODY) // 2
    resumed = f"bytes={half + half // 2}-"
    assert server.requests == [None, f"bytes={half}-", resumed, resumed]


def test_resumes_what_an_earlier_process_left(server: Server, entry: Entry, cache: Path):
    cache.mkdir()
    (cache / "file.h5.part").write_bytes(BODY[:1000])
    assert fetch(entry).read_bytes() == BODY
    assert server.requests == ["bytes=1000-"]


@pytest.mark.parametrize("fault", ["ignore range", "416"])
def test_a_server_that_cannot_resume(server: Server, entry: Entry, cache: Path, fault: str):
    cache.mkdir()
    (cache / "file.h5.part").write_bytes(BODY[:1000])
    server.faults = [fault]
    assert fetch(entry).read_bytes() == BODY


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(BODY), BODY + b"x"])
def test_a_wrong_beginning_is_thrown_away(server: Server, entry: Entry, cache: Path, left: bytes):
    cache.mkdir()
    (cache / "file.h5.part").write_bytes(left)
    assert fetch(entry).read_bytes() == BODY


def test_a_finished_part_needs_no_network(server: Server, entry: Entry, cache: Path):
    cache.mkdir()
    (cache / "file.h5.part").write_bytes(BODY)
    assert fetch(entry).read_bytes() == BODY
    assert server.requests == []


def _refused(entry: Entry, cache: Path, match: str) -> None:
    with pytest.raises(WeightsFileError, match=match):
        fetch(entry)
    assert not (cache / "file.h5").exists()


def test_another_content_is_refused(server: Server, entry: Entry, cache: Path):
    server.body = BODY[::-1]
    _refused(entry, cache, "expected md5:.*nothing was kept")
    assert (cache / "file.h5.part").stat().st_size == 0


def test_another_content_in_pieces_is_refused(server: Server, entry: Entry, cache: Path):
    server.body, server.faults = BODY[::-1], ["truncate", "", "truncate"]
    _refused(entry, cache, "expected md5:")


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x"])
def test_another_size_is_refused_before_it_is_sent(server: Server, entry: Entry, cache: Path, body: bytes):
    server.body = body
    _refused(entry, cache, f"has {len(body)} bytes, expected {len(BODY)}")
    assert (cache / "file.h5.part").stat().st_size == 0


@pytest.mark.parametrize(
    ("faults", "match"),
    [
        (["longer"], "sent more than the expected"),
        (["404"], "answered 404"),
        (["503"] * 5, "answered 503.*5 times in a row.*goes on from byte 0"),
        (["gzip"], "compressed"),
        (["ftp"] * 5, "unknown url type: ftp"),
        (["truncate", "wrong range"], "asked for byte"),
    ],
)
def test_a_bad_server(server: Server, entry: Entry, cache: Path, faults: list[str], match: str):
    server.faults = faults
    _refused(entry, cache, match)


def test_no_server(entry: Entry, cache: Path):
    _refused(dataclasses.replace(entry, sources=("http://127.0.0.1:9/x",)), cache, "connection failed")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_only_http(entry: Entry, cache: Path, url: str):
    _refused(dataclasses.replace(entry, sources=(url,)), cache, "only http and https")


def test_unknown_size_and_a_hash_prefix(server: Server, entry: Entry):
    sha256 = hashlib.sha256(BODY).hexdigest()
    server.faults = ["truncate"]
    assert fetch(dataclasses.replace(entry, size=None, hash=f"sha256-prefix:{sha256[:8]}")).read_bytes() == BODY


def test_unknown_size_is_limited(server: Server, entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    server.faults = ["longer"]
    _refused(dataclasses.replace(entry, size=None), cache, "more than the expected 1000 bytes")


def test_two_at_once(server: Server, entry: Entry):
    threads = [threading.Thread(target=fetch, args=(entry,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entry.path.read_bytes() == BODY
    assert server.requests == [None]


def test_the_next_source_is_tried(server: Server, entry: Entry):
    mirrored = dataclasses.replace(entry, sources=("http://127.0.0.1:9/dead", *entry.sources))
    assert fetch(mirrored).read_bytes() == BODY


def test_every_source_that_fails_is_named(server: Server, entry: Entry, cache: Path):
    server.faults = ["404"]
    mirrored = dataclasses.replace(entry, sources=("http://127.0.0.1:9/dead", *entry.sources))
    with pytest.raises(WeightsFileError) as caught:
        fetch(mirrored)
    said = str(caught.value)
    assert (
        said.index("9/dead") < said.index("answered 404") < said.index("(1) run `jaxstyle weights fetch imagenet-8bit`")
    )


@pytest.mark.parametrize(("file", "said"), [("file.h5", "it has 4 bytes with the md5 "), ("file.h5.part", "has 4 of ")])
def test_what_is_there_is_not_called_absent(
    entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch, file: str, said: str
):
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    cache.mkdir()
    (cache / file).write_bytes(b"half")
    with pytest.raises(WeightsFileError) as caught:
        fetch(entry)
    assert said in str(caught.value) and file in str(caught.value)
    assert "is not in the cache" not in str(caught.value)


def test_offline_names_the_ways(entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    with pytest.raises(WeightsFileError) as caught:
        fetch(entry)
    for part in ("file.h5", "weights fetch imagenet", str(cache / "file.h5"), "weights convert", "'embedded'"):
        assert part in str(caught.value)
    cache.mkdir()
    (cache / "file.h5").write_bytes(BODY)
    assert fetch(entry).read_bytes() == BODY


def test_a_cache_that_cannot_be_written(entry: Entry, cache: Path):
    cache.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(WeightsFileError, match="cannot be written"):
        fetch(entry)


def test_no_request_waits_for_ever(entry: Entry, monkeypatch: pytest.MonkeyPatch, server: Server):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    monkeypatch.setattr(Handler, "do_GET", lambda self: time.sleep(0.5))
    with pytest.raises(WeightsFileError, match="timed out"):
        fetch(entry)
