"""Arrays in: dtypes, shapes, ranges, alpha; and what is refused, with a message that says what to do."""

import io
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest
from image_files import gradient

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image import load_image, read_picture


def test_uint8_is_divided_by_255():
    rgb, alpha = read_picture(np.arange(256, dtype=np.uint8).reshape(16, 16))
    np.testing.assert_array_equal(rgb[..., 1].ravel(), np.arange(256, dtype=np.float32) / np.float32(255))
    assert rgb.shape == (16, 16, 3) and rgb.dtype == np.float32 and alpha is None


def test_uint16_is_divided_by_65535():
    rgb = load_image(np.array([[[0, 1, 65535]]], np.uint16))
    np.testing.assert_array_equal(rgb[0, 0], np.array([0, 1, 65535], np.float32) / np.float32(65535))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, jnp.bfloat16])
def test_floats_are_kept(dtype):
    values = np.array([[[0, 0.25, 1]]]).astype(dtype)
    np.testing.assert_array_equal(load_image(values), [[[0, 0.25, 1]]])


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_grey_becomes_three_equal_channels(shape):
    grey = np.linspace(0, 1, 20, dtype=np.float32).reshape(shape)
    np.testing.assert_array_equal(load_image(grey), np.repeat(grey.reshape(4, 5, 1), 3, axis=2))


def test_jax_arrays():
    values = np.random.default_rng(0).random((3, 5, 3), np.float32)
    np.testing.assert_array_equal(load_image(jnp.asarray(values)), values)
    np.testing.assert_array_equal(load_image(jnp.asarray(values, jnp.bfloat16)), jnp.asarray(values, jnp.bfloat16))


def test_alpha_is_split_off_and_transparent_pixels_are_white():
    rgba = np.array([[[0.1, 0.2, 0.3, 0.0], [0.1, 0.2, 0.3, 0.5]]], np.float32)
    rgb, alpha = read_picture(rgba)
    np.testing.assert_array_equal(rgb, np.array([[[1, 1, 1], [0.1, 0.2, 0.3]]], np.float32))
    np.testing.assert_array_equal(alpha, [[0, 0.5]])


@pytest.mark.parametrize("channels", [3, 4])
def test_the_picture_has_memory_of_its_own(channels):
    array = np.zeros((2, 2, channels), np.float32)
    read_picture(array).rgb[:] = 0.5
    assert (array == 0).all()


def test_rounding_is_clipped():
    rgb = load_image(np.array([[[-5e-7, 0.5, 1 + 5e-7]]], np.float64))
    np.testing.assert_array_equal(rgb, [[[0, 0.5, 1]]])


def test_size_is_the_long_edge():
    assert load_image(gradient(12, 16), size=8).shape == (6, 8, 3)
    assert load_image(gradient(16, 12), size=32).shape == (32, 24, 3)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "8"])
def test_wrong_size(size):
    with pytest.raises(SettingError, match=r"^size: got .* expected the long edge in pixels"):
        load_image(gradient(), size=size)


WRONG = {
    "0-255": (np.full((2, 2, 3), 200.0), "looks like 0-255: divide by 255"),
    "0-65535": (np.full((2, 2, 3), 2000.0), "looks like 0-65535: divide by 65535"),
    "-1..1": (np.array([[[-1.0, 0, 1]]]), r"looks like -1..1: use \(image \+ 1\) / 2"),
    "a little over": (np.array([[[0, 0, 1.1]]]), r"got floats from 0 to 1.1, expected \[0, 1\]; .*clip"),
    "a little under": (np.array([[[0, 0, -0.01]]]), "clip"),
    "nan": (np.array([[[0, 0, np.nan]]]), "1 of 3 values are NaN or infinite"),
    "infinity": (np.array([[[0, -np.inf, np.inf]]]), "2 of 3 values are NaN or infinite"),
    "alpha over 1": (np.array([[[0, 0, 0, 255.0]]]), "0-255"),
    "chw": (np.zeros((3, 8, 9)), r"expected \(height, width, 3\), got \(3, h, w\): transpose it"),
    "chw grey": (np.zeros((1, 8, 9)), "transpose"),
    "batch": (np.zeros((1, 8, 9, 3)), r"batch: pass one picture, image\[0\]"),
    "two channels": (np.zeros((8, 9, 2)), r"got shape \(8, 9, 2\)"),
    "one axis": (np.zeros(8), r"got shape \(8,\)"),
    "scalar": (np.float32(1), r"got shape \(\)"),
    "no rows": (np.zeros((0, 4, 3)), "has no pixels"),
    "no channels": (np.zeros((4, 4, 0)), "has no pixels"),
    "int64": (np.zeros((2, 2, 3), np.int64), "got an array of int64; expected uint8"),
    "bool": (np.zeros((2, 2), bool), "got an array of bool"),
    "complex": (np.zeros((2, 2), complex), "got an array of complex128"),
    "objects": (np.full((2, 2), None), "got an array of object"),
    "list": ([[0.5]], "got list, expected a path"),
    "none": (None, "got NoneType"),
    "number": (3, "got int"),
    "bytes": (b"\x89PNG", "got bytes, .*wrap them in io.BytesIO"),
    "url": ("https://example.org/a.png", "is a URL, and nothing is fetched; download it first"),
    "url path": (pathlib.Path("HTTP://example.org/a.png"), "download it first"),
    "data url": ("data:image/png;base64,AAAA", "download it first"),
    "text file": (io.StringIO("P3 1 1 255 0 0 0"), "reading gave str, expected bytes; open it in binary mode"),
    "nul": ("a\0b.png", "cannot be read"),
    "no name": ("", "is a folder"),
    "long name": ("a" * 5000, "cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs(case):
    source, message = WRONG[case]
    with pytest.raises(ImageError, match=message) as caught:
        read_picture(source, name="style[1]")
    assert str(caught.value).startswith("style[1]: ")


def test_a_traced_array_is_no_picture():
    import jax

    with pytest.raises(ImageError, match=r"^content: .* cannot be made a NumPy array"):
        jax.jit(lambda image: load_image(image, name="content"))(jnp.zeros((2, 2, 3)))
