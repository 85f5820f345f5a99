from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.objective import make_objective
from jaxstyle.presets import PRESETS
from jaxstyle.vgg import VGG19
from jaxstyle.weights.embedded import embedded_weights
from jaxstyle.weights.load import read_weights

GOLDENS = Path(__file__).parent / "goldens/presets_torch.npz"  # of torch_presets.py
PUBLISHED = ("gatys", "neural_style", "crowsonkb")
SOURCES = {
    "default": "jaxstyle's own",
    "embedded": "jaxstyle's own",
    "gatys": "Gatys, Ecker & Bethge 2016",
    "neural_style": "Johnson's neural-style",
    "crowsonkb": "crowsonkb/style-transfer-pytorch",
    "johnson_perceptual": "Johnson, Alahi & Fei-Fei 2016",
    "strotss": "Kolkin, Salavon & Shakhnarovich 2019",
    "nnst": "Kolkin et al. 2022",
    "sliced_wasserstein": "Heitz et al. 2021",
}


@pytest.fixture(scope="module")
def goldens():
    with np.load(GOLDENS) as file:
        return dict(file)


@jax.jit
def value_and_gradient(objective, image):
    return jax.value_and_grad(lambda x: objective(x), has_aux=True)(image)


def assert_published(name, weights, goldens, expected):
    """Every term's value and gradient, one by one: in the sum, a large term would hide a small one's mistake."""
    model = jax.tree.map(lambda a: a.astype(jnp.float64), VGG19(weights))
    image, content, style = (jnp.asarray(goldens[key] / 255) for key in ("image", "content", "style"))
    objective = make_objective(model, content, style, PRESETS[name]())
    (total, values), gradient = value_and_gradient(objective, image)
    assert {*values, "total"} == {key for key in expected if not key.endswith("gradient")}
    assert_close(total, gradient, expected["total"], expected["gradient"], "total")
    for term in values:
        alone = {key: weight * (key == term) for key, weight in objective.weights.items()}
        (value, _), gradient = value_and_gradient(dataclasses.replace(objective, weights=alone), image)
        assert_close(value, gradient[::4, ::4], expected[term], expected[f"{term}/gradient"], term)


def assert_close(value, gradient, expected, expected_gradient, term):
    assert value.dtype == gradient.dtype == jnp.float64
    np.testing.assert_allclose(value, expected, rtol=1e-5, err_msg=term)
    largest = np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=1e-5 * largest, err_msg=term)


@pytest.mark.parametrize("name", PUBLISHED)
def test_value_and_gradient_are_the_published_ones_in_pytorch_float64(x64, goldens, name):
    weights = embedded_weights()
    assert weights.sha256 == goldens["sha256"].item(), "the embedded network changed: run tests/torch_presets.py again"
    expected = {key.removeprefix(f"{name}/"): value for key, value in goldens.items() if key.startswith(f"{name}/")}
    assert_published(name, weights, goldens, expected)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_same_with_a_trained_network(x64, goldens, shared, name):
    pytest.importorskip("torch", reason="needs PyTorch, which no environment of jaxstyle's installs")
    from torch_presets import Network, evaluate

    path = shared / "small_vgg19/se5.npz"
    with np.load(path) as arrays:
        network = Network(dict(arrays), arrays["preprocess/kernel"][0, 0], arrays["preprocess/bias"])
    assert_published(name, read_weights(path), goldens, evaluate(name, network, goldens))
