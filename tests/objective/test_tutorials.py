"""The tutorials' losses, written down again from their own code's formulas, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.objective.make import make_objective
from jaxstyle.objective.presets import PRESETS
from jaxstyle.weights.random_features import dead_leaves

FIVE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.fixture(scope="module")
def landscape():
    """Image, content and style of 32x16 pixels, edges in multiples of 16."""
    random = np.random.default_rng(12)
    return [np.float64(dead_leaves(random, 32)[:, :16]) for _ in range(3)]


def rows(features):
    """The features as channels by positions."""
    return features.reshape(-1, features.shape[-1]).T


def tensorflow(image, content, style, picture):
    style_loss = sum(
        jnp.mean((rows(image[k]) @ rows(image[k]).T / rows(image[k]).shape[1]
                  - rows(style[k]) @ rows(style[k]).T / rows(style[k]).shape[1]) ** 2)
        for k in FIVE
    )  # fmt: skip
    content_loss = jnp.mean((image["relu5_2"] - content["relu5_2"]) ** 2)
    down, right = picture[1:] - picture[:-1], picture[:, 1:] - picture[:, :-1]
    variation = sum(jnp.sum(jnp.where(d > 0, d, jnp.where(d < 0, -d, 0))) for d in (down, right))
    return 1e-2 * style_loss / 5 + 1e4 * content_loss + 30 * variation


def pytorch(image, content, style, picture):
    total = jnp.mean((image["conv2_2"] - content["conv2_2"]) ** 2)
    for k in ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"):
        grams = [rows(each[k]) @ rows(each[k]).T / each[k].size for each in (image, style)]
        total += 1e6 * jnp.mean((grams[0] - grams[1]) ** 2)
    return total


def keras(image, content, style, picture):
    height, width, _ = picture.shape
    total = 2.5e-8 * jnp.sum((image["relu5_2"] - content["relu5_2"]) ** 2)
    for k in FIVE:
        grams = [rows(each[k]) @ rows(each[k]).T for each in (image, style)]
        total += 1e-6 / 5 * jnp.sum((grams[0] - grams[1]) ** 2) / (4.0 * 3**2 * (height * width) ** 2)
    x = 255 * picture
    a, b = (x[:-1, :-1] - x[1:, :-1]) ** 2, (x[:-1, :-1] - x[:-1, 1:]) ** 2
    return total + 1e-6 * jnp.sum((a + b) ** 1.25)


STATEMENTS = {"tensorflow_tutorial": tensorflow, "pytorch_tutorial": pytorch, "keras_example": keras}


@pytest.mark.parametrize("name", STATEMENTS)
def test_value_and_gradient(name, landscape, imagenet, x64, optimized):
    model = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), imagenet)
    image, content, style = map(jnp.asarray, landscape)
    objective = make_objective(model, content, style, PRESETS[name]())
    layers = {"relu5_2", *FIVE, "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"}

    @jax.jit
    def stated(image, content, style):
        found = [model.features(each, layers) for each in (image, content, style)]
        return STATEMENTS[name](*found, image)

    expected, wanted = jax.value_and_grad(stated)(image, content, style)
    found, gradient = jax.jit(jax.value_and_grad(lambda x: objective(x)[0]))(image)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(gradient, wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())


def test_optimisers_are_the_tutorials():
    """Keras' schedule and PyTorch's first step, by hand."""
    sgd = PRESETS["keras_example"]().optimizer.transform()
    state, gradient = sgd.init(jnp.zeros(3)), jnp.ones(3)
    for step in range(201):
        update, state = sgd.update(gradient, state, jnp.zeros(3), value=0.0, grad=gradient, value_fn=None)
        if step in (0, 100, 200):
            np.testing.assert_allclose(update, -100 / 255**2 * 0.96 ** (step / 100), rtol=1e-5)
    lbfgs = PRESETS["pytorch_tutorial"]().optimizer.transform()
    state, gradient = lbfgs.init(jnp.zeros(3)), jnp.asarray([1.0, -2.0, 2.0])
    update, _ = lbfgs.update(gradient, state, jnp.zeros(3), value=0.0, grad=gradient, value_fn=None)
    np.testing.assert_allclose(update, -gradient / 5, rtol=1e-6)
