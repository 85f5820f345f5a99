"""jaxstyle's own weights file: safetensors (float32) that says in its metadata how to use the numbers.

The format is eight bytes of length, a JSON header and the bytes of the arrays. It is read here rather than by the
safetensors library for the sake of limits: a header of at most 1 MB, no array that is not a VGG19's, nothing
allocated before every claim of the header has been checked against the file's size.
"""

import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxstyle.durable import write_atomically
from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.weights.layout import Preprocessing, Weights, check_shapes

FORMAT = "jaxstyle-vgg19-1"
MAX_HEADER = 1_000_000
_TEXTS = ("name", "sha256", "licence", "padding", "pooling")


def write_weights(path: str | os.PathLike[str], weights: Weights) -> Path:
    """Write a network as one file, which appears whole or not at all.

    Raises:
        WeightsFileError: it cannot be written there.
    """
    metadata = {"format": FORMAT} | {key: getattr(weights, key) for key in _TEXTS}
    metadata["ceil_mode"] = json.dumps(weights.ceil_mode)
    metadata["preprocessing"] = pack(weights.preprocessing)
    target = Path(path)
    try:
        with write_atomically(target) as file:
            write_tensors(file, weights.arrays, metadata)
    except OSError as error:
        raise WeightsFileError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


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
        return Weights(arrays, unpack(metadata["preprocessing"]), ceil_mode=ceil_mode, **texts)
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
    """Write arrays as safetensors, little-endian float32, in the order given."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    begin = 0
    for key, array in arrays.items():
        end = begin + 4 * array.size
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        file.write(np.ascontiguousarray(array, "<f4").data)


def read_tensors(file: BinaryIO) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of an open safetensors file, from its beginning.

    Raises:
        WeightsError: unless it is a well-formed regular file with a VGG19's shapes in float32.
    """
    header, data = _read_header(file)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError("safetensors: its metadata is not text by name")
    spans = {key: _span(key, entry) for key, entry in header.items()}
    ordered = sorted(spans.items(), key=lambda item: item[1][:2])
    ends = [0, *(end for _, (_, end, _) in ordered)]
    if [begin for _, (begin, _, _) in ordered] + [data] != ends:
        raise WeightsError("safetensors: its arrays overlap, leave gaps or do not fill the file")
    check_shapes({key: shape for key, (_, _, shape) in spans.items()}, complete=False)
    return {key: _read_array(file, shape) for key, (_, _, shape) in ordered}, metadata


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


def _span(key: str, entry: object) -> tuple[int, int, tuple[int, ...]]:
    """(begin, end, shape) of one array, checked against each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"safetensors: {key[:80]!r} is not described by dtype, shape and data_offsets")
    if entry["dtype"] != "F32":
        raise WeightsError(f"safetensors: {key[:80]!r} is {str(entry['dtype'])[:20]}, expected F32")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not (_naturals(shape) and _naturals(offsets) and len(shape) <= 4 and len(offsets) == 2):
        raise WeightsError(f"safetensors: {key[:80]!r} has a malformed shape or malformed offsets")
    if offsets[1] - offsets[0] != 4 * math.prod(shape):
        raise WeightsError(f"safetensors: {key[:80]!r} has offsets {offsets} that do not fit its shape {shape}")
    return offsets[0], offsets[1], tuple(shape)


def _naturals(values: object) -> bool:
    # A JSON true is a Python int as well, and JSON has no largest integer.
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**40 for value in values)


def _read_array(file: BinaryIO, shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(shape, "<f4")
    if file.readinto(array.data.cast("B")) != array.nbytes:  # type: ignore[attr-defined]
        raise WeightsError("safetensors: the file became shorter while it was read")
    return array.astype(np.float32, copy=False)
