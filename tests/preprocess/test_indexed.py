"""PNG files with a palette: exactly the picture again, smaller, whole or not at all."""

import numpy as np
import pytest
from PIL import Image

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.image import load_image, read_recipe, save_image
from jaxstyle.preprocess import quantize_colors, save_indexed

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.mark.parametrize("n_colors", [1, 2, 4, 16, 17, 256])
def test_it_reads_back_exactly(tmp_path, n_colors):
    found = quantize_colors(PICTURE, n_colors)
    saved = save_indexed(tmp_path / "a.png", found)
    np.testing.assert_array_equal(load_image(saved.path), found.image)
    with Image.open(saved.path) as image:
        assert image.mode == "P" and "icc_profile" in image.info


def test_the_sizes_are_those_of_the_files(tmp_path):
    found = quantize_colors(PICTURE, 16)
    saved = save_indexed(tmp_path / "a.png", found)
    full = save_image(tmp_path / "full.png", found.image)
    assert (saved.bytes, saved.full_bytes) == (saved.path.stat().st_size, full.stat().st_size)
    assert saved.saving == 1 - saved.bytes / saved.full_bytes > 0.1
    assert saved.bytes < PICTURE.size / 3 / 2 + 2000  # 4 bits per pixel


def test_equal_pictures_make_equal_bytes(tmp_path):
    paths = [save_indexed(tmp_path / f"{name}.png", quantize_colors(PICTURE, 9)).path for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_it_carries_a_recipe(tmp_path):
    saved = save_indexed(tmp_path / "a.png", quantize_colors(PICTURE, 3), recipe={"seed": 7})
    assert read_recipe(saved.path) == {"seed": 7}
    with pytest.raises(SettingError, match="recipe: cannot be written as JSON"):
        save_indexed(tmp_path / "a.png", quantize_colors(PICTURE, 3), recipe={"seed": object()})


def test_what_was_there_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxstyle.files.sync", full)
    with pytest.raises(ImageFileError, match="No space left"):
        save_indexed(path, quantize_colors(PICTURE, 3))
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_wrong_targets(tmp_path):
    found = quantize_colors(PICTURE, 3)
    with pytest.raises(ImageFileError, match=r"cannot save as '.jpg'; expected one of .png"):
        save_indexed(tmp_path / "a.jpg", found)
    with pytest.raises(ImageFileError, match="there is no folder"):
        save_indexed(tmp_path / "none" / "a.png", found)
