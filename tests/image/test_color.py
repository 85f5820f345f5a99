"""Colour control: the statistics that are promised, degenerate pictures, wrong arguments, real pictures."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image.color import keep_color, luminance, match_color, match_luminance

RANDOM = np.random.default_rng(8)
METHODS = ("cholesky", "pca", "symmetric", "histogram")
LINEAR = METHODS[:3]
YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def colors(h, w, *, seed, mean=0.5, spread=0.06):
    """Correlated colours, far enough from 0 and 1 that no method clips them."""
    rng = np.random.default_rng(seed)
    mix = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.3, 1, 3)
    return (mean + spread * rng.uniform(-1, 1, (h, w, 3)) @ mix).astype(np.float32)


def moments(image):
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.mean(0), np.cov(pixels.T, bias=True)


def linear_map(old, new):
    """The matrix that was applied to the centred pixels."""
    a, b = (image.reshape(-1, 3).astype(np.float64) for image in (old, new))
    return np.linalg.lstsq(a - a.mean(0), b - b.mean(0), rcond=None)[0].T


STYLE, CONTENT = colors(20, 30, seed=0, mean=0.4), colors(25, 16, seed=1, mean=0.55)


def test_a_brighter_grey_style():
    """Deviations of 0.2 round 0.5 become deviations of 0.1 round 0.3, whatever the method."""
    style = np.array([[[0.3] * 3, [0.7] * 3]])
    content = np.array([[[0.2] * 3, [0.4] * 3]])
    for method in METHODS:
        np.testing.assert_allclose(match_color(style, content, method=method), content, atol=1e-5)


@pytest.mark.parametrize("method", LINEAR)
def test_mean_and_covariance_become_the_contents(method):
    matched = match_color(STYLE, CONTENT, method=method)
    assert matched.shape == STYLE.shape and matched.dtype == np.float32
    assert matched.min() > 0 and matched.max() < 1
    for got, expected in zip(moments(matched), moments(CONTENT), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_matrices():
    old, new = (moments(image)[1] for image in (STYLE, CONTENT))
    half, third = np.linalg.inv(sqrtm(old)), sqrtm(old) @ new @ sqrtm(old)
    expected = {
        "cholesky": np.linalg.cholesky(new) @ np.linalg.inv(np.linalg.cholesky(old)),
        "pca": sqrtm(new) @ half,
        "symmetric": half @ sqrtm(third) @ half,
    }
    found = {method: linear_map(STYLE, match_color(STYLE, CONTENT, method=method)) for method in LINEAR}
    for method in LINEAR:
        np.testing.assert_allclose(found[method], expected[method], atol=1e-4)
    np.testing.assert_allclose(found["symmetric"], found["symmetric"].T, atol=1e-5)
    np.testing.assert_allclose(np.triu(found["cholesky"], 1), 0, atol=1e-5)
    moved = {method: np.mean((match_color(STYLE, CONTENT, method=method) - STYLE) ** 2) for method in LINEAR}
    assert moved["symmetric"] == min(moved.values())


def test_histograms_of_equal_size_become_the_same_values():
    content = colors(30, 20, seed=1)
    matched = match_color(STYLE, content, method="histogram")
    for c in range(3):
        np.testing.assert_allclose(np.sort(matched[..., c], None), np.sort(content[..., c], None), atol=1e-6)
        np.testing.assert_array_equal(np.argsort(matched[..., c], None), np.argsort(STYLE[..., c], None))


def test_quantiles_of_histograms_of_other_sizes():
    style, content = colors(60, 70, seed=0), colors(80, 90, seed=1)
    matched, at = match_color(style, content, method="histogram"), np.linspace(0, 1, 21)
    expected = np.quantile(content.reshape(-1, 3), at, axis=0)
    np.testing.assert_allclose(np.quantile(matched.reshape(-1, 3), at, axis=0), expected, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_its_own_colors_change_nothing(method):
    np.testing.assert_allclose(match_color(STYLE, STYLE, method=method), STYLE, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_flat_pictures(method):
    flat = np.full((3, 4, 3), [0.2, 0.5, 0.9], np.float32)
    middle = np.median if method == "histogram" else np.mean
    np.testing.assert_allclose(
        match_color(flat, CONTENT, method=method), np.broadcast_to(middle(CONTENT, (0, 1)), flat.shape), atol=1e-6
    )
    np.testing.assert_allclose(
        match_color(STYLE, flat, method=method), np.broadcast_to(flat[0, 0], STYLE.shape), atol=1e-6
    )
    np.testing.assert_allclose(match_color(flat[:1, :1], flat, method=method), flat[:1, :1], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_grey_pictures(method):
    grey, grey_content = STYLE.mean(2), np.repeat(CONTENT.mean(2)[..., None], 3, 2)
    matched = match_color(grey, CONTENT, method=method)
    assert matched.shape == STYLE.shape and np.isfinite(matched).all()
    np.testing.assert_allclose(moments(matched)[0], moments(CONTENT)[0], atol=1e-3 if method == "histogram" else 1e-6)
    to_grey = match_color(STYLE, grey_content, method=method)
    if method in LINEAR:
        np.testing.assert_allclose(to_grey, to_grey[..., :1].repeat(3, 2), atol=1e-6)
        np.testing.assert_allclose(to_grey[..., 0].std(), grey_content[..., 0].std(), atol=1e-6)


@pytest.mark.parametrize("method", LINEAR)
def test_noise_is_not_stretched_into_color(method):
    """A style that is grey but for rounding to 8 bits keeps a chroma of that order."""
    grey = np.repeat(STYLE.mean(2)[..., None], 3, 2)
    rounded = grey + np.random.default_rng(0).uniform(-1, 1, grey.shape).astype(np.float32) * 1e-4
    plain = match_color(grey, CONTENT, method=method)
    np.testing.assert_allclose(match_color(rounded, CONTENT, method=method), plain, atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_results_are_clipped(method):
    bright = np.clip(CONTENT * 3 - 0.9, 0, 1)
    matched = match_color(STYLE, bright, method=method)
    assert matched.min() >= 0 and matched.max() <= 1


def test_luminance():
    primaries = np.eye(3)[None]
    np.testing.assert_allclose(luminance(primaries), [[0.299, 0.587, 0.114]], rtol=1e-6)
    grey = STYLE[..., 0]
    np.testing.assert_allclose(luminance(grey), grey, atol=1e-6)
    assert luminance(STYLE).shape == STYLE.shape[:2] and luminance(STYLE).dtype == np.float32
    assert luminance(np.ones((2, 2, 3))).max() <= 1


def test_keep_color_takes_luma_from_one_and_chroma_from_the_other():
    result, content = colors(12, 9, seed=3), colors(12, 9, seed=4)
    kept = keep_color(result, content)
    expected = np.concatenate([result @ YIQ[:1].T, content @ YIQ[1:].T], axis=2)
    np.testing.assert_allclose(kept @ YIQ.T, expected, atol=2e-4)  # the table of YIQ has four digits
    np.testing.assert_allclose(luminance(kept), luminance(result), atol=1e-6)
    for a, b in ((0, 1), (1, 2)):
        np.testing.assert_allclose(kept[..., a] - kept[..., b], content[..., a] - content[..., b], atol=1e-6)


def test_keep_color_of_grey_and_flat_pictures_and_other_sizes():
    grey = np.repeat(CONTENT.mean(2)[..., None], 3, 2)
    np.testing.assert_allclose(keep_color(grey, grey), grey, atol=1e-6)
    np.testing.assert_allclose(keep_color(CONTENT, grey)[..., 1], luminance(CONTENT), atol=1e-6)
    flat = np.full((1, 1, 3), [0.4, 0.5, 0.6])
    assert keep_color(STYLE, flat).shape == STYLE.shape
    np.testing.assert_allclose(luminance(keep_color(STYLE, CONTENT)), luminance(STYLE), atol=1e-6)
    white = keep_color(np.ones((2, 2, 3)), flat)
    assert white.min() >= 0 and white.max() <= 1


def test_match_luminance():
    matched, wanted = match_luminance(STYLE, CONTENT), luminance(CONTENT)
    assert matched.shape == STYLE.shape and matched.dtype == np.float32
    np.testing.assert_array_equal(matched[..., 0], matched[..., 2])
    np.testing.assert_allclose(
        [matched[..., 0].mean(), matched[..., 0].std()], [wanted.mean(), wanted.std()], atol=1e-6
    )
    assert np.corrcoef(matched[..., 0].ravel(), luminance(STYLE).ravel())[0, 1] > 1 - 1e-6


def test_match_luminance_of_flat_pictures():
    flat = np.full((3, 4, 3), 0.25)
    np.testing.assert_allclose(match_luminance(flat, CONTENT), luminance(CONTENT).mean(), atol=1e-6)
    np.testing.assert_allclose(match_luminance(STYLE, flat), 0.25, atol=1e-6)


def test_eight_bit_pictures_are_taken_as_everywhere():
    eight = np.round(STYLE * 255).astype(np.uint8)
    np.testing.assert_allclose(match_color(eight, CONTENT), match_color(eight / 255, CONTENT), atol=1e-6)


def test_unknown_method():
    with pytest.raises(SettingError, match="method: got 'cholesk'; did you mean 'cholesky'"):
        match_color(STYLE, CONTENT, method="cholesk")


@pytest.mark.parametrize("function", [match_color, match_luminance, keep_color])
@pytest.mark.parametrize("bad", [np.zeros((3, 8, 8)), np.zeros((1, 8, 8, 3)), np.zeros((0, 4, 3)), np.zeros(5)])
def test_wrong_shapes_name_the_argument(function, bad):
    first = "result" if function is keep_color else "style"
    with pytest.raises(ImageError, match=f"^{first}: got shape"):
        function(bad, CONTENT)
    with pytest.raises(ImageError, match=r"^content: got shape"):
        function(STYLE, bad)
    with pytest.raises(ImageError, match=r"^image: got shape"):
        luminance(bad)


@pytest.mark.parametrize("value", [np.nan, 255.0])
def test_wrong_values_name_the_argument(value):
    with pytest.raises(ImageError, match=r"^content: "):
        match_color(STYLE, np.full((4, 4, 3), value))


@pytest.mark.parametrize("method", METHODS)
def test_real_pictures(method):
    data = pytest.importorskip("skimage.data")
    style, content = data.coffee()[::2, ::2], data.chelsea()[::2, ::2]
    matched = match_color(style, content, method=method)
    assert matched.shape == style.shape
    for got, expected in zip(moments(matched), moments(content / 255), strict=True):
        if method == "histogram":  # each channel for itself: what they have in common is the style's
            got, expected = got.diagonal() if got.ndim == 2 else got, expected.diagonal() if got.ndim == 2 else expected
        np.testing.assert_allclose(got, expected, atol=1e-3 if method == "histogram" else 1e-6)


def test_luma_of_real_pictures_is_that_of_scikit_image():
    data, color = pytest.importorskip("skimage.data"), pytest.importorskip("skimage.color")
    cat = data.chelsea()
    np.testing.assert_allclose(luminance(cat), color.rgb2yiq(cat)[..., 0], atol=1e-5)
    kept = keep_color(data.chelsea()[:, ::-1], cat)
    inside = ((kept > 0) & (kept < 1)).all(2)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(color.rgb2yiq(kept)[inside][:, 1:], color.rgb2yiq(cat)[inside][:, 1:], atol=1e-5)


DEGENERATE = {
    "noise": RANDOM.random((9, 11, 3)),
    "one colour": np.full((9, 11, 3), 0.3),
    "black": np.zeros((9, 11, 3)),
    "one pixel": RANDOM.random((1, 1, 3)),
    "two tones": np.where(np.arange(11)[None, :, None] < 5, [0.9, 0.1, 0.2], [0.1, 0.1, 0.8]) * np.ones((9, 1, 1)),
    "grey": np.repeat(RANDOM.random((9, 11, 1)), 3, 2),
    "red alone": RANDOM.random((9, 11, 1)) * np.array([1, 0, 0]),
    "nearly one colour": 0.5 + 1e-6 * RANDOM.random((9, 11, 3)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("style", DEGENERATE)
def test_singular_covariances_of_either_picture(style, method):
    """A root or a triangle of a covariance of rank 0, 1 or 2."""
    for content in DEGENERATE.values():
        matched = match_color(DEGENERATE[style].astype(np.float32), content.astype(np.float32), method=method)
        assert np.isfinite(matched).all() and matched.min() >= 0 and matched.max() <= 1
        if style in ("noise", "grey", "two tones") and content.std() < 1e-5:
            np.testing.assert_allclose(matched, np.broadcast_to(content.mean((0, 1)), matched.shape), atol=0.01)
