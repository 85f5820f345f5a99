"""PyTorch's files as people have them: checkpoints, prefixes, half floats, safetensors, batch normalisation."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.numpy
from weight_files import small_vgg19, state_dict, write_legacy, write_zip

from jaxstyle.errors import WeightsError
from jaxstyle.weights.layout import TORCHVISION, VGG16_CONVOLUTIONS
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.torch_layouts import fold, layout_of, name_foreign, standard_names

ARRAYS = small_vgg19()
STATE = state_dict(ARRAYS)
FEATURES = {name: array for name, array in STATE.items() if name.startswith("features.")}
BARE = {name.removeprefix("features."): array for name, array in FEATURES.items()}


def same(path, expected=ARRAYS, tolerance=0.0):
    weights = read_weights(path)
    assert weights.arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(weights.arrays[name], array, rtol=tolerance, atol=tolerance)
    return weights


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize("prefix", ["module.", "model.", "module.vgg.", "module.model.net.vgg19."])
@pytest.mark.parametrize("state", [STATE, FEATURES, BARE], ids=["whole", "features", "bare"])
def test_what_programs_put_before_the_names(tmp_path, write, prefix, state):
    path = write(tmp_path / "x.pth", {f"{prefix}{name}": array for name, array in state.items()})
    assert same(path).preprocessing == TORCHVISION


def test_features_saved_alone(tmp_path):
    assert same(write_zip(tmp_path / "x.pth", BARE)).preprocessing == TORCHVISION


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net"])
@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_checkpoints(tmp_path, write, key):
    """An epoch, and an optimiser with tensors of its own and numbers as keys, beside the network."""
    momentum = {0: {"step": 3, "exp_avg": np.ones((2, 2), np.float32)}, 1: {}}
    optimizer = {"state": momentum, "param_groups": [{"lr": 0.1, "params": [0, 1], "nesterov": False}]}
    whole = {"epoch": 7, "arch": "vgg19", "best": 0.5, "optimizer": optimizer, key: OrderedDict(STATE)}
    same(write(tmp_path / "x.pth", whole))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats(tmp_path, dtype):
    state = {name: array.astype(dtype) for name, array in STATE.items()}
    for write in (write_zip, write_legacy):
        same(write(tmp_path / "x.pth", state), tolerance=1e-3)
    safetensors.numpy.save_file(state, tmp_path / "x.safetensors")
    same(tmp_path / "x.safetensors", tolerance=1e-3)


def bfloat16(array):
    """The upper halves, as uint16."""
    return (array.view(np.uint32) >> 16).astype(np.uint16)


def write_bfloat16(path):
    header, data = {}, b""
    for name, array in STATE.items():
        bits = bfloat16(array).tobytes()
        header[name] = {
            "dtype": "BF16",
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(bits)],
        }
        data += bits
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_bfloat16(tmp_path):
    expected = {name: (bfloat16(array).astype(np.uint32) << 16).view(np.float32) for name, array in ARRAYS.items()}
    same(write_bfloat16(tmp_path / "x.safetensors"), expected)
    same(write_bfloat16(tmp_path / "x.safetensors"), tolerance=1e-2)
    state = {name: bfloat16(array) for name, array in STATE.items()}
    same(write_zip(tmp_path / "x.pth", state), expected)
    same(write_legacy(tmp_path / "x.pth", state), expected)


def test_safetensors_of_torchvision_and_timm(tmp_path):
    timm = FEATURES | {
        "pre_logits.fc1.weight": np.zeros((8, 4, 7, 7), np.float32),
        "pre_logits.fc2.bias": np.zeros(8, np.float32),
        "head.fc.weight": np.zeros((10, 8), np.float32),
    }
    for state in (STATE, timm, {f"module.{name}": array for name, array in timm.items()}):
        safetensors.numpy.save_file(state, tmp_path / "x.safetensors", metadata={"format": "pt"})
        assert same(tmp_path / "x.safetensors").preprocessing == TORCHVISION


NORMED = {
    16: (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49),
    13: (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40),
}


def with_norms(arrays, seed=0):
    """As torchvision's vgg19_bn or vgg16_bn."""
    random, state = np.random.default_rng(seed), {}
    layers = [name.removesuffix("/kernel") for name in arrays if name.endswith("/kernel")]
    for layer, i in zip(layers, NORMED[len(layers)], strict=True):
        kernel, bias = arrays[f"{layer}/kernel"], arrays[f"{layer}/bias"]
        state |= {
            f"features.{i}.weight": np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)),
            f"features.{i}.bias": bias,
        }
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"features.{i + 1}.{part}"] = random.uniform(0.5, 2, len(bias)).astype(np.float32)
        state[f"features.{i + 1}.num_batches_tracked"] = np.array(5, np.int64)
    return state


