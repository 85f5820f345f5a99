"""Checks of TIFF files. Pillow opens some kinds but gets their pixels wrong: those are refused by name.

`tests/image/test_tiff.py` compares every kind that is accepted with the pixels that another reader gives.
"""

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

from PIL import TiffImagePlugin

from jaxstyle.errors import ImageFileError

WIDTH, BITS, COMPRESSION, SAMPLES, PLANES, FORMAT = 256, 258, 259, 277, 284, 339
_NUMBERS = {1: "unsigned", 2: "signed", 3: "float"}
_REMEDY = "save it as PNG, or as a TIFF of 8 or 16 bits with interleaved channels"


class Kind(NamedTuple):
    """How a TIFF stores its pixels."""

    bits: int
    numbers: str  # unsigned, signed, float, or other
    channels: int
    separate: bool  # one plane after the other instead of interleaved
    compressed: bool

    def __str__(self) -> str:
        planes = "separate planes" if self.separate else "interleaved"
        return f"{self.bits}-bit {self.numbers} numbers in {self.channels} channels ({planes})"


def kind_of(tags: Mapping[int, Any]) -> Kind:
    """The kind of TIFF that the tags of its first page describe."""
    bits, numbers = (tags.get(tag, 1) for tag in (BITS, FORMAT))
    return Kind(
        bits=_first(bits),
        numbers=_NUMBERS.get(_first(numbers), "other"),
        channels=int(tags.get(SAMPLES, 1)),
        separate=tags.get(PLANES) == 2,
        compressed=tags.get(COMPRESSION, 1) != 1,
    )


def check_tiff(image: TiffImagePlugin.TiffImageFile, where: str) -> None:
    """Raise ImageFileError if Pillow would give wrong pixels, ValueError if some pixels are missing from the file."""
    kind = kind_of(image.tag_v2)
    planes = kind.separate and kind.channels > 1
    if (
        (planes and (kind.bits != 8 or image.mode not in ("RGB", "RGBA", "RGBX", "CMYK")))
        or (kind.numbers == "signed" and kind.bits < 32)
        or (kind.bits >= 32 and kind.compressed and image.tag_v2.prefix == b"MM")
    ):
        raise ImageFileError(f"{where}: a TIFF of {kind}, which Pillow does not read right; {_REMEDY}")
    _check_strips(image, planes)


def explain(data: bytes) -> str | None:
    """An error message that describes a TIFF that Pillow does not open; None if `data` is no TIFF with a width."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    return f"a TIFF of {kind_of(tags)}, which is not read; {_REMEDY}" if WIDTH in tags else None


def _check_strips(image: TiffImagePlugin.TiffImageFile, planes: bool) -> None:
    """Raise ValueError if the strips of an uncompressed TIFF do not cover the picture: Pillow leaves the rest black.

    Pillow lists a compressed TIFF as a single tile.
    """
    boxes = [tile.extents or (0, 0, 0, 0) for tile in image.tile]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    expected = image.width * image.height
    if planes and image.tile[0].codec_name != "libtiff":
        expected *= len(image.getbands())
    if covered < expected:
        raise ValueError(f"its strips hold {covered} of {expected} values")


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)
