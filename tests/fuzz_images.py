"""Damaged picture files: whatever the bytes, an ImageError or a valid Picture, in 2 seconds and bounded memory.

Every case is made from (seed, number) alone. Cases run in child processes with a memory limit, so a crash, a hang or
a blow-up ends the child, and the case that it was at is named. One alone:
python tests/fuzz_images.py SEED NUMBER
"""

import io
import logging
import os
import random
import resource
import selectors
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from image_files import samples

from jaxstyle.errors import ImageError
from jaxstyle.image import read_picture, read_recipe

SECONDS = 2.0
"""Processor time for one case."""
PATIENCE = 30.0
"""Seconds of silence after which a child counts as hung, on a machine that is busy with other things too."""
SECONDS_PER_MEGAPIXEL = 0.1
"""On top of it for a valid picture: a few hundred bytes can honestly be 100 megapixels of one colour."""
MEMORY = 4 << 30
CHUNK = 1000
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

files = cache(samples)


def run(count: int, seed: int) -> None:
    """Run `count` cases; raise AssertionError with every case that failed."""
    failures: list[str] = []
    first = 0
    while first < count and len(failures) < 20:
        first = _run_child(seed, first, min(first + CHUNK, count), failures)
    assert not failures, f"{len(failures)} of {first} cases failed:\n" + "\n".join(failures)


def _run_child(seed: int, first: int, last: int, failures: list[str]) -> int:
    """Run cases first..last-1 in a child, and return where to go on: behind a case that killed it, else `last`."""
    command = [sys.executable, __file__, str(seed), str(first), str(last)]
    current = first
    # The C libraries chatter on stderr: a file, because a full pipe would stop the child.
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as child:
        assert child.stdout
        for line in _lines(child.stdout, PATIENCE):
            if line.startswith("case "):
                current = int(line.split()[1])
            elif line == "done":
                return last
            else:
                failures.append(line)
        child.kill()
        child.wait()
        log.seek(0)
        error = log.read().decode(errors="replace")[-300:]
    failures.append(f"{seed} {current}: the child hung or died with status {child.returncode} {error}")
    return current + 1


def _lines(pipe: IO[bytes], patience: float) -> Iterator[str]:
    """Lines of a pipe until it ends or is silent for `patience` seconds."""
    selector, rest = selectors.DefaultSelector(), b""
    selector.register(pipe, selectors.EVENT_READ)
    while selector.select(patience) and (data := os.read(pipe.fileno(), 65536)):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)


def child(seed: int, first: int, last: int) -> None:
    """Report each case before it starts, and whatever is wrong with it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("jaxstyle").addHandler(logging.NullHandler())
    warnings.simplefilter("error")
    check(files()["png"])  # what is loaded once is nobody's time
    for number in range(first, last):
        print(f"case {number}", flush=True)
        name, data = case(seed, number)
        try:
            check(data, recipe=number % 8 == 0)
        except BaseException as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            print(f"{seed} {number} ({name}): {type(error).__name__}: {error} at {at.filename}:{at.lineno}", flush=True)
    print("done", flush=True)


def check(data: bytes, *, recipe: bool = False) -> None:
    """An ImageError or a valid Picture, in time."""
    start = time.process_time()
    try:
        picture = read_picture(io.BytesIO(data))
    except ImageError:
        picture = None
    seconds = time.process_time() - start
    if picture is not None:
        _check_picture(*picture)
    if recipe:
        _check_recipe(data)
    limit = SECONDS + SECONDS_PER_MEGAPIXEL * (0 if picture is None else picture.rgb.size / 3e6)
    assert seconds < limit, f"took {seconds:.1f} s for {'an error' if picture is None else picture.rgb.shape}"


def _check_picture(rgb: np.ndarray, alpha: np.ndarray | None) -> None:
    assert rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.size and rgb.dtype == np.float32
    assert rgb.min() >= 0 and rgb.max() <= 1  # false for NaN
    if alpha is not None:
        assert alpha.shape == rgb.shape[:2] and alpha.dtype == np.float32
        assert alpha.min() >= 0 and alpha.max() <= 1


def _check_recipe(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        with suppress(ImageError):
            assert isinstance(read_recipe(file.name), dict)


def case(seed: int, number: int) -> tuple[str, bytes]:
    """Damaged file `number` of this seed, and the name of the file it was."""
    rng = random.Random(f"{seed} {number}")
    name = rng.choice(sorted(files()))
    data = files()[name]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = rng.choice(MUTATIONS)(rng, data) or data
    if data.startswith(b"\x89PNG") and rng.random() < 0.7:
        data = _mend_png(data)
    return name, data


def _position(rng: random.Random, data: bytes) -> int:
    """Headers are where damage matters: half of all are in the first 64 bytes or the last."""
    start, end = rng.choice(((0, len(data)), (0, len(data)), (0, 64), (len(data) - 200, len(data))))
    return min(max(rng.randrange(start, end + 1), 0), len(data) - 1)


def _flip(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        out[_position(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(out)


def _byte(rng: random.Random, data: bytes) -> bytes:
    at = _position(rng, data)
    return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = _position(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 50))) + data[at:]


def _delete(rng: random.Random, data: bytes) -> bytes:
    at = _position(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 4, 50)) :]


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _extreme(rng: random.Random, data: bytes) -> bytes:
    """A number as headers have them, 1, 2 or 4 bytes in either order, at the edge of something."""
    at, size = _position(rng, data), rng.choice((1, 2, 4))
    value = rng.choice((*EXTREMES, 9000, 11000, 30000)) & (256**size - 1)
    number = value.to_bytes(size, rng.choice(("little", "big"))) * rng.choice((1, 1, 2))  # width and height at once
    return data[:at] + number + data[at + len(number) :]


def _splice(rng: random.Random, data: bytes) -> bytes:
    """Its head and another file's tail, or a piece of itself elsewhere."""
    other = rng.choice((data, files()[rng.choice(sorted(files()))]))
    return data[: _position(rng, data)] + other[_position(rng, other) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    at = _position(rng, data)
    piece = data[at : at + rng.choice((1, 4, 16, 300))]
    return data[:at] + piece * rng.choice((2, 10, 200)) + data[at:]


MUTATIONS = (_flip, _flip, _byte, _insert, _delete, _truncate, _extreme, _extreme, _extreme, _splice, _repeat)


def _mend_png(data: bytes) -> bytes:
    """Right checksums for every chunk, without which damage gets no further than the check of them."""
    out, at = bytearray(data), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", out, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(out)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        child(*map(int, sys.argv[1:]))
    else:
        check(case(int(sys.argv[1]), int(sys.argv[2]))[1], recipe=True)
