import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.networks import winograd
from jaxstyle.networks.conv import conv3x3_relu
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.presets import default
from jaxstyle.weights.random_features import random_weights


def transform(kernel):
    return jnp.asarray(winograd.transform_kernel(np.asarray(kernel)))


def operands(shape, channels=(5, 7), dtype=np.float64):
    random = np.random.default_rng(1)
    arrays = random.normal(size=(*shape, channels[0])), random.normal(size=(3, 3, *channels)), random.normal(size=7)
    return tuple(jnp.asarray(array, dtype) for array in arrays)


def relative(got, expected):
    return float(jnp.linalg.norm(got - expected) / jnp.linalg.norm(expected))


@pytest.fixture
def narrow_strips(monkeypatch):
    """Strips of few tiles, so that a small picture has several."""
    monkeypatch.setattr(winograd, "LEAST_TILES", 6)
    monkeypatch.setattr(winograd, "STRIP_BYTES", 1)


def test_a_centre_tap_transforms_to_the_outer_product_of_g():
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 1] = 1.0
    g = np.array([0, -1 / 6, 1 / 6, 1 / 12, -1 / 12, 0])  # the middle column of Lavin & Gray's G
    np.testing.assert_allclose(winograd.transform_kernel(kernel)[:, 0, 0], np.outer(g, g).ravel(), atol=1e-15)


@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
@pytest.mark.parametrize("shape", [(8, 8), (13, 22), (2, 5)])
def test_equals_the_plain_convolution_at_every_size_and_padding(x64, narrow_strips, shape, padding):
    x, kernel, bias = operands(shape)
    expected = conv3x3_relu(x, kernel, bias, padding=padding)
    got = conv3x3_relu(x, kernel, bias, padding=padding, transformed=transform(kernel))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_gradient_of_the_input(x64, narrow_strips):
    x, kernel, bias = operands((9, 14))
    ready = transform(kernel)
    check_grads(jax.jit(lambda x: conv3x3_relu(x, kernel, bias, transformed=ready)), (x,), order=1, modes=["rev"])
    loss = lambda x, ready: (conv3x3_relu(x, kernel, bias, transformed=ready) ** 3).sum()  # noqa: E731
    expected = jax.jit(jax.grad(loss))(x, None)
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(x, ready), expected, rtol=1e-11)


def test_weights_have_no_silent_gradient():
    x, kernel, bias = operands((8, 8), dtype=np.float32)
    with pytest.raises(SettingError, match='not trained; take the network as it was loaded, or conv="exact"'):
        jax.grad(lambda ready: conv3x3_relu(x, kernel, bias, transformed=ready).sum())(transform(kernel))
    with pytest.raises(SettingError, match="not trained"):
        jax.grad(lambda ready: winograd.correlate(x, ready, 1).sum())(transform(kernel))


def test_the_bias_has_a_gradient(x64):
    x, kernel, bias = operands((8, 8))
    gradients = [
        jax.grad(lambda bias, ready=ready: (conv3x3_relu(x, kernel, bias, transformed=ready) ** 2).sum())(bias)
        for ready in (None, transform(kernel))
    ]
    np.testing.assert_allclose(*gradients, rtol=1e-10)


def test_float32_rounding_is_small():
    x, kernel, bias = operands((32, 32), dtype=np.float32)
    expected = conv3x3_relu(x, kernel, bias)
    assert relative(conv3x3_relu(x, kernel, bias, transformed=transform(kernel)), expected) < 1e-5


def test_bfloat16_transforms_in_float32():
    x, kernel, bias = operands((32, 32), dtype=np.float32)
    expected = conv3x3_relu(x, kernel, bias)
    half = lambda leaf: leaf.astype(jnp.bfloat16)  # noqa: E731
    ready = half(transform(kernel))
    got = conv3x3_relu(half(x), half(kernel), half(bias), transformed=ready)
    assert got.dtype == jnp.bfloat16
    assert relative(got.astype(jnp.float32), expected) < 0.05


@pytest.mark.parametrize("count", [3, 4])
def test_vmap_equals_loop(x64, narrow_strips, monkeypatch, count):
    monkeypatch.setattr(winograd, "LEAST_TILES", 12)  # two pictures of 6 tiles at a time
    x, kernel, bias = operands((8, 10))
    ready, batch = transform(kernel), jnp.stack([x, -x, 2 * x, x + 1][:count])
    gradient = jax.jit(jax.grad(lambda x: (conv3x3_relu(x, kernel, bias, transformed=ready) ** 2).sum()))
    expected = jnp.stack([gradient(x) for x in batch])
    np.testing.assert_allclose(jax.jit(jax.vmap(gradient))(batch), expected, rtol=1e-10)
    twice = jax.jit(jax.vmap(jax.vmap(gradient)))(batch[None])[0]
    np.testing.assert_allclose(twice, expected, rtol=1e-10)


