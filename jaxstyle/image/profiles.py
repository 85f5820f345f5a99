"""ICC profiles: conversion of colours to sRGB, and the sRGB profile that saved pictures carry."""

import io
import logging
from functools import cache

import numpy as np
from PIL import Image, ImageCms

logger = logging.getLogger("jaxstyle")

_MODE = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_DATE = slice(24, 36)


@cache
def srgb_icc() -> bytes:
    """The bytes of the sRGB profile. They are always the same: the date of creation is set to 2000-01-01."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[_DATE] = bytes((7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    return bytes(data)


def to_srgb(image: Image.Image, icc: bytes | None, where: str) -> Image.Image:
    """Convert an 8-bit image without alpha to mode "RGB" in sRGB; `icc` is the image's profile, if it has one."""
    if image.mode == "LAB":
        return _transform(image, ImageCms.createProfile("LAB"))
    if icc and icc != srgb_icc():
        try:
            return _by_profile(image, icc)
        except Exception as error:  # Pillow raises many kinds of error on damaged profiles
            logger.warning("%s: its ICC profile is not usable and is ignored (%s)", where, error)
    return image if image.mode == "RGB" else image.convert("RGB")


def deep_grey_to_srgb(grey: np.ndarray, icc: bytes | None, where: str) -> np.ndarray:
    """Convert grey (h, w), float32 in [0, 1], to sRGB (h, w, 3), by interpolation between 256 levels of the profile."""
    if not icc or icc == srgb_icc():
        return np.repeat(grey[..., None], 3, axis=2)
    curve = np.asarray(to_srgb(_levels(), icc, where))[0] / np.float32(255)
    channels = [np.interp(grey, np.arange(256) / 255, curve[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=2).astype(np.float32)


def _by_profile(image: Image.Image, icc: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    mode = _MODE.get(profile.profile.xcolor_space)
    colorful = image.mode not in ("1", "L")
    if mode is None or (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and colorful):
        raise ValueError(f"a {profile.profile.xcolor_space.strip()} profile in a {image.mode} image")
    if mode == "L":
        table = np.asarray(_transform(_levels(), profile, ImageCms.Flags.NOOPTIMIZE))[0]
        return Image.fromarray(table[np.asarray(image.convert("L"))])
    return _transform(image.convert(mode), profile)


def _levels() -> Image.Image:
    """An 8-bit grey image, 1 pixel high, of all 256 levels."""
    return Image.fromarray(np.arange(256, dtype=np.uint8)[None])


def _transform(
    image: Image.Image,
    profile: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile,
    flags: ImageCms.Flags = ImageCms.Flags.NONE,
) -> Image.Image:
    """Convert `image` from `profile` to sRGB.

    LittleCMS's default optimisation is wrong by 10 levels in the shadows of linear grey. For RGB it is wrong by at
    most 1 level, and ten times faster. So only grey is converted without it, as a table of 256 levels.
    """
    converted = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=flags | ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # it is None only for inPlace=True
    return converted
