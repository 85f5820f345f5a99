"""Linear operations as primitives: a product with a matrix in the place of the convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.networks.primitive import linear_pair, rectified

random = np.random.default_rng(0)


@jax.jit
def forward(x, kernel):
    return x @ kernel


@jax.jit
def backward(y, kernel):
    return y @ kernel.T


@jax.jit
def with_relu(x, kernel, bias):
    return jax.nn.relu(x @ kernel + bias[None, None, None])


def refused(dkernel, x, kernel):
    raise SettingError("fixed")


def along_kernel(dkernel, x, kernel):
    return forward(x, dkernel)


FREE, TRANSPOSED = linear_pair("free", forward, backward)
FIXED, _ = linear_pair("fixed", forward, backward, refused, one_by_one=True)
FREE_RELU = rectified(FREE, with_relu, along_kernel, one_by_one=False)
FIXED_RELU = rectified(FIXED, with_relu, refused, one_by_one=True)


@pytest.fixture
def operands(x64):
    return tuple(jnp.asarray(random.normal(size=shape)) for shape in ((2, 3, 4, 5), (5, 6), (6,)))


@pytest.mark.parametrize("operation", [FREE, FIXED], ids=str)
def test_it_is_the_function_compiled_or_not(operands, operation):
    x, kernel, _ = operands
    for run in (operation.bind, jax.jit(operation.bind)):
        np.testing.assert_allclose(run(x, kernel), x @ kernel, rtol=1e-12)
    shape = jax.eval_shape(operation.bind, x, kernel)
    assert shape.shape == (2, 3, 4, 6) and shape.dtype == x.dtype


def test_each_is_the_others_transpose(operands):
    x, kernel, _ = operands
    y = jnp.asarray(random.normal(size=(2, 3, 4, 6)))
    (back,) = jax.linear_transpose(lambda x: FREE.bind(x, kernel), x)(y)
    np.testing.assert_allclose(back, y @ kernel.T, rtol=1e-12)
    (again,) = jax.linear_transpose(lambda y: TRANSPOSED.bind(y, kernel), y)(x)
    np.testing.assert_allclose(again, x @ kernel, rtol=1e-12)
    assert float(jnp.vdot(FREE.bind(x, kernel), y)) == pytest.approx(float(jnp.vdot(x, TRANSPOSED.bind(y, kernel))))


def test_derivatives_along_both(operands):
    x, kernel, bias = operands
    check_grads(jax.jit(lambda *both: FREE.bind(*both) ** 2), (x, kernel), order=2)
    check_grads(jax.jit(lambda *both: TRANSPOSED.bind(*both) ** 2), (FREE.bind(x, kernel), kernel), order=2)
    check_grads(jax.jit(lambda *all: FREE_RELU.bind(*all) ** 2), operands, order=2)
    check_grads(jax.jit(lambda x, bias: FIXED_RELU.bind(x, kernel, bias) ** 2), (x, bias), order=2)


@pytest.mark.parametrize("which", ["forward", "reverse"])
def test_a_kernel_that_is_fixed(operands, which):
    x, kernel, bias = operands
    for function in (lambda kernel: FIXED.bind(x, kernel), lambda kernel: FIXED_RELU.bind(x, kernel, bias)):
        with pytest.raises(SettingError, match="fixed"):
            if which == "forward":
                jax.jvp(function, (kernel,), (kernel,))
            else:
                jax.grad(lambda kernel, f=function: f(kernel).sum())(kernel)


def loop(function, axes, arrays):
    size = next(each.shape[axis] for each, axis in zip(arrays, axes, strict=True) if axis is not None)
    parts = [
        [each if axis is None else jnp.take(each, i, axis) for each, axis in zip(arrays, axes, strict=True)]
        for i in range(size)
    ]
    return jnp.stack([function(*part) for part in parts])


@pytest.mark.parametrize("operation", [FREE_RELU, FIXED_RELU], ids=str)
@pytest.mark.parametrize(
    "axes", [(0, None, None), (2, None, None), (None, 0, None), (None, None, 1), (1, 2, None), (0, 0, 0)]
)
def test_vmap_equals_a_loop(x64, operation, axes):
    shapes = [[2, 3, 4, 5], [5, 6], [6]]
    for shape, axis in zip(shapes, axes, strict=True):
        if axis is not None:
            shape.insert(axis, 3)
    arrays = [jnp.asarray(random.normal(size=shape)) for shape in shapes]
    for function in (
        operation.bind,
        lambda *all: jax.grad(lambda x: (operation.bind(x, *all[1:]) ** 2).sum())(all[0]),
    ):
        found = jax.jit(jax.vmap(function, axes))(*arrays)
        np.testing.assert_allclose(found, loop(function, axes, arrays), rtol=1e-9, atol=1e-12)


def test_a_batch_of_pictures_is_one_operation(operands):
    """More pictures are put along the batch axis, so that no loop is left in the program."""
    x, kernel, bias = operands
    program = str(
        jax.make_jaxpr(jax.vmap(jax.vmap(FIXED_RELU.bind, (0, None, None)), (0, None, None)))(
            jnp.stack([jnp.stack([x, x])] * 3), kernel, bias
        )
    )
    assert "scan" not in program and "12,3,4,5" in program


def test_no_derivative_is_taken_where_none_is_asked_for(operands):
    x, kernel, bias = operands
    value, slope = jax.jvp(lambda bias: FREE_RELU.bind(x, kernel, bias), (bias,), (jnp.ones(6),))
    np.testing.assert_array_equal(slope, value > 0)
    program = str(jax.make_jaxpr(lambda bias: jax.jvp(lambda b: FREE_RELU.bind(x, kernel, b), (bias,), (bias,)))(bias))
    assert program.count("free_relu[") + program.count("free_relu ") == 1 and "= free[" not in program
