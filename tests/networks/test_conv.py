import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.networks.conv import conv3x3_relu
from jaxstyle.runtime.reference import correlate

pytestmark = pytest.mark.device

MODES = {"zero": "constant", "reflect": "reflect", "replicate": "edge"}


@pytest.fixture
def operands(x64):
    random = np.random.default_rng(0)
    return tuple(
        map(jnp.asarray, (random.normal(size=(7, 6, 3)), random.normal(size=(3, 3, 3, 4)), random.normal(size=4)))
    )


def test_a_centre_tap_is_the_identity():
    kernel = jnp.zeros((3, 3, 2, 2)).at[1, 1].set(jnp.eye(2))
    x = jnp.arange(24.0).reshape(3, 4, 2)
    np.testing.assert_array_equal(conv3x3_relu(x, kernel, jnp.zeros(2)), x)


def test_it_is_a_correlation_not_a_convolution():
    kernel = jnp.zeros((3, 3, 1, 1)).at[0, 0].set(1.0)  # looks up and left
    x = jnp.arange(1.0, 10.0).reshape(3, 3, 1)
    expected = [[0, 0, 0], [0, 1, 2], [0, 4, 5]]
    np.testing.assert_array_equal(conv3x3_relu(x, kernel, jnp.zeros(1))[..., 0], expected)


@pytest.mark.parametrize("padding", MODES)
def test_value_against_numpy(operands, padding):
    x, kernel, bias = operands
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode=MODES[padding])
    expected = np.maximum(correlate(padded, np.asarray(kernel))[1:-1, 1:-1] + np.asarray(bias), 0)
    np.testing.assert_allclose(conv3x3_relu(x, kernel, bias, padding=padding), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", MODES)
def test_gradients_of_input_kernel_and_bias(operands, padding):
    check_grads(
        jax.jit(lambda *a: conv3x3_relu(*a, padding=padding)), operands, order=2, modes=["fwd", "rev"], eps=1e-5
    )


def test_vmap_equals_loop(operands):
    x, kernel, bias = operands
    batch = jnp.stack([x, -x, 2 * x])
    gradient = jax.grad(lambda x: (conv3x3_relu(x, kernel, bias) ** 2).sum())
    np.testing.assert_allclose(jax.vmap(gradient)(batch), jnp.stack([gradient(x) for x in batch]), rtol=1e-12)


def test_the_input_gradient_is_an_ordinary_convolution(operands):
    # The one autodiff makes reverses windows (lhs dilation or rhs reversal), which is slow in loops on CPU.
    x, kernel, bias = operands
    program = jax.jit(jax.grad(lambda x: conv3x3_relu(x, kernel, bias).sum())).lower(x).as_text()
    assert program.count("stablehlo.convolution") == 2
    assert "rhs_dilate = [1, 1]" in program or "lhs_dilate" not in program
    assert "reverse = [true" not in program