def test_vmap_over_networks():
    x, kernel, bias = operands((8, 8), dtype=np.float32)
    kernels = jnp.stack([kernel, -kernel])
    ready = jnp.stack([transform(each) for each in kernels])
    got = jax.jit(jax.vmap(lambda ready: conv3x3_relu(x, kernel, bias, transformed=ready)))(ready)
    expected = jnp.stack([conv3x3_relu(x, each, bias) for each in kernels])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_in_a_scan(narrow_strips):
    x, kernel, bias = operands((8, 8), (7, 7), np.float32)
    ready = transform(kernel / 8)
    step = lambda x, _: (conv3x3_relu(x, kernel / 8, bias, transformed=ready), None)  # noqa: E731
    expected = step(step(x, None)[0], None)[0]
    np.testing.assert_allclose(jax.lax.scan(step, x, None, length=2)[0], expected, rtol=1e-5, atol=1e-5)


def test_prepared_networks_share_what_is_ready(embedded):
    ready = embedded.prepared(["relu2_1"], conv="winograd")
    assert ready.conv1_2.transformed is not None
    assert ready.conv1_1.transformed is None  # three colours
    assert ready.conv2_2.transformed is None  # deeper than asked
    again = ready.prepared(["relu2_2"], conv="winograd")
    assert again.conv1_2.transformed[...] is ready.conv1_2.transformed[...]
    assert again.conv2_2.transformed is not None
    assert ready.prepared(["relu2_1"], conv="exact").conv1_2.transformed is None
    assert embedded.conv1_2.transformed is None


def test_auto_is_winograd_on_cpu_alone(embedded, monkeypatch):
    assert embedded.prepared(["relu1_2"]).conv1_2.transformed is not None
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert embedded.prepared(["relu1_2"]).conv1_2.transformed is None


def test_small_pictures_take_the_plain_convolution(embedded, pictures):
    ready = embedded.prepared(["relu3_1"], conv="winograd")
    plain, fast = (model.features(pictures[0], ["relu3_1"])["relu3_1"] for model in (embedded, ready))
    np.testing.assert_array_equal(plain, fast)


def test_a_bfloat16_network_gives_float32_losses_and_gradients(embedded, pictures):
    recipe = default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    ready = embedded.prepared(["relu2_1"], conv="exact", dtype="bfloat16")
    assert ready.features(pictures[0], ["relu2_1"])["relu2_1"].dtype == jnp.bfloat16
    assert embedded.conv1_1.kernel.dtype == jnp.float32
    gradients = []
    for model in (embedded, ready):
        objective = make_objective(model, *pictures[:2], recipe)
        (total, _), gradient = jax.jit(jax.value_and_grad(lambda x, o: o(x), has_aux=True))(pictures[2], objective)
        assert total.dtype == gradient.dtype == jnp.float32
        gradients.append(gradient)
    assert relative(gradients[1], gradients[0]) < 0.5  # eight bits, and kinks
    assert float(jnp.corrcoef(gradients[0].ravel(), gradients[1].ravel())[0, 1]) > 0.9


def gradient(model, layers, content, style, dtype, conv):
    arrays = [jnp.asarray(picture, dtype) for picture in (content, style, (0.6 * content + 0.4 * style))]
    recipe = default(content_layers=layers[-1:], style_layers=layers)
    objective = make_objective(model, *arrays[:2], recipe, plan=Plan(conv=conv))
    return np.asarray(jax.jit(jax.grad(lambda x, o: o(x)[0]))(arrays[2], objective), np.float64)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_gradients_on_the_real_network_against_float64(imagenet, shared, pooling):
    """With max pooling the near-ties that rounding decides weigh more than either convolution's rounding."""
    from jaxstyle.image import load_image, resize

    content, style = (
        np.asarray(resize(load_image(shared / f"images/{name}.jpg"), (48, 48)), np.float32)
        for name in ("content_tuebingen_neckarfront", "style_vangogh_wheat_field")
    )
    model = imagenet.with_changes(pooling=pooling)
    layers = ("relu1_1", "relu2_1", "relu3_1")
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), model)
        expected = gradient(wide, layers, content, style, jnp.float64, "exact")
    error = {
        conv: relative(gradient(model, layers, content, style, jnp.float32, conv), expected)
        for conv in ("exact", "winograd")
    }
    print(pooling, error)
    assert error["exact"] < (1e-5 if pooling == "average" else 1e-3)
    assert error["winograd"] < 1e-3


def test_embedded_network_at_a_size_where_winograd_is_used(pictures):
    model = VGG19(random_weights())
    large = jnp.tile(pictures[0], (3, 3, 1))
    ready = model.prepared(["relu3_1"], conv="winograd")
    found = ready.features(large, ["relu3_1"])["relu3_1"], model.features(large, ["relu3_1"])["relu3_1"]
    assert not np.array_equal(*found)
    assert relative(*found) < 1e-4
