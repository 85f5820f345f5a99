from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tflite_files import predictor, small_transformer, write_tflite

from jaxstyle.errors import ImageError, SettingError, WeightsError
from jaxstyle.feedforward import magenta
from jaxstyle.feedforward.load import load_fast
from jaxstyle.feedforward.magenta import Magenta, load_magenta
from jaxstyle.feedforward.model import FastModel, blend
from jaxstyle.feedforward.predictor import Predictor
from jaxstyle.feedforward.transformer import Transformer

RANDOM = np.random.default_rng(1)
CONTENTS = RANDOM.random((2, 16, 18, 3), np.float32)
VECTORS = RANDOM.standard_normal((2, 100)).astype(np.float32)


@pytest.fixture(scope="module")
def net() -> Magenta:
    """Random numbers, the predictor's small enough that its vectors are."""
    arrays = {name: array / 20 if name.endswith("kernel") else array for name, array in predictor().items()}
    transformer = {name: array / (8 if array.ndim == 4 else 10) for name, array in small_transformer().items()}
    return Magenta(Predictor(arrays), Transformer(transformer), licence="MIT")


def test_it_is_a_fast_model(net: Magenta):
    assert isinstance(net, FastModel)
    assert net.style_size == 256


def test_a_batch_is_its_pictures(net: Magenta):
    singles = [net(content, vector) for content, vector in zip(CONTENTS, VECTORS, strict=True)]
    np.testing.assert_allclose(net(CONTENTS, VECTORS), jnp.stack(singles), atol=1e-5)
    shared = net(CONTENTS, VECTORS[0])
    np.testing.assert_allclose(shared[0], singles[0], atol=1e-5)
    np.testing.assert_allclose(shared[1], net(CONTENTS[1], VECTORS[0]), atol=1e-5)


def test_strength_leads_from_the_content_s_own_style(net: Magenta):
    content, vector = CONTENTS[0], VECTORS[0]
    own = net.style_vector(content)
    assert own.shape == (100,)
    np.testing.assert_array_equal(net.style_code(content), own)
    np.testing.assert_allclose(net(content, vector, strength=0.0), net(content, own), atol=1e-5)
    between = net(content, 0.25 * vector + 0.75 * own)
    np.testing.assert_allclose(net(content, vector, strength=0.25), between, atol=1e-5)


def test_a_batch_in_one_style_at_half_strength(net: Magenta, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(magenta, "_style_vector", lambda predictor, pictures: jnp.asarray(VECTORS))
    mixed = net(CONTENTS, VECTORS[0], strength=0.5)
    np.testing.assert_allclose(mixed, net(CONTENTS, (VECTORS[:1] + VECTORS) / 2), atol=1e-5)


def test_blends_are_between(net: Magenta):
    mixed = blend(list(VECTORS), [3, 1])
    np.testing.assert_allclose(mixed, 0.75 * VECTORS[0] + 0.25 * VECTORS[1], rtol=1e-5)
    assert net(CONTENTS[0], mixed).shape == CONTENTS[0].shape


def test_one_program_for_a_shape(net: Magenta):
    net(CONTENTS[0], VECTORS[0])
    before = magenta._paint._cache_size()
    other = Magenta(net.predictor, net.transformer, name="another")
    other(CONTENTS[1], VECTORS[1])
    assert magenta._paint._cache_size() == before


def test_saved_and_loaded(net: Magenta, tmp_path: Path):
    again = load_fast(net.save(tmp_path / "net.safetensors"))
    assert isinstance(again, Magenta)
    assert (again.name, again.licence) == ("magenta", "MIT")
    for mine, its in zip(jax.tree.leaves(net), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_loaded_from_tflite(net: Magenta, tmp_path: Path):
    transformer = {name: np.asarray(value[...]) for name, value in net.transformer.params.items()}
    transfer = write_tflite(tmp_path / "transfer.tflite", transformer)
    predict = write_tflite(tmp_path / "predict.tflite", predictor(), "int8")
    found = load_magenta(predict=predict, transfer=transfer)
    np.testing.assert_array_equal(found(CONTENTS[0], VECTORS[0]), net(CONTENTS[0], VECTORS[0]))
    with pytest.raises(WeightsError, match="not Magenta's transformer"):
        load_magenta(predict=predict, transfer=predict)


@pytest.mark.parametrize(
    ("content", "code", "strength", "match"),
    [
        (CONTENTS[0, :, :, :2], VECTORS[0], 1, r"content: got float32 of shape \(16, 18, 2\)"),
        (np.uint8(CONTENTS[0]), VECTORS[0], 1, r"content: got uint8 .*expected floats in \[0, 1\]"),
        (CONTENTS[0, :15], VECTORS[0], 1, "got 18x15 pixels, expected at least 16"),
        (CONTENTS[0], VECTORS[0, :99], 1, r"code: got the shape \(99,\)"),
        (CONTENTS, VECTORS[[0, 0, 1]], 1, r"code: got the shape \(3, 100\)"),
        (CONTENTS[0], VECTORS[:1], 1, r"code: got the shape \(1, 100\)"),
        (CONTENTS[0], VECTORS[0], 1.5, "strength: got 1.5, expected"),
        (CONTENTS[0], VECTORS[0], float("nan"), "strength: got nan"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_errors(net: Magenta, content: np.ndarray, code: np.ndarray, strength: float, match: str):
    with pytest.raises((ImageError, SettingError), match=match):
        net(content, code, strength=strength)


@pytest.mark.usefixtures("unchecked")
def test_a_batch_of_styles_is_refused(net: Magenta):
    with pytest.raises(ImageError, match=r"style: got float32 of shape \(2, 16, 18, 3\), expected .*\(h, w, 3\)$"):
        net.style_vector(CONTENTS)


def test_arrays_of_others_are_refused():
    with pytest.raises(WeightsError, match="unknown array 'encoder/conv1'"):
        Magenta.from_arrays({"encoder/conv1": np.ones(2)}, {})
    with pytest.raises(WeightsError, match="not Magenta's style predictor"):
        Magenta.from_arrays({}, {})
