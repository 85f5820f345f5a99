"""docs/formats.md is true, row by row: a file is made for each, and becomes what the row says."""

import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

sys.path += [str(Path(__file__).parent / name) for name in ("weights", "image")]

import test_foreign
import test_keras
import test_mask
import test_png
import test_tiff
import test_torch_layouts
import weight_files

from jaxstyle.errors import JaxstyleError
from jaxstyle.image import load_mask, read_picture
from jaxstyle.weights.layout import CAFFE
from jaxstyle.weights.load import read_weights

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
ARRAYS = weight_files.small_vgg19()
STATE = weight_files.state_dict(ARRAYS)
PIXELS = np.random.default_rng(0).integers(0, 255, (12, 18, 3), dtype=np.uint8)


def rows(section):
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return dict(cells[2:])


def check(said, function):
    """Do it, and compare what comes of it with what the row says."""
    if not said.startswith("refused"):
        return function()
    with pytest.raises(JaxstyleError) as caught:
        function()
    what = said.partition(": ")[2] or "is a ResNet"
    assert re.search(re.escape(what), str(caught.value)), caught.value
    return None


def zipped(state):
    return lambda path: weight_files.write_zip(path, state)


def keras_archive(path):
    import zipfile

    test_keras.write_keras_3(path.with_suffix(".h5"), ARRAYS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".h5"), "model.weights.h5")
    return path


def written(data):
    def write(path):
        path.write_bytes(data)
        return path

    return write


def safetensors(path):
    import safetensors.numpy

    safetensors.numpy.save_file(STATE, path)
    return path


def jcjohnson(path):
    if not test_keras.IMAGENET.is_file():
        pytest.skip("needs `jaxstyle weights fetch imagenet-8bit`")
    return weight_files.write_zip(path, weight_files.state_dict(dict(read_weights(test_keras.IMAGENET).arrays)))


RESNET = {"layer1.0.conv1.weight": np.zeros((2, 2, 3, 3), np.float32)}
MODEL = b"\x80\x02ctorchvision.models.vgg\nVGG\nq\x00)\x81q\x01."
WEIGHTS = {
    "Keras 1 `.h5` (`nb_layers`)": lambda path: test_keras.write_keras_1(path, ARRAYS),
    "Keras 2 `.h5`, weights or whole model": lambda path: weight_files.write_keras(
        path, ARRAYS, variant="model_weights"
    ),
    "Keras 3 `.weights.h5`": lambda path: test_keras.write_keras_3(path, ARRAYS),
    "`.keras` archive": keras_archive,
    "kernels in Theano's order": lambda path: test_keras.write_keras_1(path, test_keras.theano(ARRAYS)),
    "torchvision `.pth`, VGG19 or VGG16": zipped(STATE),
    "`vgg19_bn`": zipped(test_torch_layouts.with_norms(ARRAYS)),
    "jcjohnson's `.pth`": jcjohnson,
    "Gatys' `vgg_conv.pth`": zipped(weight_files.state_dict(ARRAYS, names="gatys")),
    "`vgg.features` saved alone": zipped(test_torch_layouts.BARE),
    "names that begin with `module.` or `model.`": zipped({f"module.{name}": array for name, array in STATE.items()}),
    "training checkpoint with `state_dict`": zipped({"epoch": 3, "state_dict": STATE}),
    "float16 and bfloat16": test_torch_layouts.write_bfloat16,
    "safetensors of torchvision or timm": safetensors,
    "`.npz` of canonical names": lambda path: weight_files.write_npz(path, ARRAYS),
    "a model instead of its state dict": lambda path: weight_files.write_zip(path, {}, other=MODEL),
    "another network, such as a ResNet": zipped(RESNET),
    "a web page": written(b"<!doctype html><html>404</html>"),
    "TensorFlow Lite": written(b"\0\0\0\0TFL3" + bytes(20)),
}
PHRASES = {"refused: names the reader of Magenta's": "refused: reads Magenta's"}


@pytest.mark.parametrize("row", rows("Weights"))
def test_weights(tmp_path, row, caplog):
    said = rows("Weights")[row]
    path = WEIGHTS[row](tmp_path / "file.bin")
    weights = check(PHRASES.get(said, said), lambda: read_weights(path))
    if row.startswith("jcjohnson"):
        assert weights.preprocessing == CAFFE and "its numbers Caffe's" in caplog.text
    elif weights is not None and row not in ("`vgg19_bn`", "float16 and bfloat16"):
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(weights.arrays[name], array)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return io.BytesIO(file.getvalue())


