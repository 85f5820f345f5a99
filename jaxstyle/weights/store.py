"""jaxstyle's own weights file: safetensors that says in its metadata how to use the numbers.

The format is eight bytes of length, a JSON header and the bytes of the arrays. It is read here rather than by the
safetensors library for the sake of limits: a header of at most 1 MB, no array that is not of the expected network,
nothing allocated before every claim of the header has been checked against the file's size.
"""

import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.files import write_atomically
from jaxstyle.weights import codebook
from jaxstyle.weights.layout import Preprocessing, Weights, check_shapes

FORMAT = "jaxstyle-vgg19-1"
MAX_HEADER = 1_000_000
DTYPES: dict[str, np.dtype] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
_TEXTS = ("name", "sha256", "licence", "padding", "pooling")

CheckShapes = Callable[[Mapping[str, tuple[int, ...]]], None]


class _Span(NamedTuple):
    """One array of a file: its bytes, counted from the end of the header, its shape and type."""

    begin: int
    end: int
    shape: tuple[int, ...]
    dtype: np.dtype


def write_weights(
    path: str | os.PathLike[str], weights: Weights, *, bits: int = 32, notes: Mapping[str, str] | None = None
) -> Path:
    """Write a network as one file, which appears whole or not at all.

    Args:
        path: of the file.
        weights: the network.
        bits: of each number: 32; 16, rounded to float16; or 8, where a kernel is a table of at most 256 numbers and a
            byte for each weight (`jaxstyle.weights.codebook`). All are read back as float32.
        notes: what else the metadata should say, for people.

    Raises:
        SettingError: another number of bits.
        WeightsFileError: it cannot be written there.
    """
    if bits not in (8, 16, 32):
        raise SettingError(f"bits: got {bits!r}, expected 8, 16 or 32")
    metadata = dict(notes or {}) | {"format": FORMAT} | {key: getattr(weights, key) for key in _TEXTS}
    metadata["ceil_mode"] = json.dumps(weights.ceil_mode)
    metadata["preprocessing"] = pack(weights.preprocessing)
    target = Path(path)
    try:
        with write_atomically(target) as file:
            write_tensors(file, _rounded(weights.arrays, bits), metadata)
    except OSError as error:
        raise WeightsFileError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def _rounded(arrays: Mapping[str, np.ndarray], bits: int) -> dict[str, np.ndarray]:
    """The arrays as they are stored: of 8 bits, "conv1_1/kernel" is codes and "conv1_1/table" its numbers."""
    if bits == 32:
        return dict(arrays)
    if bits == 16:
        return {key: array.astype(np.float16) for key, array in arrays.items()}
    stored: dict[str, np.ndarray] = {}
    for key, array in arrays.items():
        stored[key] = array
        if key.endswith("/kernel"):
            stored[key], stored[_table_of(key)] = codebook.encode(array)
    return stored


def _table_of(kernel: str) -> str:
    return kernel.removesuffix("kernel") + "table"


