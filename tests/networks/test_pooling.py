"""Pooling against plain NumPy and JAX, alone and as part of a convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from jaxstyle.networks.conv import conv3x3_relu
from jaxstyle.networks.pooling import chosen, largest, pool2x2
from jaxstyle.networks.winograd import transform_kernel

pytestmark = pytest.mark.device

random = np.random.default_rng(0)


def autodiffs(x, *, ceil_mode=False):
    """The maximum of 2x2 blocks as XLA's own reduction, whose gradient JAX knows."""
    pad = ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)) if ceil_mode else ((0, 0),) * 3
    fill = jnp.asarray(-jnp.inf, x.dtype)
    padded = lax.pad(x, fill, [(low, high, 0) for low, high in pad])
    padded = padded[: padded.shape[0] // 2 * 2, : padded.shape[1] // 2 * 2]
    return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, -1).max((1, 3))


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("pooling", ["max", "average", "l2", "scaled_average", "scaled_l2"])
def test_closed_form(pooling, odd):
    x = jnp.asarray([[1.0, 2, 7], [3, 4, 9]] if odd else [[1.0, 2], [3, 4]])[..., None]
    factor = {"scaled_average": 2, "scaled_l2": 0.78}.get(pooling, 1)
    full = factor * {"max": 4.0, "average": 2.5, "l2": 30**0.5}[pooling.removeprefix("scaled_")]
    edge = factor * {"max": 9.0, "average": 8.0, "l2": 130**0.5}[pooling.removeprefix("scaled_")]
    np.testing.assert_allclose(pool2x2(x, pooling)[..., 0], [[full]], rtol=1e-6)
    both = [[full, edge]] if odd else [[full]]
    np.testing.assert_allclose(pool2x2(x, pooling, ceil_mode=True)[..., 0], both, rtol=1e-6)


def test_l2_pooling_of_zeros_has_a_gradient():
    gradient = jax.grad(lambda x: pool2x2(x, "l2").sum())(jnp.zeros((2, 2, 1)))
    assert jnp.isfinite(gradient).all()


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("shape", [(4, 6, 3), (5, 7, 2), (3, 2, 1)])
def test_a_maximum_with_ties_has_autodiffs_derivatives(x64, shape, ceil_mode):
    x = jnp.asarray(random.integers(-2, 3, shape), float)  # two or more of most blocks are equal
    want, vjp = jax.vjp(lambda x: autodiffs(x, ceil_mode=ceil_mode), x)
    found, ours = jax.vjp(lambda x: pool2x2(x, "max", ceil_mode=ceil_mode), x)
    np.testing.assert_array_equal(found, want)
    change, along = random.normal(size=want.shape), jnp.asarray(random.normal(size=shape))
    np.testing.assert_allclose(ours(change)[0], vjp(change)[0], atol=1e-15)
    tangents = [
        jax.jvp(f, (x,), (along,))[1]
        for f in (lambda x: autodiffs(x, ceil_mode=ceil_mode), lambda x: pool2x2(x, "max", ceil_mode=ceil_mode))
    ]
    np.testing.assert_allclose(*tangents, atol=1e-15)


def test_the_code_has_a_bit_for_each_number_that_is_the_maximum():
    x = jnp.asarray([[1.0, 5, 3, 3], [5, 2, 3, 3], [7, 0, 0, 0], [0, 0, 0, 8]])[None, :, :, None]
    code = largest(x, pool2x2(x[0], "max")[None], False)
    assert code[0, ..., 0].tolist() == [[0b0110, 0b1111], [0b0001, 0b1000]]
    np.testing.assert_array_equal(chosen(x + 1, code, False)[0, ..., 0], [[6, 4], [8, 9]])
    np.testing.assert_array_equal(chosen(x, jnp.zeros_like(code), False), 0)


@pytest.fixture(params=["exact", "winograd"])
def layer(request, x64):
    kernel, bias = random.normal(size=(3, 3, 16, 4)) / 12, random.normal(size=4)
    transformed = jnp.asarray(transform_kernel(kernel)) if request.param == "winograd" else None
    arrays = jnp.asarray(kernel), jnp.asarray(bias)
    return lambda x, **options: conv3x3_relu(x, *arrays, transformed=transformed, **options)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("shape", [(8, 6, 16), (7, 9, 16)])
def test_with_its_convolution_it_is_the_same(layer, shape, ceil_mode):
    x = jnp.asarray(random.normal(size=shape))
    apart = lambda x: pool2x2(layer(x), "max", ceil_mode=ceil_mode)  # noqa: E731
    joined = lambda x: layer(x, pool=True, ceil_mode=ceil_mode)  # noqa: E731
    assert (apart(x) == 0).any() and (apart(x) > 0).any(), "blocks where the ReLU is 0, and others"
    np.testing.assert_allclose(joined(x), apart(x), atol=1e-15)
    for derivative in (jax.jacrev, jax.jacfwd):
        np.testing.assert_allclose(derivative(joined)(x), derivative(apart)(x), atol=1e-14)
    check_grads(joined, (x,), order=2, atol=1e-6, rtol=1e-6)
    two = jnp.stack([x, x[::-1]])
    batched, single = jax.vmap(jax.grad(lambda x: (joined(x) ** 3).sum())), jax.grad(lambda x: (apart(x) ** 3).sum())
    np.testing.assert_allclose(batched(two), jnp.stack([single(each) for each in two]), atol=1e-14)


def test_along_kernel_and_bias(x64):
    x, kernel, bias = (jnp.asarray(random.normal(size=s)) for s in ((6, 6, 2), (3, 3, 2, 3), (3,)))
    joined = lambda *arrays: (conv3x3_relu(*arrays, pool=True) ** 2).sum()  # noqa: E731
    apart = lambda *arrays: (pool2x2(conv3x3_relu(*arrays), "max") ** 2).sum()  # noqa: E731
    for found, want in zip(*(jax.grad(f, (0, 1, 2))(x, kernel, bias) for f in (joined, apart)), strict=True):
        np.testing.assert_allclose(found, want, atol=1e-13)
    kernels = jnp.stack([kernel, 2 * kernel])
    found = jax.vmap(jax.grad(joined), (None, 0, None))(x, kernels, bias)
    np.testing.assert_allclose(found[1], jax.grad(apart)(x, kernels[1], bias), atol=1e-13)


def test_the_gradient_keeps_a_byte_for_each_block():
    """Neither the ReLU of the layer nor its mask: they are four times as many numbers, of four bytes each."""
    x, kernel, bias = jnp.ones((32, 32, 16)), jnp.ones((3, 3, 16, 8)), jnp.ones(8)
    _, vjp = jax.vjp(lambda x: conv3x3_relu(x, kernel, bias, pool=True), x)
    kept = [leaf for leaf in jax.tree.leaves(vjp) if leaf.size > kernel.size]
    assert [(leaf.dtype, leaf.size) for leaf in kept] == [(jnp.uint8, 16 * 16 * 8)]
