"""Files that are missing, foreign, too large or damaged: one kind of error, and no side effects."""

import io
import os
import warnings

import numpy as np
import pytest
from image_files import chunk, encode, gradient, png, samples, tiff
from PIL import Image

from jaxstyle.errors import ImageError, ImageFileError
from jaxstyle.image import Picture, decode, load_image, read_picture

RGB = gradient()
PIL_RGB = Image.fromarray(RGB)


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data), name="content")


def test_file_errors(tmp_path):
    empty = tmp_path / "empty.png"
    empty.touch()
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    text = tmp_path / "text.png"
    text.write_text("not a picture", encoding="utf-8")
    table = {
        empty: "the file is empty",
        pipe: "is not a regular file",
        tmp_path: "is a folder",
        tmp_path / "missing.png": "there is no such file",
        text: r"not a picture in a format that jaxstyle reads \(PNG, JPEG",
        text / "below.png": "cannot be read",
    }
    for path, message in table.items():
        with pytest.raises(ImageFileError, match=message) as caught:
            load_image(path, name="content")
        assert isinstance(caught.value, OSError) and str(caught.value).startswith(f"content: '{path}'")
    with pytest.raises(ImageFileError, match="the file is empty"):
        read(b"")


def test_formats_outside_the_list_are_refused():
    for kind in ("TGA", "PCX", "SGI"):
        with pytest.raises(ImageFileError, match="not a picture in a format"):
            read(encode(PIL_RGB, kind))


def test_size_is_checked_before_decoding(monkeypatch):
    bomb = png(RGB).replace((16).to_bytes(4) + (12).to_bytes(4), (60000).to_bytes(4) * 2)
    header = bomb[:12] + chunk(b"IHDR", bomb[16:29])[4:] + bomb[33:]
    with warnings.catch_warnings(), pytest.raises(ImageFileError):
        warnings.simplefilter("error")
        read(header)
    with pytest.raises(ImageFileError, match="no edge over 65535"):
        read(b"P6 70000 1 255\n" + bytes(210000))
    monkeypatch.setattr(decode, "MAX_PIXELS", 191)
    for source in (io.BytesIO(encode(PIL_RGB, "PNG")), PIL_RGB):
        with pytest.raises(ImageError, match=r"got 16 x 12 pixels, expected 1 to 191 and no edge over 65535"):
            load_image(source)


def test_pictures_that_pillow_warns_of_are_read_quietly(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # warns above, refuses above twice this
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(read(encode(PIL_RGB, "PNG")).rgb, RGB / np.float32(255))
    assert not caught


def test_a_tiff_without_its_last_strips_is_an_error():
    whole = tiff(RGB, 2)
    taller = whole.replace(b"\1\1\4\0\1\0\0\0\x0c", b"\1\1\4\0\1\0\0\0\x18", 1)  # ImageLength 12 to 24
    with pytest.raises(ImageFileError, match="its strips hold 192 of 384 values"):
        read(taller)


def test_a_large_run_length_bmp_is_refused(monkeypatch):
    monkeypatch.setattr(decode, "MAX_RLE_PIXELS", 7)
    with pytest.raises(ImageFileError, match="run-length BMP over 7 pixels"):
        read(samples()["bmp rle"])


def test_warning_filters_are_as_before_when_threads_read_at_once():
    from concurrent.futures import ThreadPoolExecutor

    before = list(warnings.filters)
    data = encode(PIL_RGB, "PNG")
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda _: read(data), range(200)))
    assert all((picture.rgb == pictures[0].rgb).all() for picture in pictures)
    assert list(warnings.filters) == before
