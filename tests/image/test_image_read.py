"""Files in: every mode, depth, profile and orientation by its rule, with values known beforehand."""

import io
import itertools
import logging
from pathlib import Path

import numpy as np
import pytest
from image_files import chunk, encode, gradient, png, samples, tiff, with_orientation
from PIL import Image

from jaxstyle import image as jaxstyle_image
from jaxstyle.errors import ImageError
from jaxstyle.image import load_image, read_picture

RGB = gradient()
PIL_RGB = Image.fromarray(RGB)


def read(data: bytes) -> jaxstyle_image.Picture:
    return read_picture(io.BytesIO(data), name="content")


def same(got: np.ndarray, expected_uint8: np.ndarray) -> None:
    np.testing.assert_array_equal(got, expected_uint8.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_files_give_their_pixels(kind):
    rgb, alpha = read(encode(PIL_RGB, kind))
    same(rgb, RGB)
    assert alpha is None and rgb.dtype == np.float32


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "GIF", "JPEG", "WEBP", "MPO"])
def test_the_formats(kind):
    grey = Image.fromarray(np.full((8, 8, 3), 119, np.uint8))
    same(read(encode(grey, kind)).rgb, np.full((8, 8, 3), 119))


@pytest.mark.parametrize("name", sorted(samples()))
def test_every_sample_is_a_picture(name):
    rgb, alpha = read(samples()[name])
    assert rgb.flags.writeable and rgb.flags.c_contiguous
    assert 0 <= rgb.min() < rgb.max() <= 1 or "lab" in name
    assert alpha is None or alpha.shape == rgb.shape[:2]


def test_sources_agree(tmp_path):
    path = tmp_path / "wrong suffix.jpg"
    path.write_bytes(encode(PIL_RGB, "PNG"))
    with path.open("rb") as file:
        file.seek(20)  # as after writing to a buffer: read from the beginning all the same
        sources = [str(path), path, file, io.BytesIO(path.read_bytes()), PIL_RGB, Image.open(path), RGB]
        for source in sources:
            same(load_image(source), RGB)


def test_a_stream_that_cannot_be_rewound():
    class Pipe:
        data = io.BytesIO(encode(PIL_RGB, "PNG"))

        def read(self, size):
            return self.data.read(size)

    same(load_image(Pipe()), RGB)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_and_one_bit(mode):
    image = PIL_RGB.convert(mode)
    expected = np.asarray(image.convert("L"))
    same(read(encode(image, "PNG")).rgb, np.repeat(expected[..., None], 3, axis=2))


def palette_image() -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    return image


def test_palette():
    rgb, alpha = read(encode(palette_image(), "PNG"))
    np.testing.assert_array_equal(rgb[0], np.eye(3))
    assert alpha is None


