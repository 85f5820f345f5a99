"""Read a network's weights by path or name: recognise the format, read it, decide how the input is prepared."""

import dataclasses
import difflib
import logging
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxstyle.errors import WeightsError, WeightsFileError
from jaxstyle.files import refuse_overwriting
from jaxstyle.weights.catalogue import CATALOGUE, EMBEDDED, SHIPPED, digest, find, identify
from jaxstyle.weights.download import Progress
from jaxstyle.weights.entry import Entry
from jaxstyle.weights.family import Order, caffe_order
from jaxstyle.weights.layout import (
    CAFFE,
    PREPROCESSING,
    TORCHVISION,
    Padding,
    Parsed,
    Pooling,
    Preprocessing,
    Weights,
    check_choice,
)
from jaxstyle.weights.sandbox import open_regular, parse
from jaxstyle.weights.sources import fetch
from jaxstyle.weights.store import is_ours, read_weights_file, write_weights
from jaxstyle.weights.torch_file import read_safetensors

log = logging.getLogger(__name__)
Source = str | os.PathLike[str]

_DEFAULTS = {"keras": CAFFE, "theano": CAFFE, "gatys": CAFFE, "codebook": CAFFE, "torchvision": TORCHVISION}
_HDF5, _ZIP, _PICKLE = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def read_weights(
    source: Source = "imagenet",
    *,
    preprocessing: Preprocessing | str | None = None,
    padding: Padding | None = None,
    pooling: Pooling | None = None,
    ceil_mode: bool | None = None,
    progress: Progress | None = None,
) -> Weights:
    """Read the weights of a VGG19 or VGG16, from a file or by name.

    Args:
        source: a name in the catalogue ("imagenet", "torchvision", ...; fetched on first use); "embedded" for the
            small trained network that comes with jaxstyle, "random" for one of random filters; or the path of a Keras
            .h5, PyTorch .pth (the normalised VGG of AdaIN and WCT too), .npz or jaxstyle's own file. The format is
            recognised by the content.
        preprocessing: a `Preprocessing`, "caffe", "torchvision" or "none". By default what the file says, else what
            the catalogue says of a file with its hash, else what its first filters or its layout imply.
        padding: by default what jaxstyle's own file says; for other files "reflect" if the file has a preprocess
            layer (the normalised VGG of AdaIN, WCT and similar), else "zero".
        pooling: by default what jaxstyle's own file says; for other files "max".
        ceil_mode: by default what jaxstyle's own file says; for other files False.
        progress: called with (bytes done, bytes in all or None) during a download.

    Raises:
        SettingError: a name that is neither a file nor in the catalogue; an unknown value of an option.
        WeightsFileError: the file is missing, unreadable, or cannot be downloaded.
        WeightsError: the file is damaged, hostile, or not a VGG19 or VGG16. The message lists all arrays that are
            missing, unknown or of a wrong shape.
    """
    if isinstance(preprocessing, str):
        check_choice("preprocessing", preprocessing, tuple(PREPROCESSING))
        preprocessing = PREPROCESSING[preprocessing]
    given = {"preprocessing": preprocessing, "padding": padding, "pooling": pooling, "ceil_mode": ceil_mode}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if source in SHIPPED:
        return dataclasses.replace(_shipped(str(source)), **changes)
    path, entry = locate(source)
    if entry is not None:
        path = fetch(entry, progress=progress)
    with open_regular(path) as file:
        try:
            return _read(path, file, entry, changes)
        except WeightsError as error:
            raise type(error)(f"{path}: {error}") from error
        except OSError as error:
            raise WeightsFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def convert(source: Source, out: str | os.PathLike[str], *, bits: int = 32, **options: Any) -> Weights:
    """Read `source` by `read_weights`, with its options, and write it as jaxstyle's own file of 8, 16 or 32 bits.

    Raises:
        SettingError: `out` is the source itself, or another number of `bits`.
        WeightsError: as `read_weights` does, or the file cannot be written.
    """
    refuse_overwriting(out, [source], "out")
    weights = read_weights(source, **options)
    write_weights(out, weights, bits=bits)
    return weights


def locate(source: Source, network: str = "vgg19") -> tuple[Path, Entry | None]:
    """The path of `source`, and its entry if it is a name in the catalogue, else None.

    Args:
        source: a path or a name.
        network: a key of `jaxstyle.weights.entry.NETWORKS`: the kind of network that is wanted.

    Raises:
        SettingError: a name that is not in the catalogue, or of another kind of network.
        WeightsFileError: there is no such file.
    """
    if any(entry.name == source for entry in CATALOGUE):
        entry = find(str(source), network)
        return entry.path, entry
    path = Path(source).expanduser()
    looks_like_path = isinstance(source, os.PathLike) or path.suffix or {"/", os.sep} & set(source)
    if not looks_like_path and not os.path.lexists(path):
        find(str(source), network)
    if not os.path.lexists(path):
        raise WeightsFileError(f"{path}: no such file" + _nearby(path))
    return path, None


