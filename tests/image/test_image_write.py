"""Files out: rounding, formats, the sRGB tag, alpha, and all or nothing."""

import io
import os
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from image_files import gradient
from PIL import Image, ImageCms

from jaxstyle.errors import ImageError, ImageFileError, SettingError
from jaxstyle.image import check_fits, check_target, load_image, read_picture, save_animation, save_image, to_pil

RGB = gradient() / np.float32(255)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".PNG")
LOSSLESS = (".png", ".webp", ".tiff")


def test_rounding_is_half_up_and_inverts_reading():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(np.asarray(to_pil(load_image(every)))[..., 0], every)
    around = np.array([[np.nextafter(np.float32(0.5), np.float32(0)), 0.5]], np.float32)  # 127.49999 and 127.5
    np.testing.assert_array_equal(np.asarray(to_pil(around))[0, :, 0], [127, 128])


def test_to_pil_modes():
    assert to_pil(RGB).mode == "RGB" and to_pil(jnp.asarray(RGB)).size == (16, 12)
    assert to_pil(RGB, RGB[..., 0]).mode == "RGBA" and to_pil(np.dstack([RGB, RGB[..., 0]])).mode == "RGBA"


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_round_trip(tmp_path, suffix):
    path = save_image(tmp_path / f"a{suffix}", RGB)
    np.testing.assert_array_equal(load_image(path), RGB)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_alpha_round_trip(tmp_path, suffix):
    alpha = RGB[..., 0].copy()
    path = save_image(tmp_path / f"a{suffix}", RGB, alpha=alpha)
    rgb, got = read_picture(path)
    np.testing.assert_array_equal(got, alpha)
    np.testing.assert_array_equal(rgb[alpha > 0], RGB[alpha > 0])
    save_image(path, rgb, alpha=got)
    np.testing.assert_array_equal(read_picture(path).alpha, alpha)


def test_jpeg_lays_alpha_over_white(tmp_path):
    path = save_image(tmp_path / "a.jpg", np.zeros((16, 16, 3)), alpha=np.full((16, 16), 0.4))
    np.testing.assert_allclose(load_image(path), 0.6, atol=2 / 255)
    assert read_picture(path).alpha is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_format_and_srgb_tag(tmp_path, suffix):
    path = save_image(str(tmp_path / f"a.b{suffix}"), RGB)
    assert isinstance(path, Path)
    with Image.open(path) as image:
        assert image.format == {"j": "JPEG", "t": "TIFF", "w": "WEBP", "p": "PNG"}[suffix[1].lower()]
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_pictures_make_equal_files(tmp_path, suffix):
    paths = [save_image(tmp_path / f"{i}{suffix}", RGB, recipe={"seed": 0}) for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_jpeg_is_close(tmp_path):
    data = pytest.importorskip("skimage.data")
    photo = data.astronaut()
    np.testing.assert_allclose(load_image(save_image(tmp_path / "a.jpg", photo)), photo / 255, atol=0.12)


def test_a_new_file_has_ordinary_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        assert save_image(tmp_path / "a.png", RGB).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, step, error):
    path = save_image(tmp_path / "a.png", RGB)
    old = path.read_bytes()

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises((ImageFileError, KeyboardInterrupt)) as caught:
        save_image(path, 1 - RGB)
    assert isinstance(error, KeyboardInterrupt) or "a.png: cannot be written (No space left" in str(caught.value)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_a_failing_encoder_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.webp"
    path.write_bytes(b"old")
    with pytest.raises(ImageFileError, match=r"16384 x 1 cannot be saved as WEBP"):
        save_image(path, np.zeros((1, 16384, 3)))
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_wrong_paths(tmp_path):
    (tmp_path / "folder.png").mkdir()
    table = {
        tmp_path / "a.bmp": "cannot save as '.bmp'; expected one of .png, .jpg, .jpeg, .webp, .tif, .tiff",
        tmp_path / "a": "cannot save as ''",
        tmp_path / "none" / "a.png": f"there is no folder '{tmp_path / 'none'}'; make it first",
        tmp_path / "folder.png": "is a folder; give the name of a file",
    }
    for path, message in table.items():
        with pytest.raises(ImageFileError) as caught:
            save_image(path, RGB)
        assert message in str(caught.value)
        with pytest.raises(ImageFileError):
            check_target(path)
    assert check_target(str(tmp_path / "a.png")) == tmp_path / "a.png"
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.png"]


def test_wrong_pictures(tmp_path):
    with pytest.raises(ImageError, match=r"^rgb: .*looks like 0-255"):
        save_image(tmp_path / "a.png", RGB * 255)
    with pytest.raises(ImageError, match=r"^rgb: .*NaN"):
        to_pil(RGB * np.nan)
    with pytest.raises(ImageError, match=r"^alpha: got shape \(12, 15\), expected the picture's \(12, 16\)"):
        save_image(tmp_path / "a.png", RGB, alpha=np.ones((12, 15)))
    with pytest.raises(ImageError, match=r"^alpha: "):
        to_pil(RGB, RGB[..., 0] + 1)
    assert not list(tmp_path.iterdir())


def test_animation(tmp_path):
    frames = [np.full((8, 10, 3), value) for value in (0.0, 0.5, 1.0)]
    path = save_animation(tmp_path / "a.webp", frames, seconds=0.25)
    with Image.open(path) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (3, (10, 8), 0)
        for index, frame in enumerate(frames):
            image.seek(index)
            np.testing.assert_allclose(np.asarray(image.convert("RGB")) / 255, frame, atol=3 / 255)
            assert image.info["duration"] == 250
    assert (load_image(path) == 0).all()
    assert list(tmp_path.iterdir()) == [path]


def test_animation_of_one_frame(tmp_path):
    assert load_image(save_animation(tmp_path / "a.webp", [RGB])).shape == RGB.shape


def test_wrong_animations(tmp_path):
    with pytest.raises(ImageError, match=r"^frames: got 0 frames"):
        save_animation(tmp_path / "a.webp", [])
    with pytest.raises(ImageError, match=r"^frames: got 2 frames of sizes \[\(8, 8\), \(9, 8\)\]"):
        save_animation(tmp_path / "a.webp", [np.zeros((8, 8, 3)), np.zeros((8, 9, 3))])
    with pytest.raises(ImageFileError, match=r"cannot save as '.gif'; expected one of .webp"):
        save_animation(tmp_path / "a.gif", [RGB])
    with pytest.raises(SettingError, match=r"^seconds: got 0 per frame"):
        save_animation(tmp_path / "a.webp", [RGB], seconds=0)
    assert not list(tmp_path.iterdir())


def test_what_a_format_cannot_hold_is_told_before(tmp_path):
    for name, most in (("a.webp", 16_383), ("a.jpg", 65_500)):
        for shape in ((most, 4, 3), (4, most)):
            check_fits(tmp_path / name, shape)
        for shape in ((most + 1, 4, 3), (4, most + 1)):
            with pytest.raises(ImageFileError, match=rf"pixels, but \w+ holds {most} on an edge"):
                check_fits(tmp_path / name, shape)
    check_fits(tmp_path / "a.png", (100_000, 100_000))


def test_the_limit_is_the_formats(tmp_path):
    save_image(tmp_path / "a.webp", np.zeros((2, 16_383, 3)))
    with pytest.raises(ImageFileError, match="cannot be saved as WEBP"):
        save_image(tmp_path / "b.webp", np.zeros((2, 16_384, 3)))
