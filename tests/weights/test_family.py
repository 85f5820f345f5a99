"""Whose numbers a file has is told by the numbers, whatever its names say."""

import numpy as np
import pytest
from weight_files import small_vgg19, state_dict, write_zip

from jaxstyle.cli.main import main
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.family import CAFFE_RGB, caffe_order, describe
from jaxstyle.weights.layout import CAFFE, TORCHVISION, UNIT
from jaxstyle.weights.load import read_weights

IMAGENET = find("imagenet-8bit").path  # in the user's own cache: the tests here have another
pytestmark = pytest.mark.skipif(not IMAGENET.is_file(), reason="needs `jaxstyle weights fetch imagenet-8bit`")
KEY = "conv1_1/kernel"
ORDERS = {
    ("BGR", False): np.s_[:, :, :],
    ("RGB", False): np.s_[:, :, ::-1],
    ("BGR", True): np.s_[::-1, ::-1, :],
    ("RGB", True): np.s_[::-1, ::-1, ::-1],
}


@pytest.fixture(scope="module")
def arrays():
    return read_weights(IMAGENET).arrays


@pytest.mark.parametrize("order", ORDERS)
def test_caffes_numbers_are_known_in_every_order(arrays, order):
    kernel = np.ascontiguousarray(arrays[KEY][ORDERS[order]])
    assert caffe_order({KEY: kernel}) == order
    assert caffe_order({KEY: kernel.astype(np.float16) * 3}) == order


def test_other_numbers_are_not(arrays):
    kernel = arrays[KEY]
    for other in (kernel.transpose(1, 0, 2, 3), kernel[..., ::-1], -kernel, np.zeros_like(kernel), kernel[..., :32]):
        assert caffe_order({KEY: other}) is None
    assert caffe_order({}) is None and caffe_order({KEY: small_vgg19()[KEY]}) is None


def test_the_normalised_filters_are_those_of_caffe_too(shared):
    with np.load(shared / "vgg_normalised" / "vgg19_normalised_conv1_1_to_conv3_1.npz") as file:
        assert caffe_order({KEY: file[KEY]}) == ("BGR", False)


@pytest.mark.parametrize(("channels", "preprocessing"), [("BGR", CAFFE), ("RGB", CAFFE_RGB)])
def test_torchvisions_names_with_caffes_numbers(arrays, tmp_path, caplog, channels, preprocessing):
    """jcjohnson's kind, under whatever file name."""
    arrays = dict(arrays) | {KEY: np.ascontiguousarray(arrays[KEY][ORDERS[channels, False]])}
    path = write_zip(tmp_path / "vgg19.pth", state_dict(arrays))
    weights = read_weights(path)
    assert weights.preprocessing == preprocessing
    assert f"names are torchvision's, its numbers Caffe's: it is given {channels} in 0 to 255" in caplog.text
    caplog.clear()
    read_weights(path, preprocessing=preprocessing)
    assert "features will be wrong" not in caplog.text
    assert read_weights(path, preprocessing="torchvision").preprocessing == TORCHVISION
    assert "features will be wrong; leave preprocessing out" in caplog.text


def test_torchvisions_own_numbers_are_taken_for_its_own(tmp_path, caplog):
    path = write_zip(tmp_path / "vgg19.pth", state_dict(small_vgg19()))
    assert read_weights(path).preprocessing == TORCHVISION and not caplog.records


def test_verify_says_what_goes_in(arrays, tmp_path, capsys):
    path = write_zip(tmp_path / "vgg19.pth", state_dict(arrays))
    with pytest.raises(SystemExit) as exit:
        main(["weights", "verify", str(path)])
    out = capsys.readouterr().out
    assert exit.value.code == 0
    assert "input    BGR, 0 to 255, less the mean (caffe)\n" in out
    assert "numbers  of Caffe's VGG19 (Simonyan & Zisserman)\n" in out


def test_every_preprocessing_has_words():
    words = [describe(one) for one in (CAFFE, CAFFE_RGB, TORCHVISION, UNIT)]
    assert len({*words, "RGB through a linear map that the file holds"}) == 5
