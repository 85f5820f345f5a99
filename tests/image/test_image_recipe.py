"""The recipe in a saved picture: it comes back equal, and nothing else passes for one."""

import json

import numpy as np
import pytest
from image_files import encode, gradient
from PIL import Image, PngImagePlugin

from jaxstyle.errors import ImageError, ImageFileError, SettingError
from jaxstyle.image import MAX_RECIPE, load_image, read_recipe, save_image

RGB = gradient() / np.float32(255)
SUFFIXES = (".png", ".jpg", ".webp", ".tiff")
RECIPES = {
    "small": {"steps": 300, "style_weight": 1e-3, "layers": ["relu1_1"], "nested": {"seed": None, "clip": True}},
    "empty": {},
    "unicode": {"стиль": "Звёздная ночь \N{ARTIST PALETTE}", "quote": '"}\\\0\n', "name": "星月夜"},
    "59 KB": {"text": "x" * 59_000},
    "100 KB": {"values": np.random.default_rng(0).random(5200).tolist()},
    "900 KB": {"text": "äöü" * 50_000},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("case", RECIPES)
def test_round_trip(tmp_path, suffix, case):
    path = save_image(tmp_path / f"a{suffix}", RGB, recipe=RECIPES[case])
    assert read_recipe(path) == RECIPES[case]
    np.testing.assert_allclose(load_image(path), RGB, atol=0.1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_with_alpha(tmp_path, suffix):
    path = save_image(tmp_path / f"a{suffix}", RGB, alpha=RGB[..., 0], recipe={"a": 1})
    assert read_recipe(str(path)) == {"a": 1}


def test_other_programs_see_it(tmp_path):
    png = save_image(tmp_path / "a.png", RGB, recipe={"a": 1})
    with Image.open(png) as image:
        assert json.loads(image.text["jaxstyle"]) == {"a": 1}
    for suffix in SUFFIXES[1:]:
        path = save_image(tmp_path / f"a{suffix}", RGB, recipe={"a": 1})
        with Image.open(path) as image:
            assert json.loads(image.getexif()[270]) == {"jaxstyle": {"a": 1}}


def test_a_long_recipe_leaves_a_whole_jpeg(tmp_path):
    short, long = (tmp_path / name for name in ("short.jpg", "long.jpg"))
    save_image(short, RGB)
    save_image(long, RGB, recipe=RECIPES["900 KB"])
    np.testing.assert_array_equal(load_image(long), load_image(short))
    with Image.open(long) as image:
        assert image.info["jfif_version"] == (1, 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_none(tmp_path, suffix):
    with pytest.raises(ImageError, match=r"a\.\w+': carries no jaxstyle recipe; expected"):
        read_recipe(save_image(tmp_path / f"a{suffix}", RGB))


def foreign(text: str) -> dict[str, bytes]:
    """Files in which somebody wrote `text` where the recipe would be."""
    image, info, exif = Image.fromarray(gradient()), PngImagePlugin.PngInfo(), Image.Exif()
    info.add_itxt("jaxstyle", text)
    exif[270] = text
    return {
        "png": encode(image, "PNG", pnginfo=info),
        "webp": encode(image, "WEBP", exif=exif),
        "tiff": encode(image, "TIFF", exif=exif),
        "jpg": encode(image, "JPEG", comment=b"jaxstyle:" + text[:60000].encode()),
    }


NOT_RECIPES = {
    "not JSON": ("hello", "its recipe is not JSON"),
    "a list": ("[1]", "its recipe is a JSON list, expected an object"),
    "deep": ("[" * 50_000, "its recipe is not JSON"),
    "cut": ('{"a": ', "its recipe is not JSON"),
    "long number": ("1" * 50_000, "its recipe is not JSON"),
}


@pytest.mark.parametrize("case", NOT_RECIPES)
def test_what_is_not_a_recipe(tmp_path, case):
    text, message = NOT_RECIPES[case]
    for suffix, data in foreign(text).items():
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(data)
        with pytest.raises(ImageError, match=message if suffix in ("png", "jpg") else "carries no jaxstyle recipe"):
            read_recipe(path)


def test_too_long_when_read(tmp_path):
    text = json.dumps({"text": "x" * MAX_RECIPE})
    for suffix, data in foreign('{"jaxstyle": ' + text + "}").items():
        if suffix != "jpg":
            path = tmp_path / f"a.{suffix}"
            path.write_bytes(data)
            with pytest.raises(ImageError, match=r"at most 1000000 are read|damaged"):
                read_recipe(path)


@pytest.mark.parametrize("recipe", [{"a": np.zeros(3)}, {"a": float("nan")}, {"a": {1}}, [1], {"a": "x" * MAX_RECIPE}])
def test_what_cannot_be_written(tmp_path, recipe):
    with pytest.raises(SettingError, match=r"^recipe: "):
        save_image(tmp_path / "a.png", RGB, recipe=recipe)
    assert not list(tmp_path.iterdir())


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    (tmp_path / "empty.png").touch()
    for path in (tmp_path / "missing.png", tmp_path / "a.png", tmp_path, tmp_path / "empty.png"):
        with pytest.raises(ImageFileError):
            read_recipe(path)
