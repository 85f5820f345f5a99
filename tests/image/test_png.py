"""PNG with long metadata: its picture is read, its profile and its orientation too."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from jaxstyle.image import read_picture, read_recipe, save_image
from jaxstyle.image.png import MAX_PROFILE, SIGNATURE, lean

PIXELS = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # has the time in it: made once
LONG = b"a" * (MAX_TEXT_CHUNK + 1)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*extra, pixels=PIXELS):
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def profile(length):
    """sRGB, made longer by a tail that nothing refers to."""
    data = bytearray(PROFILE)
    data += bytes(length - len(data))
    data[:4] = struct.pack(">I", len(data))
    return bytes(data)


LONG_ONES = {
    "tEXt": chunk(b"tEXt", b"prompt\0" + LONG),
    "zTXt": chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(LONG)),
    "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0en\0\0" + LONG),
    "iTXt, compressed": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
}


@pytest.mark.parametrize("name", LONG_ONES)
def test_long_texts_are_left_out(name):
    data = png(LONG_ONES[name])
    np.testing.assert_array_equal(read_picture(io.BytesIO(data)).rgb, PIXELS / np.float32(255))
    assert lean(data, "") == (png(), None)


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"tEXt", b"prompt\0" + LONG[1:]),
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(LONG[1:])),
        chunk(b"zTXt", b"prompt\0\0damaged"),
        chunk(b"iTXt", b"prompt\0\0\0\0\0" + LONG[1:]),
        chunk(b"eXIf", LONG),
    ],
)
def test_all_else_stays_byte_for_byte(text):
    assert lean(png(text), "") == (png(text), None)
    assert lean(png(text)[:-5], "") == (png(text)[:-5], None)
    assert lean(b"GIF89a" + png(text), "") == (b"GIF89a" + png(text), None)


def test_a_long_profile_is_used(caplog):
    swapped = Image.merge("RGB", Image.fromarray(PIXELS).split())
    for length in (3144, 2 * MAX_TEXT_CHUNK, MAX_PROFILE):
        data = png(chunk(b"iCCP", b"p\0\0" + zlib.compress(profile(length))))
        assert lean(data, "") == (png(), profile(length))
    assert abs(read_picture(io.BytesIO(data)).rgb * 255 - np.asarray(swapped)).max() < 2
    assert not caplog.records


@pytest.mark.parametrize("body", [zlib.compress(bytes(MAX_PROFILE + 1)), b"damaged", b""])
def test_a_profile_that_is_none_is_ignored_and_said(body, caplog):
    data = png(chunk(b"iCCP", b"p\0\0" + body))
    np.testing.assert_array_equal(read_picture(io.BytesIO(data)).rgb, PIXELS / np.float32(255))
    assert "its ICC profile is damaged or over 16777216 bytes" in caplog.text


def test_the_recipe_is_found_beside_a_long_text(tmp_path):
    path = save_image(tmp_path / "a.png", PIXELS / 255, recipe={"steps": 3})
    data = path.read_bytes()
    path.write_bytes(data[:33] + LONG_ONES["tEXt"] + data[33:])
    assert read_recipe(path) == {"steps": 3}
