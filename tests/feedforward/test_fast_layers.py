import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.feedforward import layers
from jaxstyle.feedforward.layers import (
    convolve,
    convolve_doubled,
    depthwise,
    double,
    instance_norm,
    reflect_to_multiple,
)

RANDOM = np.random.default_rng(3)
MODES = {"reflect": "reflect", "zero": "constant", "same": "constant"}


def _oracle(x: np.ndarray, kernel: np.ndarray, stride: int, border: str) -> np.ndarray:
    """Correlation by its definition, in float64."""
    widths = []
    for size, k in zip(x.shape[:2], kernel.shape[:2], strict=True):
        missing = max((-(-size // stride) - 1) * stride + k - size, 0)
        widths.append({"none": (0, 0), "same": (missing // 2, missing - missing // 2)}.get(border, (k // 2, k // 2)))
    padded = np.pad(x.astype(np.float64), [*widths, (0, 0)], mode=MODES.get(border, "constant"))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], (0, 1))[::stride, ::stride]
    if kernel.shape[2] == 1 < x.shape[2]:
        return np.einsum("hwcyx,yxc->hwc", windows, kernel[:, :, 0])
    return np.einsum("hwiyx,yxio->hwo", windows, kernel)


@pytest.mark.parametrize(
    ("shape", "size", "stride", "border"),
    [
        ((7, 6, 2), 3, 1, "reflect"),
        ((8, 7, 2), 3, 2, "reflect"),
        ((9, 8, 3), 9, 1, "zero"),
        ((8, 9, 2), 3, 2, "same"),
        ((11, 10, 2), 9, 1, "none"),
    ],
)
def test_convolve(shape: tuple[int, ...], size: int, stride: int, border: str):
    x = RANDOM.standard_normal(shape).astype(np.float32)
    kernel = RANDOM.standard_normal((size, size, shape[2], 4)).astype(np.float32)
    bias = RANDOM.standard_normal(4).astype(np.float32)
    got = convolve(*map(jnp.asarray, (x, kernel, bias)), stride=stride, border=border)
    np.testing.assert_allclose(got, _oracle(x, kernel, stride, border) + bias, atol=2e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise(stride: int):
    x = RANDOM.standard_normal((8, 7, 4)).astype(np.float32)
    kernel = RANDOM.standard_normal((3, 3, 1, 4)).astype(np.float32)
    bias = RANDOM.standard_normal(4).astype(np.float32)
    got = jax.jit(depthwise, static_argnames="stride")(x, kernel, bias, stride=stride)
    np.testing.assert_allclose(got, _oracle(x, kernel, stride, "same") + bias, atol=1e-5)


@pytest.mark.parametrize(("channels", "size"), [((3, 8), 9), ((8, 3), 9), ((3, 32), 3), ((16, 4), 3)])
@pytest.mark.parametrize("width", [8, 11])
def test_neighbours_joined_for_a_picture_s_three_channels_change_nothing(channels: tuple, size: int, width: int):
    x = RANDOM.standard_normal((9, width, channels[0])).astype(np.float32)
    kernel = RANDOM.standard_normal((size, size, *channels)).astype(np.float32)
    assert layers._block(kernel.shape) > 1 or jax.default_backend() != "cpu"
    for border in ("reflect", "none") if width >= size else ("reflect",):
        found = convolve(jnp.asarray(x), jnp.asarray(kernel), border=border)
        np.testing.assert_allclose(found, _oracle(x, kernel, 1, border), atol=2e-4)


def test_convolve_doubled():
    x = RANDOM.standard_normal((5, 4, 2)).astype(np.float32)
    kernel = RANDOM.standard_normal((3, 3, 2, 3)).astype(np.float32)
    twice = np.repeat(np.repeat(x, 2, 0), 2, 1)
    found = convolve_doubled(jnp.asarray(x), jnp.asarray(kernel))
    np.testing.assert_allclose(found, _oracle(twice, kernel, 1, "reflect"), atol=1e-5)


def test_instance_norm_has_the_shift_as_mean_and_the_scale_as_deviation():
    x = jnp.asarray(RANDOM.standard_normal((6, 5, 3)) * [1, 30, 0.1] + [0, 100, -5], jnp.float32)
    scale, shift = jnp.array([2.0, -1, 0.5]), jnp.array([1.0, 0, -4])
    y = np.asarray(instance_norm(x, scale, shift, epsilon=0.0), np.float64)
    np.testing.assert_allclose(y.mean((0, 1)), shift, atol=1e-4)
    np.testing.assert_allclose(y.std((0, 1)), abs(scale), rtol=1e-4)


def test_instance_norm_of_a_constant_is_the_shift():
    y = instance_norm(jnp.full((4, 4, 1), 7.0), jnp.ones(1), jnp.full(1, 3.0), epsilon=1e-5)
    np.testing.assert_allclose(y, 3, atol=1e-4)


def test_double():
    x = jnp.arange(6.0).reshape(3, 2, 1)
    np.testing.assert_array_equal(double(x)[..., 0], np.kron(np.asarray(x)[..., 0], np.ones((2, 2))))


def test_reflect_to_multiple():
    x = jnp.arange(30.0).reshape(5, 6, 1)
    np.testing.assert_array_equal(reflect_to_multiple(x, 4), np.pad(x, [(0, 3), (0, 2), (0, 0)], mode="reflect"))
    assert reflect_to_multiple(x, 1) is x


def test_batches_are_singles():
    x = jnp.asarray(RANDOM.standard_normal((2, 8, 8, 3)), jnp.float32)
    kernel = jnp.asarray(RANDOM.standard_normal((3, 3, 3, 3)), jnp.float32)

    def network(one: jax.Array) -> jax.Array:
        y = convolve(one, kernel, stride=2)
        return double(instance_norm(y, y[0, 0], y[1, 1], epsilon=1e-3))

    np.testing.assert_allclose(jax.vmap(network)(x), jnp.stack([network(one) for one in x]), atol=1e-5)
