"""The file format of saved feed-forward networks: safetensors whose metadata names the kind of network.

The arrays may be float32, float16 or int8; a network converts them to float32 when it is built.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.files import write_atomically
from jaxstyle.weights.sandbox import open_regular
from jaxstyle.weights.store import read_tensors, write_tensors

FORMAT = "jaxstyle-fast-1"
MAX_ARRAYS = 1000
_RESERVED = ("format", "kind")

Network = tuple[str, dict[str, np.ndarray], dict[str, str]]


def write_network(
    path: str | os.PathLike[str], kind: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> Path:
    """Write a network to one file. The file appears whole or not at all.

    Args:
        path: path of the file; the suffix ".safetensors" is customary.
        kind: the kind of network, such as "magenta"; `read_network` returns it.
        arrays: the network's arrays by name, of at most four axes. float16 and int8 are kept; all other types become
            float32.
        metadata: other texts by name that are needed to build the network. "format" and "kind" are reserved names.

    Returns:
        The path of the file.

    Raises:
        SettingError: the metadata uses a reserved name.
        WeightsFileError: the file cannot be written.
    """
    if taken := [name for name in _RESERVED if name in metadata]:
        raise SettingError(f"metadata: {taken[0]!r} is a name that the file itself uses; expected another")
    target = Path(path).expanduser()
    try:
        with write_atomically(target) as file:
            write_tensors(file, arrays, {"format": FORMAT, "kind": kind, **metadata})
    except OSError as error:
        raise WeightsFileError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def read_network(path: str | os.PathLike[str], kind: str | None = None) -> Network:
    """Read what `write_network` wrote: (kind, arrays, metadata without the format and the kind).

    Nothing in the file is trusted. Each network's own loader checks with `require_shapes` that its arrays are there.

    Args:
        path: path of the file.
        kind: the expected kind; None accepts any.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: the file is damaged, hostile, not from jaxstyle, not of the expected kind, or has a value that is
            not finite.
    """
    location = Path(path).expanduser()
    with open_regular(location) as file:
        try:
            arrays, metadata = read_tensors(file, _check_count)
            _check(arrays, metadata, kind)
        except WeightsError as error:
            raise type(error)(f"{location}: {error}") from error
        except OSError as error:
            raise WeightsFileError(f"{location}: cannot be read: {error.strerror or error}") from error
    rest = {name: text for name, text in metadata.items() if name not in _RESERVED}
    return metadata["kind"], arrays, rest


def require_shapes(shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Raise WeightsError, naming the first differences, unless exactly the expected arrays are there.

    Args:
        shapes: {name: shape} of the arrays that were found.
        expected: {name: shape} of the arrays that the network needs.
        what: what the error message calls the network.
    """
    names = [*expected, *(name for name in shapes if name not in expected)]
    wrong = [
        f"{name[:80]} is {shapes.get(name, 'missing')}, expected {expected.get(name, 'none')}"
        for name in names
        if shapes.get(name) != expected.get(name)
    ]
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise WeightsError(f"not {what}: " + "; ".join(wrong[:5]) + more)


def _check_count(shapes: Mapping[str, tuple[int, ...]]) -> None:
    if len(shapes) > MAX_ARRAYS:
        raise WeightsError(f"safetensors: has {len(shapes)} arrays, expected at most {MAX_ARRAYS}")


def _check(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str], kind: str | None) -> None:
    if metadata.get("format") != FORMAT or "kind" not in metadata:
        raise WeightsError(
            f"safetensors with the format {str(metadata.get('format'))[:40]!r} in its metadata, expected {FORMAT!r}: "
            "not a feed-forward network that jaxstyle saved"
        )
    if kind is not None and metadata["kind"] != kind:
        raise WeightsError(f"is a network of the kind {metadata['kind'][:40]!r}, expected {kind!r}")
    if unsound := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"{unsound[0][:80]} is not finite")
