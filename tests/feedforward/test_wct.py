"""WCT: the transform in float64, degenerate features, the cascade, and the small networks' golden."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import SettingError, WeightsError
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.feedforward.covariance import principal, root
from jaxstyle.feedforward.load import load_fast
from jaxstyle.feedforward.model import blend
from jaxstyle.feedforward.wct import WCT, load_wct, wct

KEY = jax.random.key(1)
WIDTHS = (4, 3)
RANDOM = np.random.default_rng(2)
CONTENT, OTHER, STYLE, SECOND = (RANDOM.random((18, 17, 3), np.float32) for _ in range(4))
ORDERS = (0, 1, 0), (1, 0, 1)
transform = jax.jit(wct)
spectrum_of = jax.jit(principal)
run = jax.jit(lambda network, x: network(x))


@pytest.fixture(scope="module")
def net() -> WCT:
    """Levels 1 and 2, given in the wrong order."""
    levels = (1, 2)
    return WCT(
        [Encoder.random(KEY, widths=WIDTHS, level=level) for level in levels],
        [Decoder.random(KEY, widths=WIDTHS, level=level) for level in levels],
        conv="exact",
    )


@pytest.fixture(scope="module")
def codes(net) -> list:
    return [net.style_code(STYLE), net.style_code(SECOND)]


def whitened_and_colored(x: np.ndarray, mean: np.ndarray, coloring: np.ndarray) -> np.ndarray:
    """Equations 2 and 3 for positions (n, c), in float64."""
    x = x.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    powers = np.where(values >= 1e-5, np.maximum(values, 1e-5) ** -0.5, 0)
    return (x - x.mean(0)) @ ((vectors * powers) @ vectors.T) @ coloring + mean


def features(shape: tuple[int, ...], scales: list[float], seed: int = 0) -> np.ndarray:
    """Correlated channels whose principal deviations are `scales`."""
    random = np.random.default_rng(seed)
    rotation = np.linalg.qr(random.standard_normal((shape[2], shape[2])))[0]
    return (random.standard_normal(shape) * scales @ rotation + 3).astype(np.float32)


def test_the_transform():
    x, style = features((9, 8, 4), [30, 5, 1, 0.1]), features((7, 9, 4), [9, 4, 3, 0.5], seed=1)
    spectrum = spectrum_of(style)
    covariance = np.cov(style.reshape(-1, 4).astype(np.float64).T)
    np.testing.assert_allclose(root(spectrum, 1), covariance, rtol=1e-4, atol=1e-4)
    code = spectrum.mean, root(spectrum, 0.5)
    found = np.asarray(transform(x, code)).reshape(-1, 4)
    expected = whitened_and_colored(x.reshape(-1, 4), *map(np.asarray, code))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    # The result has the style's mean and covariance.
    np.testing.assert_allclose(np.cov(found.T), covariance, rtol=1e-3, atol=1e-3)


def test_small_eigenvalues_are_as_exact_as_large_ones():
    x = features((20, 20, 5), [100, 10, 1, 0.1, 0.01])
    found = np.sort(spectrum_of(x).values)
    exact = np.linalg.eigvalsh(np.cov(x.reshape(-1, 5).astype(np.float64).T))
    assert exact[0] < 2e-8 * exact[-1]  # where a covariance in float32 is all rounding
    np.testing.assert_allclose(found, exact, rtol=2e-2)


def test_in_a_region():
    x, mask = features((9, 8, 4), [30, 5, 1, 0.1]), np.float32(RANDOM.random((9, 8)) < 0.6)
    code = jnp.arange(4.0), jnp.diag(jnp.arange(1.0, 5.0))
    expected = whitened_and_colored(x[mask > 0], *map(np.asarray, code))
    np.testing.assert_allclose(np.asarray(transform(x, code, mask))[mask > 0], expected, atol=5e-3)
    assert jnp.isfinite(transform(x, code, jnp.zeros((9, 8)))).all()


def test_degenerate_contents():
    code = jnp.arange(4.0), jnp.diag(jnp.arange(1.0, 5.0))
    constant = transform(jnp.full((9, 8, 4), 0.3), code)
    np.testing.assert_allclose(constant, np.broadcast_to(code[0], (9, 8, 4)), atol=1e-4)
    few = features((9, 8, 4), [3, 2, 0, 0])  # of rank 2
    expected = whitened_and_colored(few.reshape(-1, 4), *map(np.asarray, code))
    np.testing.assert_allclose(np.asarray(transform(few, code)).reshape(-1, 4), expected, atol=2e-3)
    fewer = np.zeros((9, 8, 4), np.float32)  # less positions than channels, in effect
    fewer[0, 0], fewer[5, 5] = [1, 2, 3, 4], [4, 1, 0, 2]
    expected = whitened_and_colored(fewer.reshape(-1, 4), *map(np.asarray, code))
    np.testing.assert_allclose(np.asarray(transform(fewer, code)).reshape(-1, 4), expected, atol=2e-3)


def test_a_cascade_is_its_levels(net, codes):
    assert [encoder.level for encoder in net.encoders] == [2, 1]
    image = jnp.asarray(CONTENT)
    for encoder, decoder, code in zip(net.encoders, net.decoders, codes[0], strict=True):
        found = run(encoder, image)
        image = run(decoder, 0.6 * transform(found, code) + 0.4 * found)[:18, :17]
    np.testing.assert_allclose(net(CONTENT, codes[0], strength=0.6), jnp.clip(image, 0, 1), atol=1e-4)


def test_blends_regions_and_batches(net, codes):
    alone = [net(CONTENT, code) for code in codes]
    mixed = net(CONTENT, blend(codes))
    assert all(jnp.abs(mixed - one).max() > 0.01 for one in alone)
    # One program for all: three pictures with codes of their own, in both styles, in one, and in none.
    first, second = (jax.tree.map(lambda *leaves: jnp.stack(leaves), *(codes[i] for i in order)) for order in ORDERS)
    masks = np.stack([np.full((2, 18, 17), shares, np.float32) for shares in ([[[1]], [[1]]], [[[1]], [[0]]], 0)])
    found = net(np.stack([CONTENT, OTHER, CONTENT]), [first, second], masks=masks)
    np.testing.assert_allclose(found[0], mixed, atol=1e-3)
    np.testing.assert_allclose(found[1], net(OTHER, codes[1]), atol=1e-4)
    np.testing.assert_allclose(found[2], net(CONTENT, codes[0], strength=0), atol=1e-4)


def test_saved_and_opened(net, codes, tmp_path):
    path = net.save(tmp_path / "net.safetensors")
    again = load_fast(path)
    assert isinstance(again, WCT)
    assert all(np.array_equal(array, again.arrays()[name]) for name, array in net.arrays().items())
    np.testing.assert_allclose(load_wct(path, conv="exact")(CONTENT, codes[0]), net(CONTENT, codes[0]), atol=1e-5)
    with pytest.raises(WeightsError, match="WCT: has no networks"):
        WCT.from_arrays({}, {})


def test_settings(net):
    with pytest.raises(SettingError, match="got 2 encoders and 1 decoders"):
        load_wct(encoders=["a.pth", "b.pth"], decoders=["c.pth"])
    with pytest.raises(
        SettingError, match=r"decoders: take \[\(1, 4\)\] \(level, channels\), the encoders give \[\(2, 3\)\]"
    ):
        WCT([net.encoders[0]], [net.decoders[1]])
    with pytest.raises(SettingError, match="each level once"):
        WCT([net.encoders[0]] * 2, [net.decoders[0]] * 2)


@pytest.mark.slow
def test_the_small_networks_five_levels(shared):
    folder = shared / "small_vgg19"
    encoders, decoders = ([folder / f"{kind}{level}.npz" for level in range(1, 6)] for kind in ("se", "sd"))
    net = load_wct(encoders=encoders, decoders=decoders, conv="exact")
    content, style = (np.load(folder / f"golden_{name}_256.npy")[0] for name in ("content", "style"))
    golden = np.clip(np.load(folder / "golden_wct_5level.npy")[0], 0, 1)
    assert np.abs(np.asarray(net(content, net.style_code(style))) - golden).max() < 5e-4


@pytest.mark.parametrize("scale", [1.0, 2e4])
@pytest.mark.parametrize("rank", [0, 1, 2, 8])
def test_roots_of_singular_covariances_against_float64(rank, scale):
    random = np.random.default_rng(rank)
    features = scale * (random.standard_normal((42, rank)) @ random.standard_normal((rank, 8))).reshape(6, 7, 8)
    spectrum = spectrum_of(jnp.asarray(features, jnp.float32))
    values, vectors = np.linalg.eigh(np.cov(features.reshape(42, 8), rowvar=False))
    expected = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    np.testing.assert_allclose(root(spectrum, 0.5), expected, rtol=0, atol=1e-5 * max(np.abs(expected).max(), 1e-2))
    assert np.isfinite(root(spectrum, -0.5)).all()
    one = spectrum_of(jnp.asarray(features[:1, :1], jnp.float32))
    assert np.isfinite(root(one, -0.5)).all() and not np.any(root(one, 0.5))
