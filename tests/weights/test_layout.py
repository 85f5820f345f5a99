import numpy as np
import pytest
from weight_files import small_vgg19

from jaxstyle.errors import WeightsError
from jaxstyle.weights.layout import CAFFE, TORCHVISION, check_arrays, check_shapes

GREY = np.array([0.5, 0.5, 0.5])
RED = np.array([1.0, 0.0, 0.0])


def _apply(preprocessing, pixel):
    return pixel @ np.array(preprocessing.matrix) + np.array(preprocessing.offset)


def test_preprocessing_against_its_formula():
    np.testing.assert_allclose(_apply(CAFFE, RED), [0 - 103.939, 0 - 116.779, 255 - 123.68])
    np.testing.assert_allclose(_apply(TORCHVISION, GREY), (GREY - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])


def test_a_network_may_stop_early_and_have_auxiliary_layers():
    arrays = {key: array for key, array in small_vgg19().items() if key < "conv4_2"}
    channels = arrays["conv4_1/kernel"].shape[3]
    arrays["conv4_1_aux/kernel"] = np.zeros((1, 1, channels, 512), np.float32)
    arrays["conv4_1_aux/bias"] = np.zeros(512, np.float32)
    check_arrays(arrays, "x")


@pytest.mark.parametrize(
    ("key", "array", "match"),
    [
        ("conv1_1/kernel", np.zeros((3, 3, 4, 2), np.float32), r"shape \(3, 3, 4, 2\), expected \(3, 3, 3, 2\)"),
        ("conv1_1/kernel", np.zeros((3, 3, 3), np.float32), r"expected \(3, 3, 3, 64\)"),
        ("conv1_1/kernel", np.zeros((3, 3, 3, 65), np.float32), r"expected \(3, 3, 3, 64\)"),
        ("conv1_1/kernel", np.zeros((3, 3, 3, 0), np.float32), "shape"),
        ("conv1_1/bias", np.zeros(2), "float64, expected float32"),
        ("conv1_1/bias", np.full(2, np.inf, np.float32), "not finite"),
        ("conv5_1_aux/kernel", np.zeros((1, 1, 2, 9), np.float32), "missing conv5_1_aux/bias"),
        ("dense/kernel", np.zeros(2, np.float32), "unknown dense/kernel"),
    ],
)
def test_arrays_are_checked(key: str, array: np.ndarray, match: str):
    with pytest.raises(WeightsError, match=match):
        check_arrays(small_vgg19() | {key: array}, "x")


def test_a_long_list_is_cut():
    with pytest.raises(WeightsError, match=r"missing conv1_1/kernel.*unknown u1;.*and 62 more"):
        check_shapes({}, unknown=(f"u{i}" for i in range(100)), complete=False)
    with pytest.raises(WeightsError, match=r"missing conv5_4/bias$"):
        check_shapes({}, complete=True)
