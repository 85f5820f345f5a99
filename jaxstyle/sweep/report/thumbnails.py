"""Encodes pictures as small data URIs whose total size stays within a budget."""

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
"""The largest and the smallest long edge of embedded pictures in pixels, for few and for very many pictures."""
QUALITY = 70
BYTES_PER_PIXEL = 0.3
"""Bytes per pixel of a painted picture as WebP at `QUALITY`; photographs take half of it."""


class Thumbnail(NamedTuple):
    """A small picture as a data URI with its (width, height), or the reason why there is none as `fault`."""

    uri: str | None
    fault: str
    size: tuple[int, int] | None = None


def make_thumbnails(folder: Path, names: Sequence[Any], budget: int) -> list[Thumbnail]:
    """Encode pictures of `folder` as WebP, with long edges as large as the budget allows, at most 512 pixels.

    In 50 MB, about 500 pictures have 512 pixels, and 2,000 have 256.

    Args:
        folder: the sweep's folder.
        names: the paths of the pictures below it. None gives a thumbnail without picture and fault.
        budget: the bytes that all pictures may take together.
    """
    count = max(1, sum(name is not None for name in names))
    bytes_each = budget * 3 // 4 // count  # base64 turns three bytes into four
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
    """The long edge in pixels of a square painting that takes about `limit` bytes, from 64 to 512."""
    return min(LARGEST, max(SMALLEST, int((limit / BYTES_PER_PIXEL) ** 0.5)))


def _open(path: Path, where: str, edge: int) -> Image.Image:
    data = read_path(path, where)
    with guarded(where), open_image(data, where) as image:
        image.draft("RGB", (edge, edge))  # a JPEG can be decoded at a smaller size
        small = image.convert("RGBA" if image.has_transparency_data else "RGB")
        small.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return small


def _encode(image: Image.Image, limit: int) -> bytes:
    """Encode as WebP, and shrink the picture until it takes at most `limit` bytes or its long edge is `SMALLEST`."""
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=QUALITY, method=3)
        if buffer.tell() <= limit or max(image.size) <= SMALLEST:
            return buffer.getvalue()
        edge = max(SMALLEST, max(image.size) * 3 // 4)
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
