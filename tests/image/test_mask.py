"""Masks: what each kind of picture means, in one place, and what is refused."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxstyle.errors import ImageError
from jaxstyle.image import load_mask

INSIDE = np.zeros((40, 60), bool)
INSIDE[10:30, 20:50] = True


def picture(mode, outside, inside):
    image = Image.new(mode, (60, 40), outside)
    ImageDraw.Draw(image).rectangle((20, 10, 49, 29), fill=inside)
    return image


def palette_with_transparency():
    image = picture("P", 0, 1)
    image.putpalette([255, 255, 255, 255, 255, 255])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    return io.BytesIO(file.getvalue())


def cut_out():
    """Colours of a photograph, and nothing around them."""
    rgb = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return np.dstack([rgb, np.uint8(255 * INSIDE)])


MEANT = {
    "grey": picture("L", 0, 255),
    "1 bit": picture("1", 0, 1),
    "RGB that is grey": picture("RGB", "black", "white"),
    "bool": INSIDE,
    "float": INSIDE.astype(np.float32),
    "white on transparent": picture("RGBA", (0, 0, 0, 0), "white"),
    "white on transparent white": picture("RGBA", (255, 255, 255, 0), "white"),
    "black on transparent": picture("RGBA", (255, 255, 255, 0), "black"),
    "red on transparent": picture("RGBA", (0, 0, 0, 0), "red"),
    "grey with alpha": picture("LA", (0, 0), (255, 255)),
    "palette with tRNS": palette_with_transparency(),
    "cut-out": cut_out(),
    "opaque alpha": picture("RGBA", (0, 0, 0, 255), "white"),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_inside(name):
    np.testing.assert_array_equal(load_mask(MEANT[name]), INSIDE.astype(np.float32))


def test_grey_and_half_transparent_are_partly_inside():
    np.testing.assert_allclose(load_mask(picture("L", 51, 204))[[0, 20], [0, 30]], [0.2, 0.8], atol=1e-6)
    half = picture("RGBA", (0, 0, 0, 0), (255, 255, 255, 128))
    np.testing.assert_allclose(load_mask(half)[20, 30], 128 / 255)
    light = picture("RGBA", (0, 0, 0, 0), (190, 190, 190, 255))
    assert load_mask(light)[20, 30] == 1


def test_a_photographs_noise_is_no_colour():
    file = io.BytesIO()
    picture("RGB", "black", "white").save(file, "JPEG", quality=60)
    np.testing.assert_allclose(load_mask(io.BytesIO(file.getvalue())), INSIDE, atol=0.4)
    speck = np.zeros((40, 60, 3), np.float32)
    speck[0, :12] = (1, 0.8, 0.8)  # 12 of 2400 pixels
    load_mask(speck)
    speck[0, :13] = (1, 0.8, 0.8)
    with pytest.raises(ImageError, match="in colours"):
        load_mask(speck)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (picture("RGB", "red", "blue"), r"style\['sky'\]: is in colours, expected grey: white inside, black outside"),
        (picture("RGB", "black", (255, 200, 200)), "is in colours"),
        (Image.merge("LA", (picture("L", 0, 255), picture("L", 255, 254))), "both black and white in others"),
    ],
)
def test_what_could_mean_two_things_is_refused_by_name(mask, message):
    with pytest.raises(ImageError, match=message):
        load_mask(mask, name="style['sky']")


def test_all_transparent_is_all_outside():
    assert not load_mask(Image.new("RGBA", (5, 4))).any()


def test_it_is_resized_where_the_aspect_is_the_pictures():
    np.testing.assert_array_equal(load_mask(INSIDE, shape=(40, 60, 3)), INSIDE)
    small = load_mask(INSIDE, shape=(20, 30))
    assert small.shape == (20, 30) and small[10, 15] == 1 and small[0, 0] == 0
    for shape in ((13, 20), (14, 20), (400, 597), (404, 600), (1, 2)):
        assert load_mask(INSIDE, shape=shape).shape == shape


@pytest.mark.parametrize("shape", [(60, 60), (40, 64), (44, 60), (400, 550), (30, 60)])
def test_another_aspect_is_refused(shape):
    expected = rf"got 60 x 40 pixels, expected the aspect ratio of its picture of {shape[1]} x {shape[0]}$"
    with pytest.raises(ImageError, match=expected):
        load_mask(INSIDE, shape=shape)


def test_one_that_is_turned_is_told_so():
    with pytest.raises(ImageError, match="of 40 x 60; it seems to be turned by 90 degrees"):
        load_mask(INSIDE, shape=(60, 40))


def test_exif_turns_it_as_it_turns_pictures():
    image, file = picture("L", 0, 255), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(file, "PNG", exif=exif)
    found = load_mask(io.BytesIO(file.getvalue()), shape=(60, 40))
    np.testing.assert_array_equal(found, np.rot90(INSIDE, -1))
