"""Say what a weights file is, for people."""

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
    """What `verify` found.

    Attributes:
        path: of the file; None for one that comes with jaxstyle.
        format: "h5", "zip", "pickle" or "safetensors", by content; "" for one that comes with jaxstyle.
        size: in bytes.
        sha256: of the file itself.
        entry: the public file that this is, or by its name claims to be.
        matches: whether its hash is that entry's; None when it is no public file.
        weights: what it holds; it has been read whole, so it is sound.
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

    Nothing is downloaded. Raises what `read_weights` raises.
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
