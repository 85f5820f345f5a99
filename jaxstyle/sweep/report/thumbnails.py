"""Pictures to data URIs that together stay within a budget."""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from jaxstyle.errors import ImageError
from jaxstyle.image.decode import guarded, open_image
from jaxstyle.image.read import read_path
from jaxstyle.sweep.untrusted import find_inside

LARGEST, SMALLEST = 512, 64
"""Long edge of embedded pictures in pixels: of few, and of very many."""
QUALITY = 70
BYTES_PER_PIXEL = 0.3
"""Bytes per pixel of a painted picture as WebP at this quality; photographs take half."""


class Thumbnail(NamedTuple):
    """A small picture as a data URI with its (width, height), or why there is none."""

    uri: str | None
    fault: str
    size: tuple[int, int] | None = None


def make_thumbnails(folder: Path, names: Sequence[Any], budget: int) -> list[Thumbnail]:
    """Each picture of `folder` as WebP whose long edge is as large as the bytes of `budget` allow, at most 512 pixels.

    512 pixels for up to some 500 pictures in 50 MB, 256 for 2,000. Names that are None give no picture and no fault.
    """
    count = max(1, sum(name is not None for name in names))
    bytes_each = budget * 3 // 4 // count  # base64 makes four of three
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda name: _thumbnail(folder, name, bytes_each), names))


def _thumbnail(folder: Path, name: Any, limit: int) -> Thumbnail:
    if name is None:
        return Thumbnail(None, "")
    try:
        path = find_inside(folder, name)
        image = _open(path, repr(name)[:200], edge_for(limit))
    except ImageError as error:
        return Thumbnail(None, str(error))
    data = base64.b64encode(_encode(image, limit)).decode("ascii")
    return Thumbnail(f"data:image/webp;base64,{data}", "", image.size)


def edge_for(limit: int) -> int:
    """The long edge in pixels of a square painting that takes `limit` bytes."""
    return min(LARGEST, max(SMALLEST, int((limit / BYTES_PER_PIXEL) ** 0.5)))


def _open(path: Path, where: str, edge: int) -> Image.Image:
    data = read_path(path, where)
    with guarded(where), open_image(data, where) as image:
        image.draft("RGB", (edge, edge))  # JPEG can be decoded small
        small = image.convert("RGBA" if image.has_transparency_data else "RGB")
        small.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return small


def _encode(image: Image.Image, limit: int) -> bytes:
    """WebP of at most `limit` bytes; smaller where it has to be."""
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=QUALITY, method=3)
        if buffer.tell() <= limit or max(image.size) <= SMALLEST:
            return buffer.getvalue()
        edge = max(SMALLEST, max(image.size) * 3 // 4)
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
