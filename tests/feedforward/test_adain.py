"""AdaIN: the formula in float64, strengths, blends, regions, batches, and the saved file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import ImageError, SettingError, WeightsError
from jaxstyle.feedforward.adain import AdaIN, adain, load_adain, moments
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.feedforward.load import load_fast
from jaxstyle.feedforward.model import FastModel, blend
from jaxstyle.feedforward.regions import masks_at
from jaxstyle.feedforward.store import read_network

KEY = jax.random.key(1)
WIDTHS = (3, 4)
RANDOM = np.random.default_rng(2)
CONTENT, OTHER, STYLE, SECOND = (RANDOM.random((18, 17, 3), np.float32) for _ in range(4))
HALVES = np.stack([np.indices((18, 17))[1] < 8, np.indices((18, 17))[1] >= 8]).astype(np.float32)


@pytest.fixture(scope="module")
def net() -> AdaIN:
    return AdaIN(Encoder.random(KEY, widths=WIDTHS, level=2), Decoder.random(KEY, widths=WIDTHS, level=2), conv="exact")


@jax.jit
def run(network: Encoder | Decoder, x: jax.Array) -> jax.Array:
    return network(x)


@pytest.fixture(scope="module")
def features(net) -> np.ndarray:
    """Of the content."""
    return np.asarray(run(net.encoder, jnp.asarray(CONTENT)))


def decoded(net: AdaIN, x: np.ndarray) -> np.ndarray:
    return np.clip(run(net.decoder, jnp.asarray(x, jnp.float32))[:18, :17], 0, 1)


@pytest.fixture(scope="module")
def codes(net) -> list[jax.Array]:
    return [net.style_code(STYLE), net.style_code(SECOND)]


def moved(x: np.ndarray, code: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Equation 8 over the positions of a hard mask, in float64; elsewhere 0."""
    x = x.astype(np.float64)
    inside = x[mask > 0]
    deviation = np.sqrt(inside.var(0, ddof=1) + 1e-5)
    return np.where(mask[..., None] > 0, (x - inside.mean(0)) / deviation * code[1] + code[0], 0)


def test_the_formula():
    x = RANDOM.standard_normal((5, 6, 3), np.float32) * np.float32([1, 10, 100]) + 7
    code = np.float32([[1, 2, 3], [4, 5, 6]])
    found = adain(jnp.asarray(x), jnp.asarray(code))
    np.testing.assert_allclose(found, moved(x, code, np.ones((5, 6))), atol=1e-4)
    flat = x.reshape(-1, 3).astype(np.float64)
    expected = [flat.mean(0), np.sqrt(flat.var(0, ddof=1) + 1e-5)]
    np.testing.assert_allclose(moments(jnp.asarray(x)), expected, rtol=1e-5)
    # The result has the style's moments.
    np.testing.assert_allclose(moments(found), code, atol=1e-3)


def test_the_formula_in_a_region():
    x = RANDOM.standard_normal((5, 6, 3), np.float32)
    code, mask = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32(RANDOM.random((5, 6)) < 0.5)
    found = adain(*map(jnp.asarray, (x, code, mask)))
    np.testing.assert_allclose(found * mask[..., None], moved(x, code, mask), atol=1e-4)
    assert jnp.isfinite(adain(jnp.asarray(x), jnp.asarray(code), jnp.zeros((5, 6)))).all()


def test_a_constant_content_becomes_the_mean():
    code = jnp.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_allclose(adain(jnp.full((4, 4, 3), 0.3), code), np.broadcast_to(code[0], (4, 4, 3)), atol=1e-3)


def test_a_network_is_its_parts(net, features, codes):
    stylised = adain(jnp.asarray(features), codes[0])
    for strength in (0.0, 0.6, 1.0):
        expected = decoded(net, strength * stylised + (1 - strength) * features)
        np.testing.assert_allclose(net(CONTENT, codes[0], strength=strength), expected, atol=1e-5)
    assert isinstance(net, FastModel)


def test_blends_are_means_of_features(net, features, codes):
    first, second = (adain(jnp.asarray(features), code) for code in codes)
    mean = 0.3 * first + 0.7 * second
    np.testing.assert_allclose(net(CONTENT, blend(codes, [0.3, 0.7])), decoded(net, mean), atol=1e-5)


