"""Convert a Pillow image of any mode to a Picture: orientation, depth, palette, alpha, colour space."""

import logging

import numpy as np
from PIL import Image, TiffImagePlugin

from jaxstyle.errors import ImageError
from jaxstyle.image.picture import Picture, from_array, straight
from jaxstyle.image.profiles import deep_grey_to_srgb, to_srgb

logger = logging.getLogger("jaxstyle")

ORIENTATION = 0x0112
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def from_pil(image: Image.Image, where: str) -> Picture:
    """Decode `image` and convert it by the rules of jaxstyle.image. Call it inside `decode.guarded`."""
    top, inverted = _grey_scale(image)
    deep = _is_deep_color(image)
    image.load()
    image = upright(image, where)
    if deep:
        logger.warning("%s: has 16 bits per channel, of which 8 are read; pass a uint16 array to keep all", where)
        image = _shallow_transparency(image)
    if image.mode == "F":
        values = from_array(np.asarray(image), where)
        return values._replace(rgb=1 - values.rgb) if inverted else values
    if image.mode.startswith("I"):
        return _from_deep_grey(image, top, inverted, where)
    return _from_eight_bit(image, where)


def upright(image: Image.Image, where: str) -> Image.Image:
    """The image turned or mirrored as its EXIF orientation says."""
    try:
        method = _UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except Exception as error:  # Pillow raises many kinds of error on damaged EXIF
        logger.warning("%s: its EXIF data is damaged and is ignored (%s)", where, error)
        return image
    return image if method is None else image.transpose(method)


def _from_eight_bit(image: Image.Image, where: str) -> Picture:
    icc, alpha = image.info.get("icc_profile"), None
    if image.mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa") and image.has_transparency_data:
        grey = image.mode in ("1", "L", "LA", "La")
        image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")  # Pillow has no La to RGBA
        alpha = np.asarray(image.getchannel("A")) / np.float32(255)
        image = image.convert("L" if grey else "RGB")
    rgb = np.asarray(to_srgb(image, icc, where)) / np.float32(255)
    return straight(rgb, alpha)


def _from_deep_grey(image: Image.Image, top: int, inverted: bool, where: str) -> Picture:
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(f"{where}: got 32-bit integers from {low} to {high}, expected 0 to 65535; rescale them")
    grey = np.minimum(values.astype(np.float32) / np.float32(top), np.float32(1))
    clear = image.info.get("transparency")
    alpha = (values != clear).astype(np.float32) if isinstance(clear, int) else None
    return straight(deep_grey_to_srgb(1 - grey if inverted else grey, image.info.get("icc_profile"), where), alpha)


def _grey_scale(image: Image.Image) -> tuple[int, bool]:
    """(the full-scale value of 16-bit grey, whether full scale is black). In a TIFF, Pillow ignores both."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 65535, False
    twelve = image.tag_v2.get(BITS_PER_SAMPLE) == (12,)
    return (4095 if twelve else 65535), image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _is_deep_color(image: Image.Image) -> bool:
    """Whether the file has 16-bit colour. Only Pillow's list of tiles says so, and only before decoding."""
    for tile in getattr(image, "tile", ()):
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if image.mode in ("RGB", "RGBA", "RGBX", "CMYK") and ";16" in str(args[0]) and "BGR" not in str(args[0]):
            return True
        if tile.codec_name == "ppm" and image.mode == "RGB" and args[-1] > 255:
            return True
    return False


def _shallow_transparency(image: Image.Image) -> Image.Image:
    """The image with its transparent colour reduced from 16 to 8 bits, as Pillow has reduced the pixels."""
    clear = image.info.get("transparency")
    if isinstance(clear, tuple):
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return image
