"""Fréchet distance, FID and ArtFID: closed forms, SciPy, and what they refuse."""

import jax
import numpy as np
import pytest
from metric_networks import inception_state, linear_state, pictures, trunk_state
from weight_files import write_zip

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.metrics import LPIPS, ArtFID, Inception, artfid, fid, frechet_distance, load_inception, load_lpips


def covariance(seed, d=12, n=40):
    return np.cov(np.random.default_rng(seed).normal(size=(n, d)), rowvar=False)


def test_one_dimension():
    """(m1 - m2)^2 + (s1 - s2)^2."""
    np.testing.assert_allclose(frechet_distance(1.0, 4.0, 3.0, 25.0), 4 + 9)


def test_diagonal_covariances():
    first, second = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    found = frechet_distance(np.zeros(3), np.diag(first), np.ones(3), np.diag(second))
    np.testing.assert_allclose(found, 3 + np.sum((np.sqrt(first) - np.sqrt(second)) ** 2))


def test_scipys_root():
    sqrtm = pytest.importorskip("scipy.linalg").sqrtm
    one, two = covariance(0), covariance(1)
    expected = 12 * 0.25 + np.trace(one + two - 2 * sqrtm(one @ two).real)
    np.testing.assert_allclose(frechet_distance(np.zeros(12), one, np.full(12, 0.5), two), expected, rtol=1e-10)


def test_equal_symmetric_rotated_and_singular():
    one, two, mean = covariance(0), covariance(1), np.arange(12.0)
    assert frechet_distance(mean, one, mean, one) < 1e-12
    forth, back = frechet_distance(mean, one, -mean, two), frechet_distance(-mean, two, mean, one)
    np.testing.assert_allclose(forth, back, rtol=1e-12)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12))).Q
    turned = frechet_distance(turn @ mean, turn @ one @ turn.T, -turn @ mean, turn @ two @ turn.T)
    np.testing.assert_allclose(turned, forth, rtol=1e-10)
    line = np.outer(mean, mean)  # of rank one: (s1 - s2)^2 along it
    np.testing.assert_allclose(frechet_distance(mean, 4 * line, mean, 9 * line), np.trace(line), rtol=1e-7)


def test_fid_of_samples():
    x = np.random.default_rng(0).normal(size=(50, 6))
    assert fid(x, x[::-1]) < 1e-12
    np.testing.assert_allclose(fid(x, x + 2), 6 * 4)
    np.testing.assert_allclose(fid(x - x.mean(0), 3 * (x - x.mean(0))), 4 * np.trace(np.cov(x, rowvar=False)))


def test_wrong_statistics(unchecked):
    with pytest.raises(SettingError, match=r"cov2: got shape \(2, 2\), expected finite numbers of shape \(3, 3\)"):
        frechet_distance(np.zeros(3), np.eye(3), np.zeros(3), np.eye(2))
    with pytest.raises(SettingError, match=r"mean1: .*finite"):
        frechet_distance([np.nan], [[1.0]], [0.0], [[1.0]])
    with pytest.raises(SettingError, match=r"features2: .*at least 2 pictures"):
        fid(np.zeros((3, 2)), np.zeros((1, 2)))


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artfid")
    trunk = write_zip(folder / "alexnet.pth", trunk_state("alexnet"))
    linear = write_zip(folder / "linear.pth", linear_state("alexnet"))
    inception = load_inception(write_zip(folder / "inception.pth", inception_state("art")))
    return {"lpips": load_lpips(trunk=trunk, linear=linear), "inception": inception}


def test_artfid_is_its_parts(networks):
    results, contents, styles = (list(pictures(3, 80, 80, seed)) for seed in range(3))
    found = artfid(results, contents, styles[:2], **networks)
    kept = np.mean([jax.jit(LPIPS.__call__)(networks["lpips"], *pair) for pair in zip(results, contents, strict=True)])
    features = jax.jit(Inception.__call__)
    looks = [np.stack([features(networks["inception"], each) for each in group]) for group in (results, styles[:2])]
    np.testing.assert_allclose(found.lpips, kept, rtol=1e-5)
    np.testing.assert_allclose(found.fid, fid(*looks), rtol=1e-3)
    np.testing.assert_allclose(found.value, (1 + found.lpips) * (1 + found.fid))


def test_the_best_artfid_is_one(networks):
    results = list(pictures(2, 80, 80))
    best = artfid(results, results, results[::-1], **networks)
    assert isinstance(best, ArtFID) and best.value < 1 + 1e-9


def test_wrong_sets(networks, unchecked):
    results = list(pictures(2, 80, 80))
    with pytest.raises(SettingError, match="contents: got 1 for 2 results"):
        artfid(results, results[:1], results, **networks)
    with pytest.raises(SettingError, match="styles: got 1, expected at least 2"):
        artfid(results, results, results[:1], **networks)
    with pytest.raises(ImageError, match=r"results\[1\]: image: got 80x80 pixels, expected the content's 80x70"):
        artfid(results, [results[0], results[1][:70]], results, **networks)
    with pytest.raises(ImageError, match=r"styles\[1\]: image: got 80x40 pixels; InceptionV3 needs at least 75"):
        artfid(results, results, [results[0], results[1][:40]], **networks)
