"""Loads fast networks by name or from a file, and converts public files to jaxstyle's own."""

import hashlib
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError, suggest
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.store import read_network
from jaxstyle.files import refuse_overwriting

LOADERS: dict[str, tuple[str, str]] = {
    "magenta": ("magenta", "Magenta"),
    "adain": ("adain", "AdaIN"),
    "wct": ("wct", "WCT"),
    "johnson": ("johnson", "Johnson"),
}
"""{kind of a saved network: (its module, its class)}; the class has a method `from_arrays`."""

NAMES = ("magenta",)
"""The names of networks whose files are downloaded on first use."""


_PUBLIC = (".pth", ".pt", ".tflite")


def load_fast(source: Any = "magenta", *, progress: Callable[[int, int | None], None] | None = None) -> FastModel:
    """Load a fast network by name or from a file; a network is returned as it is.

    Example:
        >>> net = jaxstyle.load_fast("magenta")  # 3 MB, downloaded on first use
        >>> net = jaxstyle.load_fast("wave.safetensors")  # of any kind that jaxstyle saved

    Args:
        source: "magenta"; the path of a network that jaxstyle saved, or of a Johnson-type .npz file; a network; or a
            function that returns a network.
        progress: called with (bytes done, total bytes or None) during a download.

    Raises:
        SettingError: the source is none of these.
        WeightsFileError: the file is missing, unreadable or cannot be downloaded.
        WeightsError: the file is damaged, hostile, or not a fast network that jaxstyle saved.
    """
    if isinstance(source, str | os.PathLike):
        return _by_name(source, progress)
    found = source if _is_network(source) or not callable(source) else source()
    if not _is_network(found):
        raise SettingError(
            f"model: got {type(found).__name__}, expected a fast network (load_magenta(), load_adain(...), ...), "
            f"the name {NAMES[0]!r}, the path of one, or a function that gives one"
        )
    return found


def _is_network(found: Any) -> bool:
    return isinstance(found, FastModel) and not isinstance(found, type)


def _by_name(source: str | os.PathLike[str], progress: Any) -> FastModel:
    if source in NAMES:
        from jaxstyle.feedforward.magenta import load_magenta

        return load_magenta(progress=progress)
    path = Path(source).expanduser()
    if not os.path.lexists(path):
        if path.suffix or path.name != str(source):
            raise WeightsFileError(f"model: {path}: no such file")
        raise SettingError(f"model: got {str(source)!r}, which is neither a file nor a name; {suggest(source, NAMES)}")
    if path.suffix.lower() == ".npz":
        from jaxstyle.feedforward.johnson import load_johnson

        return load_johnson(path)
    if path.suffix.lower() in _PUBLIC:
        raise WeightsError(f"{path}: a public file; `jaxstyle weights convert-fast` makes a network of it first")
    kind, arrays, metadata = read_network(path)
    if kind not in LOADERS:
        raise WeightsError(f"{path}: is a network of the kind {kind[:40]!r}, expected one of {', '.join(LOADERS)}")
    module, name = LOADERS[kind]
    try:
        return getattr(import_module(f"jaxstyle.feedforward.{module}"), name).from_arrays(arrays, metadata)
    except WeightsError as error:
        raise type(error)(f"{path}: {error}") from error


def convert_fast(
    kind: str,
    files: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    decoders: Sequence[str | os.PathLike[str]] = (),
) -> Path:
    """Convert a network's public files to one file of jaxstyle's own format (safetensors), which `load_fast` reads.

    Args:
        kind: the kind of network, a key of `LOADERS`.
        files: the public files. "magenta": style predictor and transformer (.tflite). "johnson": one file. "adain": the
            encoder. "wct": the encoders, one for each decoder or one for all.
        out: the file to write.
        decoders: the decoders: one for "adain", one for each level for "wct".

    Returns:
        The path of the file.

    Raises:
        SettingError: the kind is unknown, there are too few or too many files, or `out` is one of them.
        WeightsError: a file is not what it should be, or `out` cannot be written.
    """
    if kind not in LOADERS:
        raise SettingError(f"kind: got {kind!r}; {suggest(kind, LOADERS)}")
    counts = {"magenta": (2, 0), "johnson": (1, 0), "adain": (1, 1)}
    if (len(files), len(decoders)) != counts.get(kind, (len(files), len(decoders))):
        expected = "{} and {}".format(*counts[kind])
        raise SettingError(f"files: got {len(files)} and {len(decoders)} decoders, expected {expected} for {kind!r}")
    target = Path(out).expanduser()
    refuse_overwriting(target, [*files, *decoders], "out")
    if not target.parent.is_dir():
        raise WeightsFileError(f"{target}: there is no folder {str(target.parent)!r}; make it first")
    return _load_public(kind, files, decoders).save(target)


def _load_public(kind: str, files: Sequence[Any], decoders: Sequence[Any]) -> Any:
    load = getattr(import_module(f"jaxstyle.feedforward.{LOADERS[kind][0]}"), f"load_{kind}")
    if kind == "adain":
        return load(encoder=files[0], decoder=decoders[0])
    return load(encoders=files, decoders=decoders) if kind == "wct" else load(*files)


def describe_network(model: FastModel) -> dict[str, str]:
    """The description of a network for a result's settings: its name, and a SHA-256 hash of its arrays."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(model.arrays() if hasattr(model, "arrays") else model):
        if hasattr(leaf, "dtype"):  # a user's own network may have leaves that are not arrays
            array = np.asarray(leaf)
            digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return {"name": str(model.name), "sha256": digest.hexdigest()}
