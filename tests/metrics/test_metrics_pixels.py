"""SSIM, edge agreement and chroma distance: closed forms, scikit-image, NumPy, and what they are blind to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metric_networks import pictures
from skimage.metrics import structural_similarity

from jaxstyle.errors import ImageError
from jaxstyle.image.color import LUMA
from jaxstyle.metrics import chroma_distance, chroma_histogram, edge_agreement, ssim
from jaxstyle.metrics.edges import edge_strength

X, Y, Z = (jnp.asarray(each) for each in pictures(3, 40, 33))
METRICS = (ssim, edge_agreement, chroma_distance)


def flat(value, height=16, width=16):
    return jnp.full((height, width, 3), jnp.asarray(value, jnp.float32))


# --- SSIM ----------------------------------------------------------------------------------------------------------


def test_ssim_of_flat_pictures():
    """Without variance only the means count: (2 m n + C1) / (m^2 + n^2 + C1)."""
    np.testing.assert_allclose(ssim(flat(0.2), flat(0.6)), (0.24 + 1e-4) / (0.4 + 1e-4), rtol=1e-5)


def skimage_ssim(x, y):
    grey = [np.asarray(each, np.float64) @ LUMA for each in (x, y)]
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    return structural_similarity(*grey, **settings)


PAIRS = [(X, Y), (X, 0.5 * X), (X, 1 - X), (0.01 * X + 0.98, 0.01 * X + 0.97), (X[:11, :11], Y[:11, :11]), (X, X)]


@pytest.mark.parametrize(("x", "y"), PAIRS)
def test_ssim_is_scikit_images(x, y):
    assert abs(float(ssim(x, y)) - skimage_ssim(x, y)) < 3e-6


def test_ssim_of_equal_and_opposite_pictures():
    assert ssim(X, X) == 1 == jax.jit(ssim)(X, X) and ssim(X, 1 - X) < 0


# --- edges ---------------------------------------------------------------------------------------------------------


def test_a_slope_has_its_own_strength():
    rows, columns = np.mgrid[:6, :7]
    np.testing.assert_allclose(edge_strength(jnp.asarray(0.03 * rows + 0.04 * columns)), 0.05, rtol=1e-5)


def test_edge_agreement_is_pearsons_correlation():
    scipy = pytest.importorskip("scipy.ndimage")

    def strengths(picture):
        grey = np.asarray(picture, np.float64) @ LUMA
        return np.hypot(scipy.sobel(grey, 0), scipy.sobel(grey, 1))[1:-1, 1:-1].ravel()

    expected = np.corrcoef(strengths(X), strengths(X * Y))[0, 1]
    assert 0.1 < expected < 1
    np.testing.assert_allclose(edge_agreement(X, X * Y), expected, atol=1e-4)


def test_edges_are_blind_to_brightness_contrast_and_sign():
    for other in (X, 0.5 * X + 0.2, 1 - X):
        np.testing.assert_allclose(edge_agreement(other, X), 1, atol=1e-4)


def test_edges_of_flat_pictures():
    assert edge_agreement(flat(0.2), flat(0.7)) == 1
    assert edge_agreement(flat(0.2, 40, 33), X) < 0.01


# --- chroma --------------------------------------------------------------------------------------------------------


def test_no_colour_in_common_and_all():
    assert chroma_distance(flat([1.0, 0.05, 0.05]), flat([0.05, 0.05, 1.0])) > 0.9
    assert chroma_distance(flat([0.9, 0.5, 0.2]), flat([0.9, 0.5, 0.2], 20, 31)) < 1e-3


def oracle_histogram(image):
    """HistoGAN's eqs. 1-4, all pixels at once, in float64."""
    pixels = np.asarray(image, np.float64).reshape(-1, 3)
    logs, bins, total = np.log(pixels + 1e-6), np.linspace(-3, 3, 64), []
    weights = np.sqrt((pixels**2).sum(1) + 1e-6)
    for channel, others in enumerate(((1, 2), (0, 2), (0, 1))):
        distances = [abs(logs[:, channel, None] - logs[:, other, None] - bins) / 0.02 for other in others]
        u, v = (1 / (1 + distance**2) for distance in distances)
        total.append(np.einsum("n,nu,nv->uv", weights, u, v))
    return np.array(total) / np.sum(total)


@pytest.mark.parametrize("shape", [(40, 33), (70, 61)])  # one chunk of pixels, and two with a remainder
def test_histogram_oracle(shape):
    image = pictures(1, *shape)[0]
    found = chroma_histogram(jnp.asarray(image))
    np.testing.assert_allclose(found, oracle_histogram(image), rtol=2e-3, atol=1e-8)
    np.testing.assert_allclose(np.sum(found), 1, rtol=1e-5)


def test_chroma_oracle():
    roots = [np.sqrt(oracle_histogram(each)) for each in (X, Y)]
    np.testing.assert_allclose(chroma_distance(X, Y), np.linalg.norm(roots[0] - roots[1]) / 2**0.5, rtol=1e-4)


def test_chroma_is_blind_to_order_brightness_and_repetition():
    for other in (X[::-1, ::-1], 0.5 * X, jnp.concatenate([X, X])):
        assert chroma_distance(other, X) < 2e-3
    assert chroma_distance(X, X) == 0


def test_chroma_of_black_and_beyond_the_range():
    assert np.isfinite(chroma_distance(flat(0.0), X))
    assert chroma_distance(flat(1.5), flat(1.0)) == 0


# --- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_batch_is_single_and_jit_is_eager(metric):
    batch, contents = jnp.stack([X, Y, Z]), jnp.stack([Y, Z, Y * Z])
    single = [metric(*pair) for pair in zip(batch, contents, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(metric))(batch, contents), jnp.stack(single), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jax.jit(metric)(X, Y), single[0], rtol=1e-5)
    assert single[0].shape == () and single[0].dtype == jnp.float32


@pytest.mark.parametrize("metric", METRICS)
def test_wrong_pictures(metric, unchecked):
    with pytest.raises(ImageError, match=r"image: got float32 \(40, 33\), expected floats in \[0, 1\]"):
        metric(X[..., 0], Y)
    with pytest.raises(ImageError, match="uint8"):
        metric(jnp.zeros((20, 20, 3), jnp.uint8), X)
    with pytest.raises(ImageError, match="image: values run to 255, expected"):
        metric(flat(255.0), flat(0.5))


def test_sizes_that_do_not_fit(unchecked):
    for metric in (ssim, edge_agreement):
        with pytest.raises(ImageError, match="image: got 33x30 pixels, expected the content's 33x40; resize"):
            metric(X[:30], Y)
    with pytest.raises(ImageError, match="image: got 33x10 pixels; SSIM's window needs at least 11"):
        ssim(X[:10], Y[:10])
    with pytest.raises(ImageError, match="Sobel's kernel needs at least 3"):
        edge_agreement(X[:2], Y[:2])
