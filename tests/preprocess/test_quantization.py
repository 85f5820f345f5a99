"""Colour quantisation: closed forms, scikit-learn, what every result promises, degenerate pictures, wrong arguments."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image import load_image, read_picture
from jaxstyle.preprocess import codes, quantize_colors, quantize_with
from jaxstyle.preprocess import palette as palettes
from jaxstyle.preprocess.codes import decode, encode
from jaxstyle.preprocess.dither import bayer, spacing

METHODS = ("kmeans", "minibatch", "median_cut")
SPACES = ("lab", "rgb")
DITHERS = (None, "floyd_steinberg", "ordered")
BLACK, WHITE, RED = [0.0] * 3, [1.0] * 3, [1.0, 0.0, 0.0]


def noise(h, w, seed=0):
    """As many colours as pixels, nearly."""
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def smooth(h, w, seed=0):
    """A gradient in two directions with a little noise."""
    y, x = np.mgrid[:h, :w]
    base = np.stack([x / w, y / h, (x + y) / (h + w)], -1) * 220
    return (base + np.random.default_rng(seed).uniform(0, 20, (h, w, 3))).astype(np.uint8)


def lab(rgb):
    return pytest.importorskip("skimage.color").rgb2lab(rgb)


def error(image, palette, space="lab"):
    """Mean squared distance of the picture's colours to the nearest of the palette, in the space it was found in."""
    metrics, to = pytest.importorskip("sklearn.metrics"), lab if space == "lab" else np.asarray
    pixels, centers = to(image).reshape(-1, 3).astype(np.float64), to(palette[None])[0].astype(np.float64)
    return np.mean(metrics.pairwise_distances_argmin_min(pixels, centers)[1] ** 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dither", DITHERS)
def test_colors_that_are_few_enough_stay(method, dither):
    """The most frequent first; nothing is rounded, moved or dithered."""
    image = np.array([[BLACK, WHITE, WHITE], [RED, RED, RED]], np.float32)
    found = quantize_colors(image, 3, method=method, dither=dither)
    np.testing.assert_array_equal(found.image, image)
    np.testing.assert_array_equal(found.palette, [RED, WHITE, BLACK])
    np.testing.assert_array_equal(found.labels, [[2, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(found.shares, [3 / 6, 2 / 6, 1 / 6])


@pytest.mark.parametrize("method", ["kmeans", "median_cut"])
def test_one_color_is_the_mean(method):
    image = np.array([[[10, 20, 30], [20, 40, 90], [30, 60, 30]]], np.uint8)
    found = quantize_colors(image, 1, space="rgb", method=method)
    np.testing.assert_allclose(found.image * 255, np.broadcast_to([20, 40, 50], (1, 3, 3)), atol=1e-4)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", ["kmeans", "minibatch"])
def test_two_groups_become_their_means(method, space):
    image = np.array([[0, 2, 4, 250, 252]], np.uint8)
    found = quantize_colors(image, 2, space=space, method=method)
    np.testing.assert_allclose(found.palette * 255, [[2] * 3, [251] * 3], atol=1.01)
    np.testing.assert_array_equal(found.labels, [[0, 0, 0, 1, 1]])


def test_the_median_cut():
    """The longest side is blue's, its median between 20 and 200; then the fuller half, of five pixels, is cut."""
    colors = np.array([[0, 0, 0], [8, 0, 20], [0, 0, 200], [0, 60, 210]], np.uint8)
    image = np.repeat(colors, [3, 1, 3, 2], axis=0)[None]
    two = quantize_colors(image, 2, method="median_cut", space="rgb")
    np.testing.assert_allclose(two.palette * 255, [[0, 24, 204], [2, 0, 5]], atol=1e-4)
    three = quantize_colors(image, 3, method="median_cut", space="rgb")
    np.testing.assert_allclose(three.palette * 255, [[2, 0, 5], [0, 0, 200], [0, 60, 210]], atol=1e-4)


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
@pytest.mark.parametrize("space", SPACES)
def test_as_good_as_scikit_learn_on_all_pixels(name, space):
    data, cluster = pytest.importorskip("skimage.data"), pytest.importorskip("sklearn.cluster")
    image = getattr(data, name)()[::2, ::2] / np.float32(255)
    pixels = (lab(image) if space == "lab" else image).reshape(-1, 3)
    centers = cluster.KMeans(16, random_state=0).fit(pixels).cluster_centers_[None]
    color = pytest.importorskip("skimage.color")
    theirs = (color.lab2rgb(centers) if space == "lab" else centers)[0]
    ours = quantize_colors(image, 16, space=space).palette
    assert error(image, ours, space) <= 1.02 * error(image, theirs, space)


def test_as_good_from_a_sample(monkeypatch):
    data = pytest.importorskip("skimage.data")
    image = data.coffee()[::2, ::2] / np.float32(255)
    everything = quantize_colors(image, 8).palette
    monkeypatch.setattr(palettes, "SAMPLE", 2**12)
    sample = quantize_colors(image, 8).palette
    assert not np.array_equal(sample, everything)
    assert error(image, sample) <= 1.02 * error(image, everything)


def test_the_better_methods_are_better():
    data = pytest.importorskip("skimage.data")
    image = data.chelsea()[::3, ::3] / np.float32(255)
    errors = {method: error(image, quantize_colors(image, 16, method=method).palette) for method in METHODS}
    assert errors["kmeans"] <= errors["minibatch"] * 1.02 and errors["minibatch"] < errors["median_cut"]
    pillow = Image.fromarray(np.uint8(image * 255)).quantize(16, Image.Quantize.MEDIANCUT).getpalette()[:48]
    theirs = np.array(pillow, np.float32).reshape(-1, 3) / 255
    assert errors["median_cut"] <= 1.1 * error(image, theirs)


@pytest.mark.parametrize("dither", DITHERS)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", METHODS)
def test_what_every_result_promises(method, space, dither):
    found = quantize_colors(smooth(37, 50), 11, space=space, method=method, dither=dither)
    assert found.image.dtype == found.palette.dtype == np.float32 and found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.image, found.palette[found.labels])
    np.testing.assert_array_equal(np.unique(found.labels), np.arange(len(found.palette)))
    np.testing.assert_array_equal(found.palette, np.round(found.palette * 255).astype(np.uint8) / np.float32(255))
    assert len(np.unique(found.palette, axis=0)) == len(found.palette) <= 11
    assert (np.diff(found.shares) <= 0).all() and abs(found.shares.sum() - 1) < 1e-12


@pytest.mark.parametrize("space", SPACES)
def test_every_pixel_has_the_nearest_color(space):
    image = noise(30, 40)
    found = quantize_colors(image, 20, space=space)
    to = lab if space == "lab" else np.asarray
    pixels, centers = to(image / 255.0)[..., None, :], to(found.palette.astype(np.float64)[None])[0]
    distances = np.linalg.norm(pixels - centers, axis=-1)
    taken = np.take_along_axis(distances, found.labels[..., None].astype(int), -1)[..., 0]
    np.testing.assert_allclose(taken, distances.min(-1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_where_pixels_are_does_not_matter(method):
    image = smooth(40, 30)
    found, turned = (quantize_colors(one, 9, method=method) for one in (image, image.transpose(1, 0, 2)))
    np.testing.assert_array_equal(turned.image, found.image.transpose(1, 0, 2))


@pytest.mark.parametrize("method", METHODS)
def test_seeds(method):
    first, again = (quantize_colors(smooth(40, 30), 9, method=method, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)


def test_quantizing_twice_changes_nothing():
    once = quantize_colors(smooth(40, 30), 9)
    twice = quantize_colors(once.image, 9)
    np.testing.assert_array_equal(once.image, twice.image)
    np.testing.assert_array_equal(once.labels, twice.labels)


@pytest.mark.parametrize("dither", DITHERS)
@pytest.mark.parametrize("method", METHODS)
def test_degenerate_pictures(method, dither):
    for image, k in (
        (np.full((1, 1, 3), 0.25), 1),
        (np.full((5, 4, 3), [0.2, 0.5, 0.9]), 1),
        (np.linspace(0, 1, 12).reshape(3, 4), 12),
        (np.array([[0.0, 1.0]]), 2),
    ):
        found = quantize_colors(image, 256, method=method, dither=dither)
        assert found.palette.shape == (k, 3)
        np.testing.assert_allclose(found.image, load_image(image), atol=0.5 / 255 + 1e-6)
    grey = quantize_colors(smooth(30, 30).mean(2) / 255, 6, method=method, dither=dither)
    assert np.ptp(grey.palette, axis=1).max() <= 1.01 / 255


def test_more_colors_than_the_rounded_centres_have():
    """64 neighbouring colours, 60 wanted: some centres may round to the same one; never more than asked for."""
    image = np.stack(np.meshgrid(*[np.arange(100, 104)] * 4), -1).reshape(16, 16, 4)[..., :3].astype(np.uint8)
    assert 50 <= len(quantize_colors(image, 60).palette) <= 60


def test_alpha_is_the_callers():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0] = [10, 20, 30, 255]
    picture = read_picture(rgba)
    found = quantize_colors(rgba, 4)
    assert found.image.shape == (2, 2, 3)
    np.testing.assert_array_equal(found.image, picture.rgb)  # fully transparent pixels are white
    np.testing.assert_array_equal(picture.alpha, [[1, 1], [0, 0]])


def test_all_kinds_of_pictures():
    image, buffer = smooth(20, 20), io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    expected = quantize_colors(image, 5).image
    for source in (buffer, Image.fromarray(image), image / 255, image.astype(np.uint16) * 257):
        np.testing.assert_array_equal(quantize_colors(source, 5).image, expected)


def test_blocks_change_nothing(monkeypatch):
    whole = quantize_colors(noise(50, 50), 8)
    monkeypatch.setattr(codes, "BLOCK", 100)
    np.testing.assert_array_equal(quantize_colors(noise(50, 50), 8).image, whole.image)


def test_codes():
    rgb = np.array([[[0, 0, 1], [1, 128 / 255, 0.499 / 255]]], np.float32)
    np.testing.assert_array_equal(encode(rgb), [[255, 0xFF8000]])
    everything = np.arange(0, 2**24, 977, dtype=np.uint32)
    np.testing.assert_array_equal(encode(decode(everything)), everything)


def test_the_pattern():
    np.testing.assert_array_equal(bayer(1), [[0, 2], [3, 1]])
    np.testing.assert_array_equal(bayer(2), [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    assert spacing(encode(np.array([BLACK, WHITE], np.float32))) == pytest.approx(1)
    assert spacing(encode(np.array([RED], np.float32))) == 0


@pytest.mark.parametrize("k", [0, 1, 16, 31, 32, 63, 64])
def test_ordered_dithering_of_a_flat_grey(k):
    """k/64 grey has exactly k white pixels in each 8x8 square."""
    found = quantize_with(np.full((16, 24, 3), k / 64), [BLACK, WHITE], dither="ordered")
    squares = found.image[..., 0].reshape(2, 8, 3, 8).sum((1, 3))
    np.testing.assert_array_equal(squares, np.full((2, 3), k))


@pytest.mark.parametrize("dither", DITHERS[1:])
def test_dithering_keeps_the_local_mean(dither):
    ramp = np.repeat(np.linspace(0, 1, 256)[None], 64, 0)
    plain, dithered = (quantize_with(ramp, [BLACK, WHITE], dither=how).image[..., 0] for how in (None, dither))
    blocks = [image.reshape(4, 16, 16, 16).mean((1, 3)) for image in (ramp, plain, dithered)]
    assert np.abs(blocks[2] - blocks[0]).max() < 0.05 < 0.4 < np.abs(blocks[1] - blocks[0]).max()


def test_the_palette_of_another_picture():
    image, other = smooth(30, 40), noise(9, 9)
    palette = quantize_colors(other, 7).palette
    found = quantize_with(image, palette)
    assert {*map(tuple, found.palette)} <= {*map(tuple, palette)}
    np.testing.assert_array_equal(found.image, quantize_with(image, np.round(palette * 255).astype(np.uint8)).image)
    own = quantize_colors(image, 12)
    np.testing.assert_array_equal(quantize_with(image, own.palette[::-1]).labels, own.labels)


def test_colors_of_a_palette_that_nobody_takes_are_left_out():
    found = quantize_with(np.full((2, 2, 3), 0.1), [WHITE, BLACK, BLACK, RED])
    np.testing.assert_array_equal(found.palette, [BLACK])


@pytest.mark.parametrize("n", [0, 257, 2.0, True, None, "8"])
def test_wrong_numbers_of_colors(n):
    with pytest.raises(SettingError, match=r"n_colors: got .*, expected a whole number from 1 to 256"):
        quantize_colors(noise(4, 4), n)


def test_wrong_settings():
    with pytest.raises(SettingError, match="space: got 'labb'; did you mean 'lab'"):
        quantize_colors(noise(4, 4), 2, space="labb")
    with pytest.raises(SettingError, match="method: got 'k-means'; did you mean 'kmeans'"):
        quantize_colors(noise(4, 4), 2, method="k-means")
    with pytest.raises(SettingError, match="dither: got 'order'; did you mean 'ordered'"):
        quantize_with(noise(4, 4), [BLACK], dither="order")
    with pytest.raises(SettingError, match="seed: got -1"):
        quantize_colors(noise(4, 4), 2, seed=-1)


def test_wrong_palettes():
    for palette in ([], [0, 0, 0], np.zeros((257, 3)), np.zeros((2, 4))):
        with pytest.raises(SettingError, match=r"palette: got shape .*, expected \(k, 3\) with k from 1 to 256"):
            quantize_with(noise(4, 4), palette)
    with pytest.raises(ImageError, match="palette: got floats from 0 to 255"):
        quantize_with(noise(4, 4), np.array([[0, 0, 255.0]]))


@pytest.mark.parametrize("bad", [np.zeros((3, 8, 8)), np.zeros((0, 4, 3)), np.full((2, 2, 3), np.nan), [1, 2]])
def test_wrong_pictures(bad):
    with pytest.raises(ImageError, match=r"^image: "):
        quantize_colors(bad, 4)
    with pytest.raises(ImageError, match=r"^image: "):
        quantize_with(bad, [BLACK])
