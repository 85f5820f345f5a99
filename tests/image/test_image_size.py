"""Resizing: exact sizes, the identity, constants, antialiasing, and NumPy's own Lanczos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image import Picture, fit, resize, resize_picture
from jaxstyle.image.size import INVISIBLE


def lanczos_matrix(old: int, new: int) -> np.ndarray:
    """(new, old): what output i takes from input j; the kernel is widened when shrinking, and sums to 1."""
    scale = max(old / new, 1)
    centers = (np.arange(new)[:, None] + 0.5) * old / new
    x = (np.arange(old) + 0.5 - centers) / scale
    weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(5, 7), (31, 40), (1, 1), (12, 33)])
def test_against_matrices(size):
    rgb = np.random.default_rng(0).random((17, 20, 3))
    expected = np.einsum("ih,jw,hwc->ijc", lanczos_matrix(17, size[0]), lanczos_matrix(20, size[1]), rgb)
    np.testing.assert_allclose(resize(rgb.astype(np.float32), size), np.clip(expected, 0, 1), atol=2e-6)


def test_own_size_is_the_identity_and_copies():
    rgb = np.random.default_rng(0).random((9, 8, 3), np.float32)
    out = resize(rgb, (9, 8))
    np.testing.assert_array_equal(out, rgb)
    assert not np.shares_memory(out, rgb) and out.flags.c_contiguous


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (9, 8, 3), (9, 8, 7)])
def test_channels_are_kept(shape):
    out = resize(np.full(shape, 0.25, np.float32), (4, 20))
    assert out.shape == (4, 20, *shape[2:]) and out.dtype == np.float32
    np.testing.assert_allclose(out, 0.25, atol=1e-6)


def test_shrinking_does_not_alias():
    stripes = np.tile(np.array([0, 1], np.float32), (64, 32))
    np.testing.assert_allclose(resize(stripes, (16, 16))[4:-4, 4:-4], 0.5, atol=0.02)


def test_overshoot_is_clipped():
    edge = np.repeat(np.array([0, 1], np.float32), 8)[None]
    out = resize(edge, (1, 64))
    assert out.min() == 0 and out.max() == 1


def test_transposed_input():
    rgb = np.random.default_rng(0).random((6, 9, 3), np.float32)
    expected = resize(rgb, (4, 5)).transpose(1, 0, 2)
    np.testing.assert_allclose(resize(rgb.transpose(1, 0, 2), (5, 4)), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (4,), (4, 4, 3), (4, 2.5)])
def test_wrong_sizes(size):
    with pytest.raises(SettingError, match=r"^resize: got size"):
        resize(np.zeros((4, 4, 3), np.float32), size)


@pytest.mark.parametrize("shape", [(4,), (0, 4, 3), (1, 4, 4, 3)])
def test_wrong_shapes(shape):
    with pytest.raises(ImageError, match=r"^resize: got shape"):
        resize(np.zeros(shape, np.float32), (4, 4))


def test_fit():
    assert fit((600, 900), 300) == (200, 300)
    assert fit((900, 600, 3), 300) == (300, 200)
    assert fit((1, 1000), 10) == (1, 10)
    assert fit((2, 3), 3) == (2, 3)
    assert fit((5, 10), 5) == (3, 5)  # half a pixel rounds up


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4000))
def test_fit_keeps_the_aspect(height, width, long_edge):
    got = fit((height, width), long_edge)
    assert max(got) == long_edge and min(got) >= 1
    exact = min(height, width) * long_edge / max(height, width)
    assert abs(min(got) - max(exact, 1)) <= 0.5


def test_resizing_a_cut_out_leaves_no_fringe():
    """Whatever colour is hidden under the transparent pixels, the edge keeps the object's."""
    y, x = np.mgrid[:96, :96]
    alpha = ((y - 48) ** 2 + (x - 48) ** 2 < 40**2).astype(np.float32)
    color = np.float32([0.1, 0.2, 0.6])
    for hidden in (0.0, 0.5, 1.0):
        rgb = np.where(alpha[..., None] > 0, color, np.float32(hidden))
        small = resize_picture(Picture(rgb, alpha), (30, 30))
        edge = small.alpha > INVISIBLE
        assert ((small.alpha > 0.1) & (small.alpha < 0.9)).sum() > 20
        np.testing.assert_allclose(small.rgb[edge], np.broadcast_to(color, (edge.sum(), 3)), atol=0.01)
        assert (small.rgb[~edge] == 1).all()
        np.testing.assert_array_equal(small.alpha, resize(alpha, (30, 30)))


def test_a_picture_without_alpha_or_of_its_own_size_is_as_before():
    rgb = np.random.default_rng(0).random((12, 18, 3), np.float32)
    alpha = np.random.default_rng(1).random((12, 18), np.float32)
    opaque = resize_picture(Picture(rgb, None), (6, 9))
    np.testing.assert_array_equal(opaque.rgb, resize(rgb, (6, 9)))
    assert opaque.alpha is None
    same = resize_picture(Picture(rgb, alpha), (12, 18))
    np.testing.assert_array_equal(same.rgb, rgb)
    np.testing.assert_array_equal(same.alpha, alpha)
    blended = resize_picture(Picture(rgb, np.ones_like(alpha)), (6, 9))
    np.testing.assert_allclose(blended.rgb, opaque.rgb, atol=1e-6)
