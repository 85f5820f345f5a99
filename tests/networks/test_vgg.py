import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from PIL import Image
from scipy.ndimage import correlate

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.networks.load import load_vgg19
from jaxstyle.networks.vgg import VGG19
from jaxstyle.weights.layout import CAFFE, CONVOLUTIONS, TORCHVISION, Preprocessing, Weights
from jaxstyle.weights.random_features import random_weights


def relative(got, expected):
    return float(np.abs(np.asarray(got) - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(("name", "layer"), [("se4", "relu4_1"), ("se5", "relu5_1")])
def test_small_network_equals_its_golden(shared, name, layer):
    model = load_vgg19(shared / f"small_vgg19/{name}.npz", padding="reflect")
    content = jnp.asarray(np.load(shared / "small_vgg19/golden_content_256.npy")[0])
    expected = np.load(shared / f"small_vgg19/golden_{name}_features.npy")[0]
    assert relative(model.features(content, [layer])[layer], expected) < 1e-5


def test_real_network_equals_its_golden(shared):
    path = shared / "vgg_normalised/vgg19_normalised_conv1_1_to_conv3_1.npz"
    model = load_vgg19(path, padding="reflect", ceil_mode=True)
    content = jnp.asarray(np.load(shared / "vgg_normalised/golden_content_256.npy")[0])
    expected = np.load(shared / "vgg_normalised/golden_relu3_1.npy")[0]
    assert relative(model.features(content, ["relu3_1"])["relu3_1"], expected) < 1e-5


def test_imagenet_equals_its_goldens_at_every_layer(imagenet, shared):
    golden = json.loads((shared / "imagenet/golden_8bit.json").read_text(encoding="utf-8"))["layers"]
    with Image.open(shared / "images/content_golden_gate_512.jpg") as image:
        crop = jnp.asarray(np.asarray(image.convert("RGB"))[:256, :256] / 255, jnp.float32)
    layers = [name for name in imagenet.layers if name.startswith("relu")]
    assert len(layers) == 16 and set(layers) <= golden.keys()
    found = jax.jit(lambda model, image: model.features(image, layers))(imagenet, crop)
    for name in layers:
        features, expected = np.asarray(found[name], np.float64), golden[name]
        assert features.shape == (*expected["shape"][1:], expected["shape"][0])
        sums = {"l2": np.sqrt((features**2).sum()), "max": features.max(), "mean": features.mean()}
        sums["first_channel_sum"] = features[..., 0].sum()
        for key, value in sums.items():
            assert value == pytest.approx(expected[key], rel=1e-4), (name, key)


def test_auxiliary_layers_are_a_relu_of_a_1x1_convolution(shared):
    model = load_vgg19(shared / "small_vgg19/se5.npz", padding="reflect")
    content = jnp.asarray(np.load(shared / "small_vgg19/golden_content_256.npy")[0])[:64, :64]
    found = model.features(content, ["relu4_1", "relu4_1_aux"])
    with np.load(shared / "small_vgg19/se5.npz") as arrays:
        kernel, bias = arrays["conv4_1_aux/kernel"][0, 0], arrays["conv4_1_aux/bias"]
    expected = np.maximum(np.asarray(found["relu4_1"], np.float64) @ kernel + bias, 0)
    assert found["relu4_1_aux"].shape == (8, 8, 512)
    assert relative(found["relu4_1_aux"], expected) < 1e-5


@pytest.mark.parametrize("conv", ["exact", "winograd"])
def test_convolutions_are_what_comes_before_the_relu(imagenet, pictures, conv):
    """Against SciPy in float64, and beside ReLUs and poolings that stay what they are."""
    image = jax.image.resize(pictures[0], (64, 64, 3), "linear")
    model = imagenet.prepared(["relu2_2"], conv=conv)
    found = model.features(image, ["conv1_1", "conv1_2", "relu1_2", "pool1", "conv2_1", "conv2_2"])
    alone = model.features(image, ["relu1_1", "relu1_2", "pool1", "relu2_1", "relu2_2"])
    for name, before in found.items():
        if name.startswith("conv"):
            assert float(before.min()) < 0 and relative(jnp.maximum(before, 0), alone[f"relu{name[4:]}"]) < 1e-5
        else:
            assert relative(before, alone[name]) < 1e-5
    kernel = np.asarray(imagenet.conv1_2.kernel[...], np.float64)[..., 3]
    x = np.asarray(alone["relu1_1"], np.float64)
    expected = sum(correlate(x[..., i], kernel[..., i], mode="constant") for i in range(64)) + float(
        imagenet.conv1_2.bias[3]
    )
    assert relative(found["conv1_2"][..., 3], expected) < 1e-5


@pytest.mark.parametrize("conv", ["exact", "winograd"])
def test_gradients_of_convolutions(embedded, pictures, conv, x64):
    model = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), embedded.prepared(["relu2_2"], conv=conv))
    value = jax.jit(lambda x: sum(jnp.sum(jnp.sin(f)) for f in model.features(x, ["conv1_2", "conv2_2"]).values()))
    check_grads(value, (pictures[0][:16, :16].astype(jnp.float64),), 1, ["fwd", "rev"], eps=1e-6, rtol=1e-4)


