from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tflite_files import predictor

from jaxstyle.errors import WeightsError
from jaxstyle.feedforward.magenta_file import read_part
from jaxstyle.feedforward.magenta_layout import BLOCKS, predictor_shapes
from jaxstyle.feedforward.predictor import SIZE, Predictor, relu6


@pytest.fixture(scope="module")
def real(shared: Path) -> Predictor:
    return Predictor(read_part(shared / "magenta/style_predict_quantized_256.tflite", "predict"))


def test_the_blocks_are_mobilenet_s():
    assert [stride for *_, stride in BLOCKS] == [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
    assert BLOCKS[0][0] == "expanded_conv"
    assert BLOCKS[16] == ("expanded_conv_16", 6, 320, 1)
    assert sum(int(np.prod(shape)) for shape in predictor_shapes().values()) == 2_334_916


def test_other_arrays_are_refused():
    arrays = predictor()
    with pytest.raises(WeightsError, match="conv_1/bias is missing"):
        Predictor({name: array for name, array in arrays.items() if name != "conv_1/bias"})


def test_relu6():
    np.testing.assert_array_equal(relu6(jnp.asarray([-1.0, 3, 7])), [0, 3, 6])


def test_the_style_vector_is_the_runtime_s(shared: Path, real: Predictor):
    style = np.load(shared / "magenta/golden_style_256_f32.npy").reshape(SIZE, SIZE, 3)
    golden = np.load(shared / "magenta/golden_bottleneck_int8predict.npy").ravel()
    with jax.default_matmul_precision("highest"):
        vector = jax.jit(lambda net, x: net(x))(real, style)
    # The runtime computes with 8 bits throughout; here only the weights have been rounded to them.
    assert np.corrcoef(vector, golden)[0, 1] > 0.9995
    assert abs(vector - golden).max() < 0.1
