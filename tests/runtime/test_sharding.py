"""One picture split by rows over the four virtual devices: the values, gradient and run of one device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import optimize
from jaxstyle.errors import ImageError
from jaxstyle.objective import presets
from jaxstyle.objective.make import make_objective
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.runtime.sharding import split_rows
from jaxstyle.weights.random_features import dead_leaves

RECIPE = presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture(scope="module")
def four() -> list[jax.Array]:
    if jax.device_count() < 4:
        pytest.skip("needs four devices")
    random = np.random.default_rng(3)
    return [jnp.asarray(dead_leaves(random, 64), jnp.float32)[:, :40] for _ in range(3)]


def split_in_rows(array, devices=4) -> bool:
    shards = array.addressable_shards
    return len(shards) == devices and {s.data.shape for s in shards} == {(array.shape[0] // devices, *array.shape[1:])}


@pytest.mark.parametrize("height", [64, 52])  # 13 rows to a device: their halves are not whole
def test_value_and_gradient(embedded, four, height):
    image, content, style = (picture[:height] for picture in four)
    evaluate = jax.jit(lambda o, x: jax.value_and_grad(lambda y: o(y)[0])(x))
    objective = make_objective(embedded, content, style, RECIPE)
    shared = make_objective(embedded, split_rows(content), style, RECIPE)
    expected, expected_gradient = evaluate(objective, image)
    total, gradient = evaluate(shared, split_rows(image))
    assert split_in_rows(gradient)
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5 * float(jnp.abs(expected_gradient).max()))


def test_a_run(embedded, four):
    optimizer = Adam(0.02)
    image, content, style = four
    ends = []
    for split in (split_rows, lambda picture: picture):
        objective = make_objective(embedded, split(content), style, RECIPE)
        state = optimize.init(split(image), optimizer)
        ends.append(optimize.run(state, objective, optimizer, 3, capacity=3, clip=False))
    assert split_in_rows(ends[0][0].parameters) and split_in_rows(ends[0][0].average)
    np.testing.assert_allclose(ends[0][1].total, ends[1][1].total, rtol=1e-4)
    assert np.abs(ends[0][0].parameters - ends[1][0].parameters).mean() < 1e-5


def test_each_device_holds_its_share_of_the_activations(embedded, four):
    image, content, style = four
    objective = make_objective(embedded, content, style, RECIPE)
    need = []
    for picture in (split_rows(image), image):
        gradient = jax.jit(jax.grad(lambda x: objective(x)[0]))
        need.append(gradient.lower(picture).compile().memory_analysis().temp_size_in_bytes)
    assert need[0] < need[1] / 2


def test_fewer_devices(four):
    split = split_rows(four[0], jax.devices()[:2])
    assert split_in_rows(split, 2)
    np.testing.assert_array_equal(split, four[0])


def test_rows_that_do_not_divide(four):
    with pytest.raises(ImageError, match="got 62 rows for 4 devices, expected a multiple; crop it to 60 rows"):
        split_rows(four[0][:62])
