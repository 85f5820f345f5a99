from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tflite_files import small_transformer

from jaxstyle.errors import WeightsError
from jaxstyle.feedforward.magenta_file import read_part
from jaxstyle.feedforward.transformer import Transformer

ARRAYS = {name: array / (8 if array.ndim == 4 else 1) for name, array in small_transformer((2, 3, 4)).items()}
RANDOM = np.random.default_rng(5)
CONTENT = RANDOM.random((14, 17, 3), np.float32)
VECTOR = RANDOM.standard_normal(100).astype(np.float32) / 10


@jax.jit
def _paint(net: Transformer, content: jax.Array, vector: jax.Array) -> jax.Array:
    return net(content, vector)


def _correlate(x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
    kernel = ARRAYS[f"{name}/kernel"].astype(np.float64)
    half = len(kernel) // 2
    padded = np.pad(x, [(half, half), (half, half), (0, 0)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], (0, 1))[::stride, ::stride]
    return np.einsum("hwiyx,yxio->hwo", windows, kernel) + ARRAYS.get(f"{name}/bias", 0)


def _styled(x: np.ndarray, name: str) -> np.ndarray:
    scale, shift = (
        VECTOR @ ARRAYS[f"{name}/{part}/kernel"] + ARRAYS[f"{name}/{part}/bias"] for part in ("scale", "shift")
    )
    return scale * (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-5) + shift


def _oracle(content: np.ndarray) -> np.ndarray:
    """The paper's network layer by layer, in float64."""
    x = np.pad(content.astype(np.float64), [(0, -size % 4) for size in content.shape[:2]] + [(0, 0)], mode="reflect")
    for i, stride in ((1, 1), (2, 2), (3, 2)):
        x = np.maximum(_correlate(x, f"contract/conv{i}", stride), 0)
    for i in range(1, 6):
        y = np.maximum(_styled(_correlate(x, f"residual{i}/conv1"), f"residual{i}/conv1"), 0)
        x = x + _styled(_correlate(y, f"residual{i}/conv2"), f"residual{i}/conv2")
    for i in (1, 2):
        x = x.repeat(2, 0).repeat(2, 1)
        x = np.maximum(_styled(_correlate(x, f"expand/conv{i}"), f"expand/conv{i}"), 0)
    y = _styled(_correlate(x, "expand/conv3"), "expand/conv3")
    return (1 / (1 + np.exp(-y)))[: content.shape[0], : content.shape[1]]


def test_it_is_the_paper_s_network():
    with jax.default_matmul_precision("highest"):
        painted = _paint(Transformer(ARRAYS), CONTENT, VECTOR)
    assert painted.shape == CONTENT.shape
    np.testing.assert_allclose(painted, _oracle(CONTENT), atol=5e-5)


def test_batches_are_singles():
    net, contents = Transformer(ARRAYS), jnp.stack([CONTENT, CONTENT[::-1]])
    both = jax.jit(lambda net, contents: jax.vmap(net, (0, None))(contents, jnp.asarray(VECTOR)))(net, contents)
    np.testing.assert_allclose(both, jnp.stack([_paint(net, one, VECTOR) for one in contents]), atol=1e-5)


def test_it_is_the_runtime_s(shared: Path):
    net = Transformer(read_part(shared / "magenta/style_transfer_f16_384.tflite", "transfer"))
    content = np.load(shared / "magenta/golden_content_384_f32.npy").reshape(384, 384, 3)
    vector = np.load(shared / "magenta/golden_bottleneck_int8predict.npy").ravel()
    golden = np.load(shared / "magenta/golden_output_f16_384.npy").reshape(384, 384, 3)
    with jax.default_matmul_precision("highest"):
        painted = _paint(net, content, vector)
    np.testing.assert_allclose(painted, golden, atol=1e-4, rtol=0)


def test_eight_bits_paint_nearly_the_same(shared: Path):
    files = ("style_transfer_f16_384.tflite", "style_transfer_quantized_dynamic.tflite")
    exact, rounded = (Transformer(read_part(shared / "magenta" / name, "transfer")) for name in files)
    content = np.load(shared / "magenta/golden_content_384_f32.npy").reshape(384, 384, 3)
    vector = np.load(shared / "magenta/golden_bottleneck_int8predict.npy").ravel()
    with jax.default_matmul_precision("highest"):  # the program of the test above
        difference = _paint(exact, content, vector) - _paint(rounded, content, vector)
    assert 0 < float(jnp.abs(difference).mean()) < 0.03


def test_other_arrays_are_refused():
    with pytest.raises(WeightsError, match=r"not Magenta's transformer: residual1/conv1/kernel is \(3, 3, 4, 5\)"):
        Transformer(ARRAYS | {"residual1/conv1/kernel": np.ones((3, 3, 4, 5))})
    with pytest.raises(WeightsError, match="contract/conv1/kernel is missing"):
        Transformer({})