def tiff(kind, numbers, separate):
    return io.BytesIO(test_tiff.encode(kind, numbers, separate, False, None, "<")[0])


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(Image.fromarray(PIXELS), "PNG", exif=exif)


def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path / "pipe.png"


RGB = Image.fromarray(PIXELS)
ANIMATION = {"save_all": True, "append_images": [Image.fromarray(PIXELS[::-1].copy())]}
PICTURES = {
    "PNG, JPEG, WebP, TIFF, BMP, GIF, PPM": lambda _: [
        encode(RGB, kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
    ],
    "AVIF": lambda _: encode(RGB, "AVIF"),
    "16-bit grey PNG": lambda _: encode(Image.fromarray(np.full((12, 18), 257 * 9 + 100, np.uint16)), "PNG"),
    "16-bit colour TIFF, interleaved": lambda _: tiff("rgb", "u2", False),
    "16-bit TIFF in separate planes": lambda _: tiff("rgb", "u2", True),
    "float colour TIFF": lambda _: tiff("rgb", "f4", False),
    "signed TIFF": lambda _: tiff("grey", "i2", False),
    "PNG with over 1 MB of metadata": lambda _: io.BytesIO(test_png.png(test_png.LONG_ONES["zTXt"])),
    "turned by EXIF": lambda _: turned(),
    "transparent pixels": lambda _: encode(Image.new("RGBA", (18, 12), (10, 200, 30, 0)), "PNG"),
    "animation": lambda _: encode(RGB, "WEBP", lossless=True, **ANIMATION),
    "HEIC": lambda _: io.BytesIO(test_foreign.FOREIGN["HEIC"][0]),
    "a film": lambda _: io.BytesIO(test_foreign.FOREIGN["MP4"][0]),
    "SVG": lambda _: io.BytesIO(test_foreign.FOREIGN["SVG"][0]),
    "truncated": lambda _: io.BytesIO(encode(RGB, "PNG").getvalue()[:-60]),
    "a URL": lambda _: "https://example.org/a.png",
    "a pipe": pipe,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("row", rows("Pictures"))
def test_pictures(tmp_path, row, caplog):
    if row == "a pipe" and sys.platform == "win32":
        pytest.skip("has no pipes with names")
    said = rows("Pictures")[row].replace("not a regular file", "is not a regular file")
    made = PICTURES[row](tmp_path)
    for source in made if isinstance(made, list) else [made]:
        picture = check(said, lambda source=source: read_picture(source))
        if row == "turned by EXIF":
            np.testing.assert_array_equal(picture.rgb * 255, np.rot90(PIXELS, -1))
        elif row == "animation":
            np.testing.assert_array_equal(np.round(picture.rgb * 255), PIXELS)
            assert "has several frames or pages, of which the first is read" in caplog.text
        elif row == "transparent pixels":
            assert (picture.rgb == 1).all() and not picture.alpha.any()
        elif row == "16-bit grey PNG":
            np.testing.assert_allclose(picture.rgb, (257 * 9 + 100) / 65535, rtol=1e-6)


def half_transparent():
    image = test_mask.picture("LA", (0, 255), (255, 255))
    ImageDraw.Draw(image).rectangle((0, 0, 5, 5), fill=(0, 0))
    return image


INSIDE = test_mask.INSIDE
MASKS = {
    "white on black": test_mask.MEANT["grey"],
    "an array of bool": INSIDE,
    "white on transparent": test_mask.MEANT["white on transparent"],
    "black on transparent": test_mask.MEANT["black on transparent"],
    "a cut-out": test_mask.MEANT["cut-out"],
    "palette with transparency": test_mask.palette_with_transparency(),
    "another size, same aspect": test_mask.picture("L", 0, 255).resize((120, 80), Image.Resampling.NEAREST),
    "several colours": test_mask.picture("RGB", "red", "blue"),
    "black and white, and transparent": half_transparent(),
    "another aspect": Image.new("L", (60, 60)),
    "turned by 90 degrees": Image.new("L", (40, 60)),
}


@pytest.mark.parametrize("row", rows("Masks"))
def test_masks(row):
    found = check(rows("Masks")[row], lambda: load_mask(MASKS[row], shape=(40, 60)))
    if found is not None:
        np.testing.assert_allclose(found, INSIDE, atol=0.15)  # what resizing leaves at an edge


def test_every_row_has_its_file():
    for section, made in (("Weights", WEIGHTS), ("Pictures", PICTURES), ("Masks", MASKS)):
        assert rows(section).keys() == made.keys()