def test_palette_with_transparency():
    rgb, alpha = read(encode(palette_image(), "PNG", transparency=bytes((0, 51, 255))))
    np.testing.assert_array_equal(rgb[0], [[1, 1, 1], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(alpha, np.array([[0, 0.2, 1]], np.float32))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_straight_alpha(kind):
    rgba = np.array([[[10, 20, 30, 0], [10, 20, 30, 1], [10, 20, 30, 255]]], np.uint8)
    rgb, alpha = read(encode(Image.fromarray(rgba), kind, **({"lossless": True} if kind == "WEBP" else {})))
    same(rgb[0], np.array([[255, 255, 255], [10, 20, 30], [10, 20, 30]]))
    same(alpha[0], np.array([0, 1, 255]))


def test_grey_with_alpha():
    la = np.array([[[7, 0], [7, 128]]], np.uint8)
    rgb, alpha = read(png(la))
    same(rgb[0], np.array([[255] * 3, [7] * 3]))
    same(alpha[0], np.array([0, 128]))


def test_transparent_color_of_rgb_and_grey():
    rgb, alpha = read(encode(PIL_RGB, "PNG", transparency=(0, 0, 0)))
    assert alpha[0, 0] == 0 and alpha.sum() == alpha.size - 1 and (rgb[0, 0] == 1).all()
    deep = np.array([[5, 6]], np.uint16)
    rgb, alpha = read(png(deep, chunk(b"tRNS", b"\0\5")))
    np.testing.assert_array_equal(alpha, [[0, 1]])
    assert (rgb[0, 0] == 1).all() and rgb[0, 1, 0] == np.float32(6 / 65535)


@pytest.mark.parametrize("make", [png, lambda grey: tiff(grey, 1), lambda grey: encode(Image.fromarray(grey), "TIFF")])
def test_16_bit_grey_has_full_precision(make):
    grey = np.array([[0, 1, 255, 256, 32768, 65535]], np.uint16)
    np.testing.assert_array_equal(read(make(grey)).rgb[..., 2], grey / np.float32(65535))


def test_16_bit_pgm_and_its_scale():
    rgb = read(b"P5 3 1 65535\n" + np.array([0, 1, 65535], ">u2").tobytes()).rgb
    np.testing.assert_array_equal(rgb[0, :, 0], np.array([0, 1, 65535], np.float32) / np.float32(65535))


def test_16_bit_tiff_where_zero_is_white():
    grey = np.array([[0, 1, 65535]], np.uint16)
    np.testing.assert_array_equal(read(tiff(grey, 0)).rgb[0, :, 0], 1 - grey[0] / np.float32(65535))


def test_12_bit_tiff():
    packed = np.array([[0xFF, 0xF0, 0x00]], np.uint8)  # 4095 and 0
    data = tiff(packed, 1, bits=12).replace(b"\0\1\4\0\1\0\0\0\3\0\0\0", b"\0\1\4\0\1\0\0\0\2\0\0\0", 1)
    np.testing.assert_array_equal(read(data).rgb[0, :, 0], [1, 0])


@pytest.mark.parametrize("make", [png, lambda deep: tiff(deep, 2), lambda deep: tiff(deep, 2, tile=16)])
def test_16_bit_color_is_read_at_8_bits_and_says_so(make, caplog):
    deep = RGB.astype(np.uint16) * 256 + 77
    same(read(make(deep)).rgb, RGB)
    assert "content: has 16 bits per channel, of which 8 are read" in caplog.text
    assert caplog.records[0].name == "jaxstyle" and caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize("name", sorted(name for name in samples() if "16" not in name))
def test_8_bit_files_do_not_warn_of_depth(name, caplog):
    read(samples()[name])
    assert "16 bits" not in caplog.text


def test_float_grey_must_lie_in_the_unit_interval():
    grey = np.array([[0, 0.1, 1]], np.float32)
    np.testing.assert_array_equal(read(encode(Image.fromarray(grey), "TIFF")).rgb[..., 0], grey)
    with pytest.raises(ImageError, match="looks like 0-255"):
        read(encode(Image.fromarray(grey * 255), "TIFF"))
    with pytest.raises(ImageError, match="NaN"):
        read(encode(Image.fromarray(grey * np.nan), "TIFF"))


def test_32_bit_integer_grey():
    grey = np.array([[0, 257, 65535]], np.int32)
    expected = grey.astype(np.float32) / np.float32(65535)
    np.testing.assert_array_equal(load_image(Image.fromarray(grey))[..., 0], expected)
    with pytest.raises(ImageError, match=r"32-bit integers from -1 to 65534, expected 0 to 65535"):
        load_image(Image.fromarray(grey - 1))


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "RGBX", "RGBa", "La", "PA", "LAB"])
def test_other_modes_of_pillow(mode):
    color = (255, 255, 255) if mode != "HSV" else (0, 0, 255)
    color = {"YCbCr": (255, 128, 128), "LAB": (255, 128, 128), "La": (255, 255), "PA": (0, 255)}.get(mode, color)
    color = (255,) * 4 if mode in ("RGBX", "RGBa") else color
    image = Image.new(mode, (2, 2), color)
    if mode == "PA":
        image.putpalette([255, 255, 255])
    np.testing.assert_allclose(load_image(image), 1, atol=1 / 255)


def test_cmyk_without_profile_is_pillows_formula():
    image = Image.new("CMYK", (1, 1), (255, 0, 51, 128))
    expected = np.array([0, 127 / 255, 0.8 * 127 / 255])
    np.testing.assert_allclose(read(encode(image, "TIFF")).rgb[0, 0], expected, atol=1 / 255)


ORIENTED = {  # what is seen, from the stored array
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize(("kind", "orientation"), list(itertools.product(["PNG", "TIFF", "WEBP"], ORIENTED)))
def test_exif_orientation_is_applied(kind, orientation):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(PIL_RGB, kind, exif=with_orientation(orientation), **options)
    same(read(data).rgb, ORIENTED[orientation](RGB))
    same(load_image(Image.open(io.BytesIO(data))), ORIENTED[orientation](RGB))


def test_orientation_of_jpeg_and_16_bit_grey():
    assert read(encode(PIL_RGB, "JPEG", exif=with_orientation(6))).rgb.shape == (16, 12, 3)
    exif = with_orientation(8).tobytes().removeprefix(b"Exif\0\0")
    deep = RGB.astype(np.uint16)[..., 0] * 257
    same(read(png(deep, chunk(b"eXIf", exif))).rgb[..., 0], np.rot90(RGB[..., 0]))


def test_damaged_exif_is_ignored():
    data = encode(PIL_RGB, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(50))
    assert read(data).rgb.shape == (12, 16, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_of_several_frames_the_first(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("white", "black", "red")]
    assert (read(encode(frames[0], kind, save_all=True, append_images=frames[1:])).rgb == 1).all()


def test_a_pil_image_is_read_at_its_frame():
    frames = [Image.new("RGB", (8, 8), color) for color in ("white", "black")]
    image = Image.open(io.BytesIO(encode(frames[0], "TIFF", save_all=True, append_images=frames[1:])))
    image.seek(1)
    assert (load_image(image) == 0).all()


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "chelsea.png", "hubble_deep_field.jpg"])
def test_real_photographs(name):
    data = pytest.importorskip("skimage.data")
    expected = getattr(data, name.partition(".")[0])()
    path = Path(data.__file__).parent / name
    np.testing.assert_allclose(load_image(expected), expected / 255, atol=1e-7)
    if path.exists():
        np.testing.assert_allclose(load_image(path), expected / 255, atol=2.5 / 255)
    assert max(load_image(expected, size=100).shape) == 100
