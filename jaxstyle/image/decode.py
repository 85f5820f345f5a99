"""Open bytes as a Pillow image: an allow-list of formats, bounded sizes, one kind of error."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from jaxstyle.errors import ImageError, ImageFileError
from jaxstyle.image import foreign, png, tiff

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
MAX_PIXELS = 2**27
"""The most pixels of a picture, 134 million: enough for every 100-megapixel camera, and 1.6 GB as float32 RGB. Larger
pictures are refused before decoding."""
MAX_EDGE = 65535
"""The longest edge in pixels, as in JPEG. The time of Pillow's WebP reader grows with the square of a longer row: 18 s
for 8 million by 12 pixels."""
MAX_RLE_PIXELS = 2**22
"""The most pixels of a run-length encoded BMP. Pillow decodes it byte by byte in Python, so that a file of 4 KB could
keep it busy for a minute."""
MAX_BYTES = 2**30
"""The largest file that is read, in bytes."""

_FILTERS = threading.RLock()


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turn whatever Pillow raises on a bad file into ImageFileError, and silence Pillow's warnings.

    Pillow raises OSError, SyntaxError, ValueError, struct.error, EOFError, IndexError, TypeError, MemoryError, ...,
    so every Exception is caught. Warning filters belong to the whole process: without the lock, two threads that read
    at once could restore each other's filters and leave warnings off for good.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageFileError(
                f"{where}: not a picture in a format that jaxstyle reads ({', '.join(FORMATS)}), or damaged; "
                "save it as PNG with the program that made it"
            ) from error
        except Exception as error:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            raise ImageFileError(f"{where}: damaged or truncated picture ({what}); get the file again") from error


def open_image(data: bytes, where: str) -> Image.Image:
    """Open the image in `data` and check its size; its pixels are not decoded yet. Call it inside `guarded`."""
    lean, profile = png.lean(data, where)
    try:
        image = Image.open(io.BytesIO(lean), formats=FORMATS)
    except UnidentifiedImageError:
        kind = foreign.name_kind(data)
        if kind is None:
            raise
        raise ImageFileError(f"{where}: is {kind}") from None
    if profile is not None:
        image.info["icc_profile"] = profile
    check_size(image.size, where)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tiff.check_tiff(image, where)
    if any(tile.codec_name == "bmp_rle" for tile in image.tile) and image.width * image.height > MAX_RLE_PIXELS:
        raise ImageFileError(f"{where}: run-length BMP over {MAX_RLE_PIXELS} pixels; save it as PNG")
    return image


def check_size(size: tuple[int, int], where: str) -> None:
    """Raise ImageFileError unless (width, height) makes 1 to MAX_PIXELS pixels and has no edge over MAX_EDGE."""
    width, height = size
    if not 0 < width * height <= MAX_PIXELS or max(size) > MAX_EDGE:
        raise ImageFileError(
            f"{where}: got {width} x {height} pixels, expected 1 to {MAX_PIXELS} and no edge over {MAX_EDGE}; "
            "make it smaller first"
        )
