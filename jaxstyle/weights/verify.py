"""Find out what a weights file is, and whether it is one of the public files."""

from dataclasses import dataclass
from pathlib import Path

from jaxstyle.errors import WeightsFileError
from jaxstyle.weights.catalogue import CATALOGUE, SHIPPED, digest, identify
from jaxstyle.weights.entry import Entry
from jaxstyle.weights.layout import Weights
from jaxstyle.weights.load import Source, locate, read_weights, recognise
from jaxstyle.weights.sandbox import open_regular


@dataclass(frozen=True)
class Verdict:
    """What `verify` found out about a file.

    Attributes:
        path: path of the file; None for a network that comes with jaxstyle.
        format: "h5", "zip", "pickle" or "safetensors", by content; "" for a network that comes with jaxstyle.
        size: size of the file in bytes; 0 for a network that comes with jaxstyle.
        sha256: hash of the file, as hex; "" for a network that comes with jaxstyle.
        entry: the public file that this is, or whose name it has; None for neither.
        matches: whether the file's hash is that of `entry`; None if there is no `entry`.
        weights: the network in the file. It has been read whole, so the file is sound.
    """

    path: Path | None
    format: str
    size: int
    sha256: str
    entry: Entry | None
    matches: bool | None
    weights: Weights


def verify(source: Source) -> Verdict:
    """Read a file, given by path or by a name in the catalogue, and compare it with the public files.

    Nothing is downloaded. Raises what `read_weights` raises, and a WeightsFileError if the file is not in the cache.
    """
    if source in SHIPPED:
        return Verdict(None, "", 0, "", None, None, read_weights(source))
    path, entry = locate(source)
    if entry is not None and not path.exists():
        raise WeightsFileError(f"{path}: no such file; get it with `jaxstyle weights fetch {entry.name}`")
    weights = read_weights(path)
    with open_regular(path) as file:
        digests = digest(file)
        size, format = file.tell(), recognise(file)
    entry = identify(digests) or entry or _namesake(path)
    matches = entry.matches(digests) if entry else None
    return Verdict(path, format, size, digests["sha256"], entry, matches, weights)


def _namesake(path: Path) -> Entry | None:
    return next((entry for entry in CATALOGUE if entry.file == path.name), None)