def test_regions(net, features, codes):
    masks = np.asarray(masks_at(jnp.asarray(HALVES), 2))
    assert masks.shape == (2, 9, 9)
    assert set(masks.ravel()) == {0, 1}
    mixed = sum(moved(features, np.asarray(code), mask) for code, mask in zip(codes, masks, strict=True))
    np.testing.assert_allclose(net(CONTENT, codes, masks=HALVES), decoded(net, mixed), atol=1e-4)
    # Masks that overlap are shares; what no mask covers stays the content.
    np.testing.assert_allclose(net(CONTENT, codes, masks=np.ones_like(HALVES)), net(CONTENT, blend(codes)), atol=1e-5)
    np.testing.assert_allclose(
        net(CONTENT, codes, masks=np.zeros_like(HALVES)), net(CONTENT, codes[0], strength=0), atol=1e-5
    )


def test_masks_cover_what_is_pooled():
    mask = jnp.zeros((1, 5, 5)).at[0, 4, 4].set(1).at[0, 0, 0].set(1)
    np.testing.assert_allclose(masks_at(mask, 2)[0], [[0.25, 0, 0], [0, 0, 0], [0, 0, 1]])


def test_a_batch_is_its_pictures(net, codes):
    both = jnp.stack([CONTENT, OTHER])
    shared = net(both, codes[0])
    np.testing.assert_allclose(shared[1], net(OTHER, codes[0]), atol=1e-5)
    np.testing.assert_allclose(shared[0], net(CONTENT, codes[0]), atol=1e-5)
    each = net(both, jnp.stack(codes))
    np.testing.assert_allclose(each[0], shared[0], atol=1e-5)
    np.testing.assert_allclose(each[1], net(OTHER, codes[1]), atol=1e-5)
    regions = net(both, codes, masks=np.stack([HALVES, HALVES[::-1]]))
    np.testing.assert_allclose(regions[1], net(OTHER, codes[::-1], masks=HALVES), atol=1e-5)


def test_saved_and_opened(net, codes, tmp_path):
    path = net.save(tmp_path / "net.safetensors")
    for again in (load_adain(path, conv="exact"), load_fast(path)):
        assert isinstance(again, AdaIN)
        np.testing.assert_allclose(again(CONTENT, again.style_code(STYLE)), net(CONTENT, codes[0]), atol=1e-5)
    kind, arrays, metadata = read_network(path)
    assert (kind, metadata["last_relu2"], metadata["padding2"]) == ("adain", "false", "reflect")
    with pytest.raises(WeightsError, match="missing conv1_2/kernel"):
        AdaIN.from_arrays({k: v for k, v in arrays.items() if k != "decoder2/conv1_2/kernel"}, metadata)
    with pytest.raises(WeightsError, match="metadata lacks padding2"):
        AdaIN.from_arrays(arrays, {k: v for k, v in metadata.items() if k != "padding2"})
    with pytest.raises(WeightsError, match="unknown arrays 'other'"):
        AdaIN.from_arrays(arrays | {"other/x": np.zeros(1)}, metadata)


def test_settings(net, codes, unchecked):
    with pytest.raises(ImageError, match=r"content: got float32 of shape \(4, 4\), expected floats"):
        net(CONTENT[:4, :4, 0], codes[0])
    with pytest.raises(ImageError, match="style: got uint8"):
        net.style_code(np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(ImageError, match="at least 4"):
        net(CONTENT[:3], codes[0])
    with pytest.raises(SettingError, match=r"strength: got 1\.5"):
        net(CONTENT, codes[0], strength=1.5)
    with pytest.raises(SettingError, match=r"code: got arrays of shapes \[\(2, 3\)\]"):
        net(CONTENT, codes[0][:, :3])
    with pytest.raises(SettingError, match=r"masks: got the shape \(2, 18, 16\), expected \(2, 18, 17\)"):
        net(CONTENT, codes, masks=HALVES[..., :16])
    with pytest.raises(SettingError, match=r"outside \[0, 1\]"):
        net(CONTENT, codes, masks=2 * HALVES)
    with pytest.raises(SettingError, match="expected a saved network, or both"):
        load_adain(encoder="vgg.pth")
    with pytest.raises(SettingError, match="decoder: takes 3 channels of relu1_1"):
        AdaIN(net.encoder, Decoder.random(KEY, widths=WIDTHS, level=1))
