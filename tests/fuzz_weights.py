"""Fuzz the weights readers: seeded mutations of small valid files, each read as a user's file is.

`python tests/fuzz_weights.py h5 5000 0`; the kinds are h5, pth, safetensors and tflite. A process is forked for each
file and parses it under the real limits; each hundredth goes through the real subprocess. A file may load or be refused
with one of jaxstyle's errors: anything else fails the run, and so does a case that takes more than 2 s of processor
time.
"""

import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from io import FileIO
from pathlib import Path
from typing import BinaryIO
from unittest import mock

import tflite_files
import weight_files as files

from jaxstyle.errors import JaxstyleError, WeightsError
from jaxstyle.feedforward.magenta_file import read_part
from jaxstyle.weights import child, sandbox
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.store import write_weights

KINDS = ("h5", "pth", "safetensors", "tflite")
SECONDS = 2.0
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)


def run(kind: str, count: int, seed: int) -> None:
    """Read `count` mutated files of a kind, one of KINDS; AssertionError if one misbehaves."""
    outcomes: Counter[str] = Counter()
    for name in child.READERS:
        child.find_reader(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg19-fuzzed"
        for valid in seeds(kind):
            path.write_bytes(valid)
            assert _outcome(path, kind, forked=True) == "loaded", "a file that is not mutated must load"
        for index in range(count):
            path.write_bytes(case(kind, seed, index))
            used = _processor_time()
            try:
                outcomes[_outcome(path, kind, forked=index % 100 != 0)] += 1
                assert _processor_time() - used < SECONDS, f"took {_processor_time() - used:.1f} s"
            except BaseException as error:
                raise AssertionError(f"fuzz_weights.case({kind!r}, {seed}, {index}): {error!r}") from error
    print(f"{kind}: {count} files, seed {seed}: " + ", ".join(f"{n} {what}" for what, n in outcomes.most_common()))


def case(kind: str, seed: int, index: int) -> bytes:
    """One mutated file."""
    chance = random.Random(f"{kind} {seed} {index}")
    if kind == "pth" and chance.random() < 0.5:
        return _repickled(chance)
    return mutate(chance.choice(seeds(kind)), chance, seeds(kind))


def mutate(data: bytes, chance: random.Random, others: tuple[bytes, ...]) -> bytes:
    """One to four small damages."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, span = chance.randrange(len(out) + 1), chance.choice((1, 2, 4, 8, 64, 1024))
        match chance.randrange(7):
            case 0 | 1 if at < len(out):
                out[at] ^= 1 << chance.randrange(8)
            case 2:
                out[at:at] = chance.randbytes(span)
            case 3:
                del out[at : at + span]
            case 4:
                other = chance.choice(others)
                start = chance.randrange(len(other))
                out[at : at + span] = other[start : start + span]
            case 5 if chance.random() < 0.2:
                del out[at:]
            case _:
                size = chance.choice((1, 2, 4, 8))
                out[at : at + size] = struct.pack("<Q", chance.choice(EXTREMES))[:size]
    return bytes(out)


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """Valid files of a kind."""
    if kind == "tflite":
        transformer = tflite_files.small_transformer((1, 1, 1))
        return tuple(tflite_files.as_tflite(transformer, type) for type in ("float32", "float16", "int8"))
    arrays = files.small_vgg19(width=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed"
        if kind == "safetensors":
            files.write_npz(path, arrays)
            weights = read_weights(path)
            return (write_weights(path, weights).read_bytes(),)
        prefixes = {"h5": ("keras",), "pth": ("zip-torchvision", "zip-gatys", "legacy-gatys", "legacy-torchvision")}
        names = [name for name in files.LAYOUTS if name.startswith(prefixes[kind])]
        return tuple(_written(name, arrays) for name in names)


def _written(name: str, arrays: files.Arrays) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return files.LAYOUTS[name](Path(folder) / "seed", arrays).read_bytes()


def _repickled(chance: random.Random) -> bytes:
    """A good container, whose checksums hold, round a mutated pickle."""
    legacy = chance.random() < 0.5
    state = files.state_dict(files.small_vgg19(width=1))
    pickles = [files.state_pickle(state, legacy=legacy, rebuild=how) for how in ("v1", "v2", "parameter")]
    other = mutate(chance.choice(pickles), chance, tuple(pickles))
    with tempfile.TemporaryDirectory() as folder:
        write = files.write_legacy if legacy else files.write_zip
        return write(Path(folder) / "case", state, other=other).read_bytes()


def _processor_time() -> float:
    return sum(os.times()[:4])


def _outcome(path: Path, kind: str, *, forked: bool) -> str:
    with mock.patch.object(sandbox, "_run", _run_forked if forked else sandbox._run):
        try:
            read_part(path, "transfer") if kind == "tflite" else read_weights(path, preprocessing="caffe")
        except JaxstyleError as error:
            assert isinstance(error, WeightsError), error
            assert str(path) in str(error)
            return _category(str(error))
    return "loaded"


def _category(message: str) -> str:
    for part, category in (("signal", "crashed the reader"), ("takes longer", "stopped by the clock")):
        if part in message:
            return category
    assert "failed (exit status" not in message, message
    return "refused"


def _run_forked(arguments: list[str], source: BinaryIO, arrays: BinaryIO, verdict: BinaryIO, *, seconds: float) -> int:
    """`sandbox._run` without starting Python anew."""
    process = os.fork()
    if process == 0:
        try:
            for fd, file in enumerate((source, arrays, verdict)):
                os.dup2(file.fileno(), fd)
            read = child.find_reader(arguments[0])
            streams = [FileIO(fd, mode, closefd=False) for fd, mode in enumerate(("rb", "wb", "wb"))]
            child.limit(int(arguments[1]))
            child.serve(read, *streams)
            os._exit(0)
        finally:
            os._exit(99)
    give_up = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > give_up:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.0005)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
