"""The result of a run: the picture, its history, and all that is needed to make it again."""

import hashlib
import io
import os
import platform
import re
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol, overload, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float, Int
from PIL.Image import Image

import jaxstyle
from jaxstyle.image import Picture, encode_png, save_image, to_pil
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.verdict import Status

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")


@runtime_checkable
class Writable(Protocol):
    """An open binary file, or an object with the same `write`."""

    def write(self, data: bytes, /) -> Any:
        """Write the bytes."""


class Done(NamedTuple):
    """A level that a run has painted: its (height, width), and the steps done at it, each an entry of the history."""

    shape: tuple[int, int]
    steps: int


@dataclass(frozen=True)
class Result:
    """The result of a run that is finished or was stopped.

    Attributes:
        image: the picture, RGB in [0, 1].
        history: values before each step: {"total" or a term: (n,)}. The total is weighted, the terms are not.
        status: "done"; "stopped" by the callback; "not finite": a value became infinite or NaN and `image` is the
            last finite picture; or "no better": the loss rose, or the picture is of one colour or unchanged.
        settings: recipe, seed, size, network, inputs and versions as plain data, which saved files contain.
        alpha: the content's transparency in [0, 1], put back when saving; None if it has none.
        seconds: wall-clock time, compilation included.
        levels: the sizes at which it was painted, in order; the last is the picture's own unless the run was stopped
            before.
        hint: for "not finite" and "no better" what happened and what may help.
        reached: for "stopped" the point where the run was stopped, with the optimiser state: `stylize` with the same
            arguments and `resume=reached` goes on from there; else None.
    """

    image: Float[np.ndarray, "h w 3"] = field(repr=False)
    history: dict[str, Float[np.ndarray, " n"]] = field(repr=False)
    status: Status
    settings: dict[str, Any] = field(repr=False)
    alpha: Float[np.ndarray, "h w"] | None = field(default=None, repr=False)
    seconds: float = 0.0
    levels: tuple[Done, ...] = ()
    hint: str | None = None
    reached: Reached | None = field(default=None, repr=False, compare=False)

    @property
    def level(self) -> Int[np.ndarray, " n"]:
        """The index of the level of each entry of the history."""
        return np.repeat(np.arange(len(self.levels)), [level.steps for level in self.levels])

    @overload
    def save(self, path: str | os.PathLike) -> Path: ...

    @overload
    def save(self, path: Writable) -> None: ...

    def save(self, path: str | os.PathLike | Writable) -> Path | None:
        """Write the picture with its settings inside, atomically, and return the path.

        The suffix of the path chooses PNG, JPEG, WebP or TIFF. An open binary file gets a PNG, and None is returned.

        Raises:
            ImageFileError: the file cannot be written.
        """
        if isinstance(path, str | os.PathLike):
            return save_image(path, self.image, alpha=self.alpha, recipe=self.settings)
        path.write(encode_png(self.image, alpha=self.alpha, recipe=self.settings))
        return None

    def to_pil(self) -> Image:
        """The picture as a PIL image of 8 bits per channel, with alpha if it has one."""
        return to_pil(self.image, self.alpha)

    def _repr_png_(self) -> bytes:
        """The picture as the bytes of a PNG, which notebooks show."""
        buffer = io.BytesIO()
        self.to_pil().save(buffer, "PNG")
        return buffer.getvalue()


class Interrupted(KeyboardInterrupt):
    """A run was interrupted by Ctrl-C, or by Jupyter's stop; `result` is the picture as far as it came."""

    def __init__(self, result: Result):
        super().__init__(f"the picture after {len(result.history['total'])} steps is this exception's `result`")
        self.result = result


def fingerprint(picture: Picture) -> str:
    """SHA-256 of a picture's pixels as jaxstyle reads them, as hex. The file format does not matter."""
    digest = hashlib.sha256(repr(picture.rgb.shape).encode() + picture.rgb.tobytes())
    digest.update(b"" if picture.alpha is None else picture.alpha.tobytes())
    return digest.hexdigest()


def describe(source: Any, picture: Picture) -> dict[str, Any]:
    """Describe an input for the record: the hash of its pixels, a file's name, and its path if that is relative.

    Absolute paths are left out: a picture that is passed on should not tell where its maker keeps files.
    """
    if not isinstance(source, str | os.PathLike):
        return {"sha256": fingerprint(picture)}
    path = Path(source)
    name = {"name": path.name}
    if len(path.parts) > 1 and not path.is_absolute() and ".." not in path.parts:
        name["path"] = path.as_posix()
    return name | {"sha256": fingerprint(picture)}


def describe_model(model: Any) -> dict[str, Any]:
    """Describe a network for the record: its name, the hash of its weights, padding and pooling.

    The hash of a network without one of its own is of its arrays, its fixed settings and the name of its class.
    """
    names = ("name", "sha256", "padding", "pooling", "ceil_mode")
    found = {name: getattr(model, name) for name in names if hasattr(model, name)}
    return found if "sha256" in found else found | {"sha256": _hash_of_network(model)}


def _hash_of_network(model: Any) -> str:
    leaves, structure = jax.tree.flatten(model)
    fixed = sorted(vars(model).items()) if not leaves and hasattr(model, "__dict__") else []
    digest = hashlib.sha256(f"{type(model).__module__}.{type(model).__qualname__}".encode())
    for part in (structure, *leaves, *fixed):
        numbers = hasattr(part, "shape") and hasattr(part, "dtype")
        # Addresses in memory differ from process to process.
        text = f"{part.dtype}{part.shape}" if numbers else re.sub(r" at 0x[0-9a-f]+", "", str(part))
        digest.update(text.encode() + (np.asarray(part).tobytes() if numbers else b""))
    return digest.hexdigest()


def versions(backend: str) -> dict[str, str]:
    """The versions of everything that decides the bits of a result, {name: version}, and the backend."""
    libraries = {name: version(name) for name in LIBRARIES}
    return {"jaxstyle": jaxstyle.__version__, "python": platform.python_version(), **libraries, "backend": backend}
