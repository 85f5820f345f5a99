"""VGG16 in the layouts that VGG19 has, and as a feature extractor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from weight_files import small_vgg19, state_dict, write_keras, write_legacy, write_zip

import jaxstyle
from jaxstyle.errors import WeightsError
from jaxstyle.networks import VGG16, VGG19, load_network, load_vgg16, load_vgg19
from jaxstyle.weights.layout import CAFFE, CONVOLUTIONS, TORCHVISION, VGG16_CONVOLUTIONS, architecture_of
from jaxstyle.weights.load import convert, read_weights

ARRAYS = small_vgg19(names=VGG16_CONVOLUTIONS)
LAYOUTS = {
    "keras": (lambda path: write_keras(path, ARRAYS), CAFFE),
    "keras3": (lambda path: write_keras(path, ARRAYS, variant="keras3"), CAFFE),
    "torchvision": (lambda path: write_zip(path, state_dict(ARRAYS)), TORCHVISION),
    "caffe names": (lambda path: write_legacy(path, state_dict(ARRAYS, names="gatys")), CAFFE),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_a_vgg16(layout, tmp_path):
    write, preprocessing = LAYOUTS[layout]
    weights = read_weights(write(tmp_path / "public"))
    assert weights.architecture == "VGG16" and weights.preprocessing == preprocessing
    assert weights.layers == VGG16_CONVOLUTIONS
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(weights.arrays[key], array)
    own = read_weights(convert(tmp_path / "public", tmp_path / "own.safetensors") and tmp_path / "own.safetensors")
    assert own.architecture == "VGG16" and own.arrays.keys() == ARRAYS.keys()


def test_which_network_has_which_layers():
    assert architecture_of(CONVOLUTIONS) == "VGG19" and architecture_of(VGG16_CONVOLUTIONS) == "VGG16"
    assert architecture_of(CONVOLUTIONS[:7]) == architecture_of(()) == "VGG19"  # both are the same up to conv3_3
    assert architecture_of([*VGG16_CONVOLUTIONS, "conv4_4"]) == "VGG19"
    assert len(VGG16_CONVOLUTIONS) == 13


def test_a_loader_says_what_the_file_holds(tmp_path):
    sixteen = write_keras(tmp_path / "16.h5", ARRAYS)
    nineteen = write_keras(tmp_path / "19.h5", small_vgg19())
    assert isinstance(load_vgg16(sixteen), VGG16) and isinstance(load_network(nineteen), VGG19)
    with pytest.raises(WeightsError, match=r"holds a VGG16, expected a VGG19; `jaxstyle.load_vgg16` reads it"):
        load_vgg19(sixteen)
    with pytest.raises(WeightsError, match=r"holds a VGG19, expected a VGG16; `jaxstyle.load_vgg19` reads it"):
        load_vgg16(nineteen)


def test_a_damaged_one_is_named(tmp_path):
    lacking = {key: array for key, array in ARRAYS.items() if not key.startswith("conv4_2")}
    state = state_dict(ARRAYS)
    with pytest.raises(WeightsError, match="not a VGG16: missing conv4_2/kernel; missing conv4_2/bias"):
        read_weights(write_keras(tmp_path / "x.h5", lacking))
    with pytest.raises(WeightsError, match="not a VGG16: missing conv5_3/bias"):
        read_weights(write_zip(tmp_path / "x.pth", {k: v for k, v in state.items() if k != "features.28.bias"}))


def test_layers_features_and_geometry(tmp_path):
    """The forward pass against plain NumPy, to the last layer."""
    model = load_vgg16(write_keras(tmp_path / "16.h5", ARRAYS))
    assert model.layers[-4:] == ("relu5_2", "conv5_3", "relu5_3", "pool5") and len(model.layers) == 1 + 2 * 13 + 5
    assert model.geometry("relu4_1") == (8, 2 + 4 + 12 + 8, 8)
    image = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    found = jax.jit(lambda model, x: model.features(x, ["relu3_3", "pool5"]))(model, jnp.asarray(image))
    x = image.astype(np.float64) @ np.asarray(CAFFE.matrix) + np.asarray(CAFFE.offset)
    for name in VGG16_CONVOLUTIONS:
        if name.endswith("_1") and name != "conv1_1":
            x = x.reshape(len(x) // 2, 2, len(x) // 2, 2, -1).max((1, 3))
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        rows = sum(
            padded[i : i + len(x), j : j + len(x)] @ ARRAYS[f"{name}/kernel"][i, j].astype(np.float64)
            for i in range(3)
            for j in range(3)
        )
        x = np.maximum(rows + ARRAYS[f"{name}/bias"], 0)
        if name == "conv3_3":
            np.testing.assert_allclose(found["relu3_3"], x, rtol=1e-3, atol=1e-4 * x.max())
    x = x.reshape(1, 2, 1, 2, -1).max((1, 3))
    np.testing.assert_allclose(found["pool5"], x, rtol=1e-3, atol=1e-4 * x.max())


def test_a_picture_is_painted(tmp_path, pictures):
    path = write_keras(tmp_path / "16.h5", ARRAYS)
    recipe = jaxstyle.presets.default(content_layers=("relu3_3",), style_layers=("relu1_1", "relu2_1"))
    result = jaxstyle.stylize(*pictures[:2], model=path, recipe=recipe, steps=2)
    assert result.settings["model"]["name"] == "16" and result.status == "done"
