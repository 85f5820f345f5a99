"""Small picture files of every kind, those that Pillow cannot write included."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from icc_files import DISPLAY_P3, SRGB, cmyk_profile, grey_profile, rgb_profile
from PIL import Image, ImageOps, PngImagePlugin


def gradient(height: int = 12, width: int = 16) -> np.ndarray:
    """(h, w, 3) uint8 with every value of interest: 0, 255 and smooth changes between."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x // (width - 1), 255 * y // (height - 1), 255 * (x + y) // (width + height - 2)]
    return np.stack(planes, axis=2).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array: np.ndarray, *extra: bytes, interlaced: bool = False) -> bytes:
    """A PNG of uint8 or uint16 (h, w) or (h, w, 2 to 4), without filters, in Adam7 order if interlaced."""
    height, width = array.shape[:2]
    color = {1: 0, 2: 4, 3: 2, 4: 6}[array[0, 0].size]
    header = struct.pack(">IIBBBBB", width, height, 8 * array.itemsize, color, 0, 0, interlaced)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    big = array.astype(array.dtype.newbyteorder(">"))
    parts = [big[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [big]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    body = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(array: np.ndarray, photometric: int, *, bits: int | None = None, tile: int = 0) -> bytes:
    """A little-endian TIFF of one strip, or of square zlib-compressed tiles, of any depth."""
    height, width = array.shape[:2]
    samples = array[0, 0].size
    padded = array
    if tile:
        edges = [(0, -height % tile), (0, -width % tile), *[(0, 0)] * (array.ndim - 2)]
        padded = np.pad(array, edges)
        grid = [(y, x) for y in range(0, padded.shape[0], tile) for x in range(0, padded.shape[1], tile)]
        pieces = [zlib.compress(padded[y : y + tile, x : x + tile].tobytes()) for y, x in grid]
    else:
        pieces = [array.tobytes()]
    offsets = list(np.cumsum([8, *map(len, pieces)]))
    depth = [bits or 8 * array.itemsize] * samples
    sizes = [len(piece) for piece in pieces]
    tags = {256: [width], 257: [height], 258: depth, 259: [8 if tile else 1], 262: [photometric], 277: [samples]}
    tags |= {322: [tile], 323: [tile], 324: offsets[:-1], 325: sizes} if tile else {273: [8], 278: [height], 279: sizes}
    body = b"".join(pieces)
    return struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + _directory(tags, 8 + len(body))


def _directory(tags: dict[int, list], start: int) -> bytes:
    """TIFF's list of tags, all of 32-bit integers; lists of more than one value follow it."""
    after = start + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, items in sorted(tags.items()):
        packed = struct.pack(f"<{len(items)}I", *(int(item) for item in items))
        field = packed if len(items) == 1 else struct.pack("<I", after + len(values))
        values += b"" if len(items) == 1 else packed
        entries += struct.pack("<HHI", tag, 4, len(items)) + field
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def samples() -> dict[str, bytes]:
    """A small valid file of every kind that jaxstyle reads, to be damaged."""
    rgb = Image.fromarray(gradient())
    return {
        **_png_samples(rgb),
        **_jpeg_samples(rgb),
        **_tiff_samples(rgb),
        **_webp_samples(rgb),
        **_other_samples(rgb),
    }


def _png_samples(rgb: Image.Image) -> dict[str, bytes]:
    deep = gradient().astype(np.uint16) * 257
    rgba = np.dstack([gradient(), gradient()[..., 0]])
    text = PngImagePlugin.PngInfo()
    text.add_itxt("jaxstyle", '{"steps": 100}', zip=True)
    palette = rgb.quantize(8)
    return {
        "png": encode(rgb, "PNG"),
        "png 1": encode(rgb.convert("1"), "PNG"),
        "png rgba": png(rgba),
        "png la": png(rgba[..., 2:]),
        "png palette": encode(palette, "PNG", transparency=bytes(range(0, 240, 30))),
        "png key": encode(rgb, "PNG", transparency=(0, 0, 0)),
        "png 16 grey": png(deep[..., 0]),
        "png 16 rgb": png(deep, chunk(b"tRNS", bytes(6))),
        "png interlaced": png(gradient(), interlaced=True),
        "png 16 interlaced": png(deep[..., 1], interlaced=True),
        "png icc": encode(rgb, "PNG", icc_profile=rgb_profile(DISPLAY_P3, 2.2)),
        "png grey icc": encode(rgb.convert("L"), "PNG", icc_profile=grey_profile(1.0)),
        "png text": encode(rgb, "PNG", pnginfo=text, exif=with_orientation(6)),
        "apng": encode(rgb, "PNG", save_all=True, append_images=[ImageOps.mirror(rgb), rgb]),
    }


def _jpeg_samples(rgb: Image.Image) -> dict[str, bytes]:
    corner = cmyk_profile(lambda c, m, y, k: (100.0 * (1 - k) * (1 - c / 3 - m / 3 - y / 3), 0.0, 0.0))
    exif = with_orientation(8)
    exif[270] = '{"jaxstyle": {"steps": 100}}'
    return {
        "jpeg": encode(rgb, "JPEG"),
        "jpeg grey": encode(rgb.convert("L"), "JPEG"),
        "jpeg progressive": encode(rgb, "JPEG", progressive=True),
        "jpeg cmyk": encode(rgb.convert("CMYK"), "JPEG"),
        "jpeg cmyk icc": encode(rgb.convert("CMYK"), "JPEG", icc_profile=corner),
        "jpeg exif": encode(rgb, "JPEG", exif=exif, icc_profile=rgb_profile(SRGB, 1.0)),
        "mpo": encode(rgb, "MPO", save_all=True, append_images=[rgb]),
    }


def _tiff_samples(rgb: Image.Image) -> dict[str, bytes]:
    deep = gradient().astype(np.uint16) * 257
    compressions = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd")
    files = {f"tiff {name}": encode(rgb, "TIFF", compression=name) for name in compressions}
    return files | {
        "tiff fax": encode(rgb.convert("1"), "TIFF", compression="group4"),
        "tiff tiles": tiff(gradient(), 2, tile=16),
        "tiff 16": tiff(deep[..., 0], 1),
        "tiff 16 rgb": tiff(deep, 2),
        "tiff 16 tiles": tiff(deep[..., 2], 0, tile=16),
        "tiff float": encode(Image.fromarray(gradient()[..., 0] / np.float32(255)), "TIFF"),
        "tiff palette": encode(rgb.quantize(8), "TIFF"),
        "tiff rgba": encode(rgb.convert("RGBA"), "TIFF", compression="tiff_lzw", exif=with_orientation(3)),
        "tiff cmyk": encode(rgb.convert("CMYK"), "TIFF"),
        "tiff lab": encode(Image.new("LAB", (5, 4), (128, 0, 0)), "TIFF"),
        "tiff pages": encode(rgb, "TIFF", save_all=True, append_images=[rgb]),
    }


def _webp_samples(rgb: Image.Image) -> dict[str, bytes]:
    faint = rgb.convert("RGBA")
    faint.putalpha(100)
    return {
        "webp": encode(rgb, "WEBP"),
        "webp lossless": encode(faint, "WEBP", lossless=True),
        "webp icc": encode(rgb, "WEBP", icc_profile=rgb_profile(DISPLAY_P3, 2.2), exif=with_orientation(5)),
        "webp animated": encode(rgb, "WEBP", save_all=True, append_images=[ImageOps.mirror(rgb)]),
    }


def _other_samples(rgb: Image.Image) -> dict[str, bytes]:
    deep = gradient().astype(">u2") * 257
    grey = deep[..., 0]
    return {
        "gif": encode(rgb, "GIF"),
        "gif animated": encode(
            rgb,
            "GIF",
            save_all=True,
            append_images=[ImageOps.mirror(rgb), rgb],
            transparency=0,
        ),
        "bmp": encode(rgb, "BMP"),
        "bmp palette": encode(rgb.quantize(8), "BMP"),
        "bmp rle": bmp_rle(),
        "ppm": encode(rgb, "PPM"),
        "pgm 16": b"P5 16 12 65535\n" + grey.tobytes(),
        "ppm 16": b"P6 16 12 1023\n" + (deep // 65).astype(">u2").tobytes(),
        "ppm plain": b"P3 # a comment\n2 1 255\n0 128 255  255 0 7\n",
        "pbm plain": b"P1 4 2\n1010 0101\n",
        "pfm": b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", 0.25, 1.0),
    }


def bmp_rle() -> bytes:
    """A 4 x 2 palette BMP in run-length code: a run of 4, end of line, a run of 1, three literal pixels, end."""
    code = bytes((4, 1, 0, 0, 1, 0, 0, 3, 0, 1, 1, 0, 0, 1))
    palette = bytes((0, 0, 0, 0, 255, 255, 255, 0))
    start = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(code), 0, 0, 2, 0)
    return b"BM" + struct.pack("<IHHI", start + len(code), 0, 0, start) + header + palette + code
