"""ICC profiles: colours against the formulas of the profiles that the tests make."""

import io
from pathlib import Path

import numpy as np
import pytest
from icc_files import DISPLAY_P3, SRGB, cmyk_profile, grey_profile, rgb_profile
from image_files import encode, gradient, png
from PIL import Image, ImageCms

from jaxstyle.image import profiles, read_picture

ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])


def encoded(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: linear to sRGB."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def expected_srgb(rgb: np.ndarray, matrix: np.ndarray, gamma: float) -> np.ndarray:
    xyz = (rgb / 255.0) ** gamma @ matrix.T
    return encoded(xyz @ np.linalg.inv(SRGB).T)


def tagged(array: np.ndarray, icc: bytes, kind: str = "PNG", **options) -> np.ndarray:
    return read_picture(io.BytesIO(encode(Image.fromarray(array), kind, icc_profile=icc, **options))).rgb


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("matrix", "gamma"), [(DISPLAY_P3, 2.2), (SRGB, 1.0), (ADOBE, 563 / 256)])
def test_rgb_profiles(kind, matrix, gamma):
    rgb = gradient()
    got = tagged(rgb, rgb_profile(matrix, gamma), kind, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_allclose(got, expected_srgb(rgb, matrix, gamma), atol=2.5 / 255)


def test_display_p3_red_is_out_of_gamut_and_clipped():
    got = tagged(np.array([[[255, 0, 0], [255, 255, 255]]], np.uint8), rgb_profile(DISPLAY_P3, 2.2))
    np.testing.assert_array_equal(got[0, 0], [1, 0, 0])
    np.testing.assert_allclose(got[0, 1], 1, atol=1 / 255)


def test_grey_profile_linear():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = np.repeat(encoded(grey / 255)[..., None], 3, axis=2)
    np.testing.assert_allclose(tagged(grey, grey_profile(1.0)), expected, atol=1.5 / 255)


def test_16_bit_grey_with_a_linear_profile():
    grey = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    icc = grey_profile(1.0)
    image = Image.open(io.BytesIO(png(grey)))
    image.info["icc_profile"] = icc
    got = read_picture(image).rgb
    np.testing.assert_allclose(got[..., 0], encoded(grey / 65535), atol=1.5 / 255)


def test_grey_picture_with_an_rgb_profile():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    got = tagged(grey, rgb_profile(DISPLAY_P3, 1.0))
    np.testing.assert_allclose(got[..., 1], encoded(grey / 255), atol=2 / 255)


def test_alpha_is_untouched_by_profiles():
    rgba = np.dstack([gradient(), gradient()[..., 2]])
    rgb, alpha = read_picture(io.BytesIO(encode(Image.fromarray(rgba), "PNG", icc_profile=rgb_profile(SRGB, 1.0))))
    np.testing.assert_array_equal(alpha, rgba[..., 3] / np.float32(255))
    seen = alpha > 0
    np.testing.assert_allclose(rgb[seen], encoded(rgba[..., :3] / 255)[seen], atol=2.5 / 255)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_through_its_profile(kind):
    """Paper is white and every ink grey: L* = 100 (1 - k) (1 - c/2); Pillow's formula would paint cyan blue."""
    icc = cmyk_profile(lambda c, m, y, k: (100.0 * (1 - k) * (1 - c / 2), 0, 0))
    cases = {(0, 0, 0, 0): 100, (255, 0, 0, 0): 50, (0, 0, 0, 255): 0, (0, 255, 255, 0): 100, (0, 0, 0, 128): 49.8}
    for ink, light in cases.items():
        data = encode(Image.new("CMYK", (8, 8), ink), kind, icc_profile=icc)
        linear = ((light + 16) / 116) ** 3 if light > 8 else light / 903.3
        np.testing.assert_allclose(read_picture(io.BytesIO(data)).rgb[4, 4], encoded(linear), atol=3 / 255)


def test_an_srgb_profile_changes_nothing():
    rgb = gradient()
    for icc in (profiles.srgb_icc(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        np.testing.assert_array_equal(tagged(rgb, icc), rgb / np.float32(255))


UNUSABLE = {
    "noise": bytes(range(256)),
    "header only": rgb_profile(SRGB, 1.0)[:128],
    "cut": rgb_profile(SRGB, 1.0)[:-40],
    "CMYK in RGB": cmyk_profile(lambda c, m, y, k: (50, 0, 0)),
    "grey in RGB": grey_profile(1.0),
    "Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_profiles_are_ignored_with_a_warning(case, caplog):
    rgb = gradient()
    np.testing.assert_array_equal(tagged(rgb, UNUSABLE[case]), rgb / np.float32(255))
    assert "image: its ICC profile is not usable and is ignored" in caplog.text


def test_the_srgb_profile_is_the_same_every_day():
    assert profiles.srgb_icc()[24:36] == bytes((7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(profiles.srgb_icc()))
    assert ImageCms.getProfileDescription(profile).strip() == "sRGB built-in"


def test_a_real_adobe_rgb_photograph():
    """scikit-image ships rocket.jpg in Adobe RGB, and reads it as if it were sRGB."""
    data = pytest.importorskip("skimage.data")
    path = Path(data.__file__).parent / "rocket.jpg"
    if not path.exists():
        pytest.skip("this scikit-image does not ship rocket.jpg")
    got = read_picture(path).rgb
    expected = expected_srgb(data.rocket(), ADOBE, 563 / 256)
    assert np.abs(got - expected).mean() < 1 / 255 and np.abs(got - expected).max() < 0.1
