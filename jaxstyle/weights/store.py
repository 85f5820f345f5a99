"""jaxstyle's own weights file: safetensors with metadata that says how to use the weights."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.files import write_atomically
from jaxstyle.weights import codebook
from jaxstyle.weights.layout import Preprocessing, Weights, check_shapes
from jaxstyle.weights.tensors import TensorFile, read_tensors, write_tensors

FORMAT = "jaxstyle-vgg19-1"
_TEXTS = ("name", "sha256", "licence", "padding", "pooling")


def write_weights(
    path: str | os.PathLike[str], weights: Weights, *, bits: int = 32, notes: Mapping[str, str] | None = None
) -> Path:
    """Write a network as one file, which appears whole or not at all.

    Args:
        path: path of the file.
        weights: the network.
        bits: bits of each number: 32; 16, rounded to float16; or 8, where a kernel is a table of at most 256 numbers
            and a byte for each weight (`jaxstyle.weights.codebook`). All are read back as float32.
        notes: further metadata, for people.

    Raises:
        SettingError: `bits` is another number.
        WeightsFileError: the file cannot be written there.
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
    """The arrays as they are stored. With 8 bits "conv1_1/kernel" holds codes and "conv1_1/table" their numbers."""
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
    """The inverse of `_rounded`: all arrays as float32. Raises WeightsError if codes or their table are missing."""
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


def is_ours(file: BinaryIO) -> bool:
    """Whether an open safetensors file seems to be from `write_weights`. Raises WeightsError if it is damaged."""
    found = TensorFile(file)
    return found.metadata.get("format") == FORMAT or "conv1_1/kernel" in found.shapes


def read_weights_file(file: BinaryIO) -> Weights:
    """The network in an open file that `write_weights` made.

    Raises:
        WeightsError: the file is damaged, hostile, or a safetensors file that another program wrote.
    """
    arrays, metadata = read_tensors(file, check_vgg19)
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
    """The preprocessing as JSON text, from which `unpack` restores exactly the same floats."""
    return json.dumps({"matrix": preprocessing.matrix, "offset": preprocessing.offset})


def unpack(text: str) -> Preprocessing:
    """The inverse of `pack`. Raises WeightsError for any other text."""
    try:
        found = json.loads(text)
        return Preprocessing.affine(np.array(found["matrix"], np.float64), np.array(found["offset"], np.float64))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise WeightsError("preprocessing in its metadata is not a finite 3x3 matrix and 3 offsets") from error


def check_vgg19(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise WeightsError unless these are the arrays of a VGG19 or VGG16, or of its first layers, and their tables."""
    tables = {key: shape for key, shape in shapes.items() if key.endswith("/table")}
    for key, shape in tables.items():
        if len(shape) != 1 or shape[0] > codebook.SIZE:
            raise WeightsError(f"{key[:80]} has the shape {shape}, expected at most ({codebook.SIZE},)")
    check_shapes({key: shape for key, shape in shapes.items() if key not in tables}, complete=False)
