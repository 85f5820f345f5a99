"""TIFF by kinds: what is read has the pixels that tifffile finds, and all else is refused by name."""

import io
import itertools

import numpy as np
import pytest
import tifffile

from jaxstyle.errors import ImageError, ImageFileError
from jaxstyle.image import read_picture

SHAPE = (24, 33)
NUMBERS = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8", "?")
KINDS = {  # photometric, channels, what is said of the last ones
    "grey": ("minisblack", 1, None),
    "white is zero": ("miniswhite", 1, None),
    "grey with alpha": ("minisblack", 2, ["unassalpha"]),
    "rgb": ("rgb", 3, None),
    "rgb with alpha": ("rgb", 4, ["unassalpha"]),
    "rgb with something": ("rgb", 4, ["unspecified"]),
    "cmyk": ("separated", 4, None),
}
READ = {  # numbers that come out right: interleaved, and in separate planes
    "grey": ({"u1", "u2", "i4", "f4", "?"}, set()),
    "white is zero": ({"u1", "u2", "f4", "?"}, set()),
    "grey with alpha": ({"u1"}, set()),
    "rgb": ({"u1", "u2"}, {"u1"}),
    "rgb with alpha": ({"u1", "u2"}, {"u1"}),
    "rgb with something": ({"u1", "u2"}, {"u1"}),
    "cmyk": ({"u1", "u2"}, {"u1"}),
}


def encode(kind, numbers, separate, compressed, tile, order):
    """The bytes of such a file, and its values (h, w, channels) as another program reads them, full scale 1."""
    photometric, channels, extra = KINDS[kind]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    levels = np.stack([y * (3 + i) + x * (4 - i) for i in range(channels)], -1).clip(0, 255)
    scale = {"u1": 1, "u2": 257, "u4": 257 * 65537, "i1": 1 / 2, "i2": 128, "i4": 257, "?": 1 / 128}.get(
        numbers, 1 / 255
    )
    values = np.floor(levels * scale).astype(numbers) if numbers[0] != "f" else (levels * scale).astype(numbers)
    planes = np.moveaxis(values, -1, 0) if separate else values
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        values[..., 0] if channels == 1 else planes,
        photometric=photometric,
        planarconfig=None if channels == 1 else "separate" if separate else "contig",
        compression="zlib" if compressed else None,
        extrasamples=extra,
        tile=tile,
        byteorder=order,
        metadata=None,
    )
    if numbers == "?":  # which tifffile writes, and reads only with another library's help
        return file.getvalue(), values.astype(np.float64)
    found = tifffile.imread(io.BytesIO(file.getvalue()))
    found = found[..., None] if channels == 1 else np.moveaxis(found, 0, -1) if separate else found
    top = {"u1": 255, "u2": 65535, "i4": 65535}.get(numbers, 1)
    return file.getvalue(), found.astype(np.float64) / top


def expected(kind, values):
    """RGB, and alpha or None."""
    if kind == "cmyk":
        return (1 - values[..., :3]) * (1 - values[..., 3:]), None
    if kind.startswith("rgb"):
        return values[..., :3], values[..., 3] if kind == "rgb with alpha" else None
    grey = 1 - values[..., :1] if kind == "white is zero" else values[..., :1]
    return np.repeat(grey, 3, -1), values[..., 1] if kind == "grey with alpha" else None


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_right_pixels_or_a_refusal_that_names_the_kind(kind, separate):
    if separate and KINDS[kind][1] == 1:
        pytest.skip("one channel has no separate planes")
    read = set()
    for numbers, *how in itertools.product(NUMBERS, (False, True), (None, (16, 16)), "<>"):
        data, values = encode(kind, numbers, separate, *how)
        try:
            picture = read_picture(io.BytesIO(data))
        except ImageError as error:
            assert any(word in str(error) for word in ("PNG", "damaged", "rescale")), error
            assert "a TIFF of" not in str(error) or "-bit" in str(error)
            continue
        read.add(numbers)
        rgb, alpha = expected(kind, values)
        seen = np.ones(SHAPE, bool) if alpha is None else alpha > 0
        np.testing.assert_allclose(picture.rgb[seen], rgb[seen], atol=1.1 / 255, err_msg=f"{kind} {numbers} {how}")
        assert (picture.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_allclose(picture.alpha, alpha, atol=1.1 / 255)
    assert read == READ[kind][separate], "the kinds that are read have changed"


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("rgb", "f4", "32-bit float numbers in 3 channels"),
        ("rgb", "?", "1-bit unsigned numbers in 3 channels"),
        ("grey", "i2", "16-bit signed numbers in 1 channels"),
        ("grey", "f8", "64-bit float"),
    ],
)
def test_the_refusal_says_what_the_file_has_and_what_to_do(kind, numbers, message):
    data, _ = encode(kind, numbers, False, False, None, "<")
    with pytest.raises(ImageFileError, match=f"a TIFF of {message}.*save it as PNG"):
        read_picture(io.BytesIO(data))


def test_planes_of_16_bits_are_refused_by_name():
    data, _ = encode("rgb", "u2", True, False, None, "<")
    with pytest.raises(ImageFileError, match=r"16-bit unsigned numbers in 3 channels \(separate planes\)"):
        read_picture(io.BytesIO(data))
