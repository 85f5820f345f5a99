"""Files that are no picture we read are called by their name, and told the way out."""

import io

import pytest
from PIL import Image

from jaxstyle.errors import ImageFileError
from jaxstyle.image import read_picture

FILM = "take its frames as PNG first, with `ffmpeg"
FOREIGN = {
    "HEIC": (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC, as phones save photographs: export it as JPEG"),
    "HEIF": (b"\0\0\0\x18ftypmif1" + b"\0" * 40, "HEIC, as phones save photographs: export it as JPEG"),
    "MP4": (b"\0\0\0\x18ftypisom" + b"\0" * 40, FILM),
    "Matroska": (b"\x1a\x45\xdf\xa3" + b"\0" * 40, FILM),
    "JPEG XL": (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 40, "is JPEG XL: save it as PNG or JPEG"),
    "JPEG XL, bare": (b"\xff\x0a" + b"\0" * 40, "is JPEG XL"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40, "is JPEG 2000"),
    "Photoshop": (b"8BPS\0\1" + b"\0" * 40, "is a Photoshop document"),
    "GIMP": (b"gimp xcf v011\0" + b"\0" * 40, "is a GIMP document"),
    "OpenEXR": (b"v/1\x01\2\0\0\0" + b"\0" * 40, "is OpenEXR, .* tone-map it"),
    "HDR": (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "is Radiance HDR"),
    "icon": (b"\0\0\1\0\1\0" + b"\0" * 40, "is an icon"),
    "BigTIFF": (b"II+\0\x08\0\0\0" + b"\0" * 40, "is BigTIFF"),
    "PDF": (b"%PDF-1.7\n", "is a PDF document: export its page"),
    "ZIP": (b"PK\3\4" + b"\0" * 40, "is a ZIP archive: unpack it"),
    "SVG": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg width="10"/>', "is SVG, which is lines"),
    "web page": (b"\n<!DOCTYPE html>\n<html>404</html>", "is a web page, not a picture"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer .* `git lfs pull`"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_it_is_named_with_the_way_out(name):
    data, message = FOREIGN[name]
    with pytest.raises(ImageFileError, match=message):
        read_picture(io.BytesIO(data), name="content")


@pytest.mark.parametrize(
    "data", [b"hello", b"<note>", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\1\1\0", b"\0" * 99]
)
def test_what_nobody_knows_stays_unknown(data):
    with pytest.raises(ImageFileError, match=r"not a picture in a format that jaxstyle reads|damaged"):
        read_picture(io.BytesIO(data))


def test_avif_is_read_where_pillow_reads_it():
    file = io.BytesIO()
    try:
        Image.new("RGB", (32, 24), (200, 60, 20)).save(file, "AVIF", quality=95)
    except KeyError:
        pytest.skip("this Pillow was built without AVIF")
    picture = read_picture(io.BytesIO(file.getvalue()))
    assert picture.rgb.shape == (24, 32, 3)
    assert abs(picture.rgb * 255 - (200, 60, 20)).max() < 4