def _restored(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `_rounded`, as float32."""
    tables = {key: array for key, array in arrays.items() if key.endswith("/table")}
    found = {}
    for key, array in arrays.items():
        if array.dtype == np.uint8:
            if _table_of(key) not in tables:
                raise WeightsError(f"{key[:80]} is codes without a table")
            array = codebook.decode(key, array, tables.pop(_table_of(key)))
        if not key.endswith("/table"):
            found[key] = array.astype(np.float32, copy=False)
    if tables:
        raise WeightsError(f"{next(iter(tables))[:80]} is a table without codes")
    return found


def read_weights_file(file: BinaryIO) -> Weights:
    """The network in an open file that `write_weights` made.

    Raises:
        WeightsError: the file is damaged, hostile, or safetensors of another maker.
    """
    arrays, metadata = read_tensors(file)
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"safetensors with the format {metadata.get('format')!r} in its metadata, expected {FORMAT!r}: make "
            "it from a public file with `jaxstyle weights convert`"
        )
    if missing := [key for key in (*_TEXTS, "ceil_mode", "preprocessing") if key not in metadata]:
        raise WeightsError("its metadata lacks " + ", ".join(missing))
    if metadata["ceil_mode"] not in ("true", "false"):
        raise WeightsError(f"ceil_mode in its metadata is {metadata['ceil_mode']!r}, expected 'true' or 'false'")
    texts: dict[str, Any] = {key: metadata[key] for key in _TEXTS}
    ceil_mode = metadata["ceil_mode"] == "true"
    try:
        return Weights(_restored(arrays), unpack(metadata["preprocessing"]), ceil_mode=ceil_mode, **texts)
    except SettingError as error:
        raise WeightsError(f"its metadata is wrong: {error}") from error


def pack(preprocessing: Preprocessing) -> str:
    """As JSON that gives back the same floats."""
    return json.dumps({"matrix": preprocessing.matrix, "offset": preprocessing.offset})


def unpack(text: str) -> Preprocessing:
    """The inverse of `pack`; WeightsError for anything else."""
    try:
        found = json.loads(text)
        return Preprocessing.affine(np.array(found["matrix"], np.float64), np.array(found["offset"], np.float64))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise WeightsError("preprocessing in its metadata is not a finite 3x3 matrix and 3 offsets") from error


def write_tensors(file: BinaryIO, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays as safetensors in the order given: float16 and bytes as they are, all else as float32."""
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


def check_vgg19(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise WeightsError unless these are a VGG19's arrays, of its first layers at least, and tables of kernels."""
    tables = {key: shape for key, shape in shapes.items() if key.endswith("/table")}
    for key, shape in tables.items():
        if len(shape) != 1 or shape[0] > codebook.SIZE:
            raise WeightsError(f"{key[:80]} has the shape {shape}, expected at most ({codebook.SIZE},)")
    check_shapes({key: shape for key, shape in shapes.items() if key not in tables}, complete=False)


def read_tensors(file: BinaryIO, check: CheckShapes = check_vgg19) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of an open safetensors file, from its beginning.

    Args:
        file: a regular file.
        check: is given {name: shape} of everything before any number is read; raises WeightsError where it is not
            what the caller expects. By default what is no VGG19's is refused.

    Raises:
        WeightsError: it is not well-formed, not of float32, float16 and bytes, or `check` refuses it.
    """
    header, data = _read_header(file)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError("safetensors: its metadata is not text by name")
    spans = {key: _span(key, entry) for key, entry in header.items()}
    ordered = sorted(spans.items(), key=lambda item: item[1][:2])
    ends = [0, *(span.end for _, span in ordered)]
    if [span.begin for _, span in ordered] + [data] != ends:
        raise WeightsError("safetensors: its arrays overlap, leave gaps or do not fill the file")
    check({key: span.shape for key, span in spans.items()})
    return {key: _read_array(file, span) for key, span in ordered}, metadata


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
    """Where one array is and what, checked against each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"safetensors: {key[:80]!r} is not described by dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise WeightsError(f"safetensors: {key[:80]!r} is {str(kind)[:20]}, expected one of {', '.join(DTYPES)}")
    if not (_naturals(shape) and _naturals(offsets) and 0 not in shape and len(shape) <= 4 and len(offsets) == 2):
        raise WeightsError(f"safetensors: {key[:80]!r} has a malformed shape or malformed offsets")
    if offsets[1] - offsets[0] != DTYPES[kind].itemsize * math.prod(shape):
        raise WeightsError(f"safetensors: {key[:80]!r} has offsets {offsets} that do not fit its shape {shape}")
    return _Span(offsets[0], offsets[1], tuple(shape), DTYPES[kind])


def _naturals(values: object) -> bool:
    # A JSON true is a Python int as well, and JSON has no largest integer.
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**40 for value in values)


def _read_array(file: BinaryIO, span: _Span) -> np.ndarray:
    # Flat: a view of no numbers cannot be cast to bytes in its shape.
    array = np.empty(math.prod(span.shape), span.dtype)
    if file.readinto(array.data.cast("B")) != array.nbytes:  # type: ignore[attr-defined]
        raise WeightsError("safetensors: the file became shorter while it was read")
    return array.reshape(span.shape).astype(span.dtype.newbyteorder("="), copy=False)