@pytest.mark.parametrize("names", [tuple({n.split("/")[0]: 0 for n in ARRAYS}), VGG16_CONVOLUTIONS])
def test_batch_normalisation_is_folded_into_the_convolutions(tmp_path, names):
    arrays = small_vgg19(names=names)
    state = with_norms(arrays)
    weights = read_weights(write_zip(tmp_path / "x.pth", state))
    assert weights.preprocessing == TORCHVISION and len(weights.layers) == len(names)
    random = np.random.default_rng(1)
    for layer, i in zip(names, NORMED[len(names)], strict=True):
        window = random.standard_normal((27 if layer == "conv1_1" else arrays[f"{layer}/kernel"][..., 0].size,))
        plain = window @ arrays[f"{layer}/kernel"].reshape(len(window), -1) + arrays[f"{layer}/bias"]
        gamma, beta, mean, variance = (
            state[f"features.{i + 1}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        expected = (plain - mean) / np.sqrt(variance + 1e-5) * gamma + beta
        got = window @ weights.arrays[f"{layer}/kernel"].reshape(len(window), -1) + weights.arrays[f"{layer}/bias"]
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_variance_below_zero_is_none():
    one = np.ones(1, np.float32)
    arrays = {"c/kernel": np.ones((1, 1, 1, 1), np.float32), "c/bias": one}
    arrays |= {"c/gamma": one, "c/beta": one, "c/mean": one, "c/variance": -one}
    folded = fold(arrays)
    np.testing.assert_allclose(folded["c/kernel"], 1 / np.sqrt(1e-5), rtol=1e-6)
    np.testing.assert_allclose(folded["c/bias"], 1.0)


def test_a_batch_normalisation_that_is_not_whole(tmp_path):
    state = with_norms(ARRAYS)
    del state["features.4.running_var"]
    with pytest.raises(WeightsError, match="conv1_2: its batch normalisation has variance of shape None"):
        read_weights(write_zip(tmp_path / "x.pth", state))


EXAMPLES = {"conv1.conv2d.weight": (32, 3, 9, 9), "in1.weight": (32,), "deconv1.conv2d.bias": (64,)}
FOREIGN = {
    "a fast style network of PyTorch's examples": EXAMPLES,
    "a ResNet": {"conv1.weight": (64, 3, 7, 7), "layer1.0.conv1.weight": (64, 64, 3, 3)},
    "a DenseNet": {"features.denseblock1.denselayer1.conv1.weight": (128, 64, 1, 1)},
    "an Inception network": {"Mixed_5b.branch1x1.conv.weight": (64, 192, 1, 1)},
    "a SqueezeNet": {"features.0.weight": (64, 3, 3, 3), "features.3.squeeze.weight": (16, 64, 1, 1)},
    "a transformer": {"blocks.0.attn.qkv.weight": (8, 8)},
    "AlexNet": {f"features.{i}.weight": (64, 3, 11, 11) for i in (0, 3, 6, 8, 10)},
    "VGG11": {f"features.{i}.weight": (64, 3, 3, 3) for i in (0, 3, 6, 8, 11, 13, 16, 18)},
    "VGG13": {f"features.{i}.weight": (64, 3, 3, 3) for i in (0, 2, 5, 7, 10, 12, 15, 17, 20, 22)},
    "no VGG19 or VGG16 in a layout that is read": {"encoder.weight": (2, 2), "decoder.weight": (2, 2)},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_another_network_is_called_by_its_name(tmp_path, name):
    state = {key: np.zeros([min(size, 4) for size in shape], np.float32) for key, shape in FOREIGN[name].items()}
    with pytest.raises(WeightsError) as caught:
        read_weights(write_zip(tmp_path / "x.pth", state))
    assert f"x.pth: is {name}: it has '{next(iter(state))[:40]}'" in str(caught.value)
    assert "expected names such as features.0.weight" in str(caught.value) and "missing" not in str(caught.value)


def test_no_vgg_is_taken_for_another_network():
    for state in (STATE, FEATURES, with_norms(ARRAYS), state_dict(ARRAYS, names="gatys")):
        assert name_foreign({name: np.shape(array) for name, array in state.items()}) is None


def test_names_of_one_component_stay():
    shapes = {"conv1_1.weight": (2, 3, 3, 3), "conv1_1.bias": (2,)}
    assert standard_names(shapes) == {name: name for name in shapes}
    assert layout_of(shapes) == "gatys"
    assert standard_names({"a": (1,), "b": (1,)}) == {"a": "a", "b": "b"}


def test_a_model_instead_of_its_numbers(tmp_path):
    pickle = b"\x80\x02ctorchvision.models.vgg\nVGG\nq\x00)\x81q\x01."
    with pytest.raises(WeightsError, match=r"asks for 'torchvision.models.vgg.VGG'.*; save model.state_dict\(\) alone"):
        read_weights(write_zip(tmp_path / "x.pth", {}, other=pickle))