def test_geometry_counts_a_convolution_once(imagenet):
    assert imagenet.geometry("conv3_1") == imagenet.geometry("relu3_1") == (4, 10, 4)
    assert [name for name in imagenet.layers[:6]] == ["input", "conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1"]


def test_no_deeper_than_asked(embedded, pictures):
    def convolutions(layers):
        text = jax.jit(lambda m, x: m.features(x, layers)).lower(embedded, pictures[0]).as_text()
        return text.count("call @conv3x3_relu")

    assert convolutions(["relu1_1"]) == 1
    assert convolutions(["relu3_1", "relu1_2"]) == 5
    assert convolutions(["input"]) == 0
    assert convolutions(["relu5_4"]) == 16


def test_shapes_and_order(embedded, pictures):
    found = embedded.features(pictures[0], ["relu5_1", "input", "pool1", "relu3_2"])
    assert [(name, f.shape) for name, f in found.items()] == [
        ("input", (32, 32, 3)),
        ("pool1", (16, 16, 32)),
        ("relu3_2", (8, 8, 96)),
        ("relu5_1", (2, 2, 128)),
    ]


def test_preprocessing_travels_with_the_weights():
    pixel = jnp.asarray([[[0.2, 0.4, 0.6]]])
    bgr = pixel @ jnp.asarray(CAFFE.matrix) + jnp.asarray(CAFFE.offset)[None, None]
    np.testing.assert_allclose(bgr[0, 0], [0.6 * 255 - 103.939, 0.4 * 255 - 116.779, 0.2 * 255 - 123.68], rtol=1e-5)
    rgb = pixel @ jnp.asarray(TORCHVISION.matrix) + jnp.asarray(TORCHVISION.offset)[None, None]
    np.testing.assert_allclose(
        rgb[0, 0], [(0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.6 - 0.406) / 0.225], rtol=1e-5
    )
    eye = np.zeros((3, 3, 3, 3), np.float32)
    eye[1, 1] = np.eye(3)
    arrays = {"conv1_1/kernel": eye, "conv1_1/bias": np.zeros(3, np.float32)}
    shifted = VGG19(Weights(arrays, Preprocessing.standard("BGR", 2.0, (0.1, 0.2, 0.3), (1, 1, 0.5))))
    np.testing.assert_allclose(shifted.features(pixel, ["relu1_1"])["relu1_1"][0, 0], [1.1, 0.6, 0.2], rtol=1e-5)


def test_pooling_can_be_swapped_and_shares_its_arrays(embedded, pictures):
    other = embedded.with_changes(pooling="max")
    assert (embedded.pooling, other.pooling) == ("average", "max")
    assert other.conv1_1.kernel[...] is embedded.conv1_1.kernel[...]
    difference = other.features(pictures[0], ["pool1"])["pool1"] - embedded.features(pictures[0], ["pool1"])["pool1"]
    assert float(difference.min()) >= 0 and float(difference.max()) > 0


def test_one_trace_for_two_networks_of_one_shape(embedded, pictures):
    traces = []

    @jax.jit
    def features(model, picture):
        traces.append(1)
        return model.features(picture, ["relu2_1"])

    features(embedded, pictures[0])
    features(VGG19(random_weights()), pictures[1])
    assert len(traces) == 1
    assert len(jax.tree.leaves(embedded)) == 2 * len(CONVOLUTIONS) + 2


def test_unknown_layers_suggest_the_nearest(embedded, pictures):
    with pytest.raises(SettingError, match=r"no layer 'relu4_5'; did you mean 'relu4_[1-4]'"):
        embedded.features(pictures[0], ["relu4_5"])


def test_too_small_pictures_say_how_small(embedded):
    with pytest.raises(ImageError, match=r"got 9x16 pixels; relu5_1 needs at least 32.*\(57 on the long edge in this"):
        embedded.features(jnp.zeros((16, 9, 3)), ["relu5_1"])
    with pytest.raises(ImageError, match="needs at least 16"):
        VGG19(Weights(random_weights().arrays, CAFFE)).features(jnp.zeros((15, 15, 3)), ["relu5_1"])
    VGG19(Weights(random_weights().arrays, CAFFE)).features(jnp.zeros((16, 16, 3)), ["relu5_1"])


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_layer_before_a_pooling_changes_nothing_by_being_asked_for(embedded, pictures, pooling):
    """With a maximum it is else computed together with the pooling."""
    model = embedded.with_changes(pooling=pooling)

    def both(layers):
        run = lambda image: (model.features(image, layers)["relu2_1"] ** 2).sum()  # noqa: E731
        return jax.value_and_grad(run)(pictures[0])

    np.testing.assert_allclose(both(["relu2_1"])[0], both(["relu1_2", "relu2_1"])[0], rtol=1e-6)
    np.testing.assert_allclose(both(["relu2_1"])[1], both(["relu1_2", "relu2_1"])[1], rtol=1e-4, atol=1e-5)
    assert [*model.features(pictures[0], ["relu1_2"])] == ["relu1_2"]
    assert [*model.features(pictures[0], ["pool1", "relu2_1"])] == ["pool1", "relu2_1"]
    assert model.features(pictures[0], ["pool1"])["pool1"].shape == (16, 16, 32)
