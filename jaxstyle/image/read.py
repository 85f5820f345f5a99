"""Read any source (path, file, PIL image, array) as a Picture."""

import logging
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxstyle.errors import ImageError, ImageFileError, SettingError, is_whole
from jaxstyle.image.decode import MAX_BYTES, check_size, guarded, open_image
from jaxstyle.image.modes import from_pil
from jaxstyle.image.picture import Picture, from_array
from jaxstyle.image.size import fit, resize_picture

READABLE = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif"),
    *(".tif", ".tiff", ".bmp", ".dib", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Suffixes of the files that are read from a folder. A file given by its path is read whatever its suffix."""
logger = logging.getLogger("jaxstyle")
_URL = re.compile(r"(https?|ftp|file|data|s3|gs):", re.IGNORECASE)


def load_image(source: Any, *, size: int | None = None, name: str = "image") -> np.ndarray:
    """Read `source` as (h, w, 3) float32 in [0, 1], with its long edge resized to `size` pixels if that is given.

    Alpha is left out; `read_picture` keeps it.

    >>> load_image("photo.jpg", size=512).shape
    (341, 512, 3)

    Raises:
        ImageError: as `read_picture` does.
        SettingError: if `size` is not a whole number from 1 to MAX_EDGE, or makes more than MAX_PIXELS pixels.
    """
    if size is not None and not is_whole(size, 1):
        raise SettingError(f"size: got {size!r}, expected the long edge in pixels, an integer of at least 1")
    picture = read_picture(source, name=name)
    return picture.rgb if size is None else resize_picture(picture, fit(picture.rgb.shape[:2], int(size))).rgb


def read_picture(source: Any, *, name: str = "image") -> Picture:
    """Read a path, binary file, PIL image, NumPy or JAX array as a Picture, by the rules in jaxstyle.image.

    Args:
        source: the picture; a file is read from its beginning if it can be rewound.
        name: the picture's name in error messages, such as "content" or "style[1]".

    Raises:
        ImageError: if the source cannot be read as a picture; ImageFileError if the fault is in a file.
    """
    if isinstance(source, str | os.PathLike):
        where = f"{name}: {os.fspath(source)!r}"
        return _from_bytes(read_path(source, where), where)
    if isinstance(source, Image.Image):
        with guarded(name):
            check_size(source.size, name)
            return from_pil(source, name)
    if hasattr(source, "read"):
        return _from_bytes(_read_stream(source, name), name)
    if hasattr(source, "__array__"):
        return from_array(_as_array(source, name), name)
    hint = "; wrap them in io.BytesIO" if isinstance(source, bytes | bytearray | memoryview) else ""
    raise ImageError(
        f"{name}: got {type(source).__name__}, expected a path, a binary file, a PIL image or an array{hint}"
    )


def is_picture_name(path: Path) -> bool:
    """Whether a file in a folder counts as a picture: by its suffix, and not if it is hidden ("._photo.jpg")."""
    return path.suffix.lower() in READABLE and not path.name.startswith(".") and path.is_file()


def pictures_in(folder: Path, name: str = "") -> list[Path]:
    """The pictures in a folder, sorted. Raises ImageFileError, which begins with `name`, if there are none."""
    where = f"{name}: {folder}" if name else f"{folder}:"
    try:
        found = sorted(filter(is_picture_name, folder.iterdir()))
    except OSError as error:
        raise ImageFileError(f"{where} cannot be read ({error.strerror})") from error
    if not found:
        raise ImageFileError(f"{where} has no pictures; expected files ending in {', '.join(READABLE)}")
    return found


def _from_bytes(data: bytes, where: str) -> Picture:
    if not data:
        raise ImageFileError(f"{where}: the file is empty; get it again")
    if len(data) > MAX_BYTES:
        raise ImageFileError(f"{where}: the file is larger than {MAX_BYTES} bytes; make it smaller first")
    with guarded(where), open_image(data, where) as image:
        if getattr(image, "is_animated", False) and image.format != "MPO":  # phones keep other views of a photo in it
            logger.warning("%s: has several frames or pages, of which the first is read", where)
        return from_pil(image, where)


def read_path(source: str | os.PathLike, where: str) -> bytes:
    """The bytes of a regular file of at most MAX_BYTES. Raises ImageFileError, which begins with `where`, otherwise."""
    if _URL.match(str(source)):
        raise ImageFileError(f"{where}: is a URL, and nothing is fetched; download it first, then give its path")
    try:
        path = Path(source)
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise ImageFileError(f"{where}: is a folder; expected a picture file")
        if not stat.S_ISREG(info.st_mode):  # a pipe would wait for ever
            raise ImageFileError(f"{where}: is not a regular file; expected a picture file")
        if info.st_size > MAX_BYTES:
            raise ImageFileError(f"{where}: has {info.st_size} bytes, at most {MAX_BYTES} are read; make it smaller")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageFileError(f"{where}: there is no such file; check the path") from error
    except ImageError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise ImageFileError(f"{where}: cannot be read ({error})") from error


def _read_stream(source: Any, where: str) -> bytes:
    try:
        if hasattr(source, "seekable") and source.seekable():
            source.seek(0)
        data = source.read(MAX_BYTES + 1)
    except Exception as error:  # whatever a foreign file object raises
        raise ImageFileError(f"{where}: the file object cannot be read ({error})") from error
    if not isinstance(data, bytes | bytearray):
        raise ImageFileError(f"{where}: reading gave {type(data).__name__}, expected bytes; open it in binary mode")
    return bytes(data)


def _as_array(source: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(source)
    except Exception as error:  # a traced JAX value, a tensor that needs a gradient, ...
        reason = str(error).partition("\n")[0]
        raise ImageError(f"{name}: {type(source).__name__} cannot be made a NumPy array ({reason})") from error
