"""Keras' files as Keras 1, 2 and 3 lay them out, and those for Theano."""

import zipfile

import h5py
import numpy as np
import pytest
from weight_files import convolutions, small_vgg19, write_keras

from jaxstyle.errors import WeightsError
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.layout import CAFFE, VGG16_CONVOLUTIONS
from jaxstyle.weights.load import read_weights

ARRAYS = small_vgg19()
IMAGENET = find("imagenet-8bit").path  # in the user's own cache: the tests here have another


def theano(arrays, turned=True):
    """Kernels (out, in, h, w), turned by 180 degrees."""
    step = -1 if turned else 1
    return {
        name: np.ascontiguousarray(array[::step, ::step].transpose(3, 2, 0, 1)) if array.ndim == 4 else array
        for name, array in arrays.items()
    }


def write_keras_1(path, arrays):
    """Zero padding, convolution and pooling are a layer each; then Flatten, and Dense with Dropout."""
    with h5py.File(path, "w") as root:
        i = 0

        def layer(*weights):
            nonlocal i
            group = root.create_group(f"layer_{i}")
            group.attrs["nb_params"] = len(weights)
            for k, weight in enumerate(weights):
                group[f"param_{k}"] = weight
            i += 1

        previous = "1"
        for conv in convolutions(arrays):
            if conv[4] != previous:
                layer()
            previous = conv[4]
            layer()
            layer(arrays[f"{conv}/kernel"], arrays[f"{conv}/bias"])
        layer()
        for _ in range(3):
            layer(np.zeros((12, 12), np.float32), np.zeros(12, np.float32))
            layer()
        root.attrs["nb_layers"] = i
    return path


def write_keras_3(path, arrays, *, top="layers", numbered=False, within=""):
    """`save_weights` of a model; with `within` the VGG is a layer of another model."""
    with h5py.File(path, "w") as root:
        root.create_group("optimizer/vars")["0"] = np.zeros((), np.int64)
        base = root.create_group(f"{top}/{within}") if within else root
        base.create_group(f"{top}/input_layer")
        for k, conv in enumerate(convolutions(arrays)):
            name = f"block{conv[4]}_conv{conv[6]}" if not numbered else f"conv2d_{k}" if k else "conv2d"
            base[f"{top}/{name}/vars/0"] = arrays[f"{conv}/kernel"]
            base[f"{top}/{name}/vars/1"] = arrays[f"{conv}/bias"]
            base.create_group(f"{top}/max_pooling2d_{k}")
        base[f"{top}/dense/vars/0"] = np.zeros((8, 8), np.float32)
        base[f"{top}/dense/vars/1"] = np.zeros(8, np.float32)
    return path


def same(path, expected=ARRAYS):
    weights = read_weights(path)
    assert weights.arrays.keys() == expected.keys() and weights.preprocessing == CAFFE
    for name, array in expected.items():
        np.testing.assert_array_equal(weights.arrays[name], array)
    return weights


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"numbered": True},
        {"top": "_layer_checkpoint_dependencies"},
        {"within": "vgg19"},
        {"within": "functional_1"},
    ],
)
@pytest.mark.parametrize("arrays", [ARRAYS, small_vgg19(names=VGG16_CONVOLUTIONS)], ids=["VGG19", "VGG16"])
def test_keras_3(tmp_path, how, arrays):
    assert len(same(write_keras_3(tmp_path / "x.weights.h5", arrays, **how), arrays).layers) == len(arrays) // 2


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_keras_archive(tmp_path, compression):
    write_keras_3(tmp_path / "w.h5", ARRAYS)
    with zipfile.ZipFile(tmp_path / "x.keras", "w", compression) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.6.0"}')
        archive.writestr("config.json", "{}")
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    same(tmp_path / "x.keras")


def test_keras_1(tmp_path):
    same(write_keras_1(tmp_path / "x.h5", ARRAYS))


def test_theano_has_its_kernels_turned(tmp_path, caplog):
    same(write_keras_1(tmp_path / "x.h5", theano(ARRAYS)))
    assert "in Theano's order of axes, and are taken to be turned" in caplog.text
    for variant in ("original", "resave", "model_weights"):
        same(write_keras(tmp_path / "y.h5", theano(ARRAYS), variant=variant))


@pytest.mark.skipif(not IMAGENET.is_file(), reason="needs `jaxstyle weights fetch imagenet-8bit`")
@pytest.mark.parametrize("turned", [False, True])
def test_of_caffes_numbers_it_is_known_whether_they_are_turned(tmp_path, caplog, turned):
    arrays = dict(read_weights(IMAGENET).arrays)
    same(write_keras(tmp_path / "x.h5", theano(arrays, turned)), arrays)
    assert "turned by 180 degrees" not in caplog.text


def test_other_networks_are_named_by_their_layers(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as root:
        for name in ("stem", "conv2d", "head"):
            root[f"layers/{name}/vars/0"] = np.zeros((3, 3, 3, 4), np.float32)
    with pytest.raises(WeightsError, match=r"x.h5: holds no VGG19 or VGG16: its layers are conv2d, head, stem$"):
        read_weights(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as root:
        root["data"] = np.zeros(3)
    with pytest.raises(WeightsError, match="in none of the layouts of Keras' weights"):
        read_weights(tmp_path / "y.h5")


def test_one_convolution_too_few_is_told(tmp_path):
    arrays = {name: array for name, array in ARRAYS.items() if not name.startswith("conv5_4")}
    with pytest.raises(WeightsError, match="missing conv5_4/kernel"):
        read_weights(write_keras_3(tmp_path / "x.h5", arrays))


def test_links_out_of_the_file_are_not_followed(tmp_path):
    path = write_keras_3(tmp_path / "x.h5", ARRAYS)
    with h5py.File(path, "a") as root:
        del root["layers/block1_conv1/vars/0"]
        root["layers/block1_conv1/vars/0"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(WeightsError, match="is a soft or external link"):
        read_weights(path)