def _shipped(name: str) -> Weights:
    if name == EMBEDDED:
        from jaxstyle.weights.embedded import embedded_weights

        return embedded_weights()
    from jaxstyle.weights.random_features import random_weights

    return random_weights()


def recognise(file: BinaryIO) -> str:
    """The format of an open file by its first bytes: "h5", "zip", "pickle" or "safetensors"; else a WeightsError."""
    file.seek(0)
    head = file.read(16)
    for kind, magic in (("h5", _HDF5), ("zip", _ZIP), ("pickle", _PICKLE)):
        if head.startswith(magic):
            return kind
    if head[8:9] == b"{":
        return "safetensors"
    if head[4:8] == b"TFL3":
        raise WeightsError("a TFLite file, not a VGG19: `jaxstyle.feedforward.load_magenta` reads Magenta's")
    known = {b"<": "a web page: the download failed", b"MATLAB": "MATLAB's format, which is not read"}
    what = next((text for start, text in known.items() if head.lstrip().startswith(start)), None)
    raise WeightsError(
        f"{what or f'begins with {head[:8]!r}'}; expected Keras' .h5, PyTorch's .pth (a state dict), .npz or "
        "jaxstyle's own .safetensors"
    )


def _read(path: Path, file: BinaryIO, expected: Entry | None, changes: dict[str, Any]) -> Weights:
    digests = digest(file)
    if expected is not None and not expected.matches(digests):
        raise WeightsFileError(expected.refusal(digests, file.tell()))
    kind = recognise(file)
    if kind == "safetensors" and is_ours(file):
        return dataclasses.replace(read_weights_file(file), **changes)
    found = read_safetensors(file) if kind == "safetensors" else parse(file, kind)
    entry = identify(digests)
    order = None if found.preprocessing else caffe_order(found.arrays)
    found = _unturned(path, found, order)
    options: dict[str, Any] = {
        "preprocessing": found.preprocessing or _default(path, entry, found, order),
        "padding": "reflect" if found.preprocessing else "zero",
    } | changes
    if options["preprocessing"] is None:
        raise WeightsError(
            "does not say how its input is prepared (no preprocess layer); pass preprocessing= one of "
            + ", ".join(PREPROCESSING)
        )
    _tell(path, found, order, options["preprocessing"])
    provenance: dict[str, Any] = {"name": entry.name if entry else path.stem, "licence": entry.licence if entry else ""}
    return Weights(found.arrays, sha256=digests["sha256"], **provenance, **options)


def _unturned(path: Path, found: Parsed, order: Order | None) -> Parsed:
    """The arrays with kernels for cross-correlation: Theano's are turned back by 180 degrees.

    If the first filters are known (`order`), they say whether kernels are turned; otherwise the layout does.
    """
    if not (order.flipped if order else found.layout == "theano"):
        return found
    if order is None:
        log.warning(
            "%s: its kernels are in Theano's order of axes, and are taken to be turned by 180 degrees as Theano's are",
            path,
        )
    arrays = {key: np.ascontiguousarray(a[::-1, ::-1]) if a.ndim == 4 else a for key, a in found.arrays.items()}
    return found._replace(arrays=arrays)


def _default(path: Path, entry: Entry | None, found: Parsed, order: Order | None) -> Preprocessing | None:
    """The preprocessing by the catalogue's entry, else by the first filters, else by the layout; None if unknown."""
    # torchvision's names alone do not tell its own network from Caffe's weights that jcjohnson renamed.
    if entry is None and found.layout == "torchvision" and path.name == find("jcjohnson").file:
        entry = find("jcjohnson")
    if entry is not None:
        return PREPROCESSING[entry.preprocessing]
    return order.preprocessing if order else _DEFAULTS.get(found.layout)


def _tell(path: Path, found: Parsed, order: Order | None, chosen: Preprocessing) -> None:
    """Warn if the weights are Caffe's, but the layer names or the chosen preprocessing belong to another network."""
    if order is None:
        return
    if chosen != order.preprocessing:
        log.warning(
            "%s: its numbers are Caffe's, which take %s in 0 to 255 less the mean, and it is given something else: "
            "features will be wrong; leave preprocessing out",
            path,
            order.channels,
        )
    elif _DEFAULTS.get(found.layout, chosen) != chosen:
        log.warning(
            "%s: its names are %s's, its numbers Caffe's: it is given %s in 0 to 255 less the mean",
            path,
            found.layout,
            order.channels,
        )


def _nearby(path: Path) -> str:
    try:
        near = difflib.get_close_matches(path.name, os.listdir(path.parent), 1)  # noqa: PTH208
    except OSError:
        return f"; the folder {path.parent} cannot be read either"
    return f"; did you mean {near[0]!r}?" if near else ""
