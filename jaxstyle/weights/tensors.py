"""Read safetensors files within limits, and write them.

The format is eight bytes of length, a JSON header and the bytes of the arrays. It is read here rather than by the
safetensors library for the sake of limits: a header of at most 1 MB, no array that the expected network does not
have, and nothing allocated before every claim of the header has been checked against the file's size.
"""

import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxstyle.errors import WeightsError

MAX_HEADER = 1_000_000
DTYPES: dict[str, np.dtype] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
    "BF16": np.dtype("<u2"),  # the upper half of a float32
}
OWN = ("F32", "F16", "I8", "U8")
"""The types of numbers in jaxstyle's own files."""
CheckShapes = Callable[[Mapping[str, tuple[int, ...]]], None]


class _Span(NamedTuple):
    """One array of a file: where its bytes begin and end, counted from the end of the header, its shape and type."""

    begin: int
    end: int
    shape: tuple[int, ...]
    kind: str


class TensorFile:
    """An open safetensors file with a checked header. The arrays are read when they are asked for.

    Attributes:
        shapes: {name: shape}, in the order of the file.
        kinds: {name: a key of DTYPES}.
        metadata: {name: text}.

    Raises:
        WeightsError: the file is malformed, or has numbers of a type that is not read.
    """

    def __init__(self, file: BinaryIO):
        header, data = _read_header(file)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise WeightsError("safetensors: its metadata is not text by name")
        spans = {key: _span(key, entry) for key, entry in header.items()}
        ordered = sorted(spans.items(), key=lambda item: item[1][:2])
        ends = [0, *(span.end for _, span in ordered)]
        if [span.begin for _, span in ordered] + [data] != ends:
            raise WeightsError("safetensors: its arrays overlap, leave gaps or do not fill the file")
        self.metadata: dict[str, str] = metadata
        self.shapes = {key: span.shape for key, span in ordered}
        self.kinds = {key: span.kind for key, span in ordered}
        self._spans, self._file, self._start = spans, file, file.tell()

    def numbers(self, key: str) -> np.ndarray:
        """Read one array. bfloat16 becomes float32; all other types stay."""
        span = self._spans[key]
        self._file.seek(self._start + span.begin)
        # Flat, because an array without numbers cannot be cast to bytes in a shape of several axes.
        array = np.empty(math.prod(span.shape), DTYPES[span.kind])
        if self._file.readinto(array.data.cast("B")) != array.nbytes:  # type: ignore[attr-defined]
            raise WeightsError("safetensors: the file became shorter while it was read")
        if span.kind == "BF16":
            array = widened(array)
        return array.reshape(span.shape).astype(array.dtype.newbyteorder("="), copy=False)


def widened(bits: np.ndarray) -> np.ndarray:
    """Convert bfloat16 numbers, given as uint16, to float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write_tensors(file: BinaryIO, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays as safetensors in the given order. float16, int8 and uint8 stay; all other types become float32."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    begin = 0
    for key, array in arrays.items():
        kind = _dtype_name(array)
        end = begin + DTYPES[kind].itemsize * array.size
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        file.write(np.ascontiguousarray(array, DTYPES[_dtype_name(array)]).data)


def _dtype_name(array: np.ndarray) -> str:
    return {"float16": "F16", "int8": "I8", "uint8": "U8"}.get(array.dtype.name, "F32")


def read_tensors(file: BinaryIO, check: CheckShapes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays and the metadata of an open safetensors file, from its beginning.

    Args:
        file: a regular file.
        check: called with {name: shape} of all arrays before any number is read; raises WeightsError if they are not
            what the caller expects.

    Raises:
        WeightsError: the file is malformed, has numbers of a type not in `OWN`, or `check` refuses it.
    """
    found = TensorFile(file)
    for key, kind in found.kinds.items():
        if kind not in OWN:
            raise WeightsError(f"safetensors: {key[:80]!r} is {kind}, expected one of {', '.join(OWN)}")
    check(found.shapes)
    return {key: found.numbers(key) for key in found.shapes}, found.metadata


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header and the number of bytes after it."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise WeightsError("safetensors: not a regular file")
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER, status.st_size - 8):
        raise WeightsError(
            f"safetensors: declares a header of {length} bytes in a file of {status.st_size}, expected at most "
            f"{MAX_HEADER} and the file to be longer"
        )
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise WeightsError("safetensors: its header is not JSON with unique names") from error
    if not isinstance(header, dict):
        raise WeightsError("safetensors: its header is not a JSON object")
    return header, status.st_size - 8 - length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _span(key: str, entry: object) -> _Span:
    """One array's entry in the header, after a check that its type, shape and offsets agree."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"safetensors: {key[:80]!r} is not described by dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise WeightsError(f"safetensors: {key[:80]!r} is {str(kind)[:20]}, expected one of {', '.join(DTYPES)}")
    if not (_naturals(shape) and _naturals(offsets) and 0 not in shape and len(shape) <= 4 and len(offsets) == 2):
        raise WeightsError(f"safetensors: {key[:80]!r} has a malformed shape or malformed offsets")
    if offsets[1] - offsets[0] != DTYPES[kind].itemsize * math.prod(shape):
        raise WeightsError(f"safetensors: {key[:80]!r} has offsets {offsets} that do not fit its shape {shape}")
    return _Span(offsets[0], offsets[1], tuple(shape), kind)


def _naturals(values: object) -> bool:
    # The exact type, because JSON's true is an int in Python; a limit, because JSON has no largest integer.
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**40 for value in values)
