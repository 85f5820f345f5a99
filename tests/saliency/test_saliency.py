"""Localization: closed forms of maps and of Grad-CAM, the largest component, masks, classifiers in files, errors."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from weight_files import small_vgg19, state_dict, write_keras, write_legacy, write_npz, write_zip

from jaxstyle import load_image, save_image
from jaxstyle.errors import ImageError, SettingError, WeightsError
from jaxstyle.networks.model import Geometry
from jaxstyle.networks.vgg import VGG19
from jaxstyle.saliency import (
    LOCALIZERS,
    AggregatedActivations,
    Classifier,
    GradCAM,
    Localizer,
    Mask,
    PythonFunction,
    as_localizer,
    grad_cam,
    largest_component,
    overlay,
    read_classifier,
    read_mask,
    saliency_map,
)
from jaxstyle.weights.layout import UNIT, Weights


def random_map(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0, 1, shape))


def red(image):
    return image[..., 0]


# --- the largest component ----------------------------------------------------------------------------------------


def largest_by_search(mask):
    """Flood filling, one component at a time."""
    left, best = {tuple(place) for place in np.argwhere(mask)}, set()
    while left:
        found, edge = set(), [min(left)]
        while edge:
            y, x = edge.pop()
            if (y, x) in left:
                left.remove((y, x))
                found.add((y, x))
                edge += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        best = max(best, found, key=lambda places: (len(places), max(places, default=(-1, -1))))
    out = np.zeros_like(mask)
    for place in best:
        out[place] = True
    return out


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (8, 11), (16, 16)])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.7])
def test_largest_component_against_flood_filling(shape, share):
    masks = np.random.default_rng(3).random((8, *shape)) < share
    found = jax.jit(jax.vmap(largest_component))(jnp.asarray(masks))
    for mask, got in zip(masks, found, strict=True):
        np.testing.assert_array_equal(got, largest_by_search(mask))


def test_a_spiral_is_one_component():
    spiral = np.zeros((9, 9), bool)
    spiral[0], spiral[:, 8], spiral[8], spiral[2:, 0], spiral[2, :7], spiral[2:7, 6], spiral[6, 2:7] = (True,) * 7
    spiral[4, 3] = True  # another
    expected = spiral.copy()
    expected[4, 3] = False
    np.testing.assert_array_equal(largest_component(jnp.asarray(spiral)), expected)


def test_an_empty_mask_has_no_component():
    assert not largest_component(jnp.zeros((4, 5), bool)).any()


# --- aggregated activations ---------------------------------------------------------------------------------------


def test_map_of_a_bright_quarter():
    features = jnp.zeros((8, 8, 3)).at[:4, :4].set(2.0)  # the sum is 6 there: mean 1.5, sd sqrt(27 / 4)
    found = AggregatedActivations(("relu5_1",), sharpness=2.0)((features,))
    inside, outside = (1 / (1 + np.exp(-2 * (value - 1.5) / np.sqrt(6.75))) for value in (6, 0))
    np.testing.assert_allclose(found[:4, :4], inside, rtol=1e-5)
    np.testing.assert_allclose(found[4:], outside, rtol=1e-5)


def test_above_a_half_is_above_the_mean():
    features = random_map(9, 7, 5)
    total = features.sum(-1)
    found = AggregatedActivations(("relu5_1",))((features,))
    np.testing.assert_array_equal(found > 0.5, total > total.mean())


def test_two_layers_are_averaged_at_the_firsts_size():
    features = random_map(8, 6, 4), random_map(4, 3, 2, seed=1)
    maps = [AggregatedActivations((f"relu{i}_1",))((each,)) for i, each in zip((4, 5), features, strict=True)]
    expected = (maps[0] + jax.image.resize(maps[1], (8, 6), "linear")) / 2
    np.testing.assert_allclose(AggregatedActivations()(features), expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_scale_changes_nothing(scale):
    features, localizer = random_map(8, 6, 4), AggregatedActivations(("relu5_1",))
    np.testing.assert_allclose(localizer((scale * features,)), localizer((features,)), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 7e3])
def test_flat_activations_are_undecided(value):
    features, localizer = jnp.full((8, 6, 4), value), AggregatedActivations(("relu5_1",))
    np.testing.assert_allclose(localizer((features,)), 0.5, atol=1e-3)
    assert np.isfinite(jax.grad(lambda x: localizer((x,))[0, 0])(features)).all()


def test_gradient_of_a_map(x64):
    localizer, weights = AggregatedActivations(), random_map(8, 6, seed=2)
    features = random_map(8, 6, 4), random_map(4, 3, 2, seed=1)
    check_grads(jax.jit(lambda x: jnp.sum(weights * localizer(x))), (features,), order=1, modes=["rev"])


@pytest.mark.parametrize("settings", [{"layers": ()}, {"layers": "relu5_1"}, {"sharpness": 0}, {"sharpness": "4"}])
def test_wrong_settings(settings, unchecked):
    with pytest.raises(SettingError, match=f"{next(iter(settings))}: got"):
        AggregatedActivations(**settings)


# --- Grad-CAM -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    return VGG19(Weights({name: abs(each) / 9 for name, each in small_vgg19().items()}, UNIT))


def averaging(table):
    """A classifier whose score of a class is `sum_k table[k, class] mean(pool5_k)`: ReLUs see nothing negative."""
    channels, classes = table.shape
    mean = np.tile(np.eye(channels), (49, 1)) / 49
    kernels = tuple(jnp.asarray(each, jnp.float32) for each in (mean, np.eye(channels), table))
    return Classifier(kernels, tuple(jnp.zeros(n) for n in (channels, channels, classes)))


def photograph(size=64):
    return np.random.default_rng(5).random((size, size, 3)).astype(np.float32)


def channels_of(network):
    return network.conv5_4.bias.shape[0]


def test_grad_cam_is_the_closed_form(network):
    table = np.random.default_rng(1).normal(size=(channels_of(network), 4))
    table[:, 2] = np.abs(table[:, 2])
    found = grad_cam(network, averaging(table), photograph(224), label=2)
    activation = np.asarray(network.features(jnp.asarray(photograph(224)), ["relu5_4"])["relu5_4"], np.float64)
    # Every pixel of pool5 passes its 1/49 on to one of four: the mean gradient over 14x14 is table / 196.
    expected = np.maximum(activation @ table[:, 2], 0)
    np.testing.assert_allclose(found((jnp.asarray(activation, jnp.float32),)), expected / expected.max(), atol=1e-5)
    top = np.maximum(activation @ (table[:, 2] / 196), 0).max()
    np.testing.assert_allclose(found.weights, table[:, 2] / 196 / top, rtol=1e-4)


def test_the_most_likely_class_is_the_default(network):
    table = np.ones((channels_of(network), 5)) * np.array([1.0, 3.0, 7.0, 5.0, 2.0])
    found = grad_cam(network, averaging(table), photograph())
    assert found.label == 2 and found == grad_cam(network, averaging(table), photograph(), label=2)
    assert hash(found) == hash(grad_cam(network, averaging(table), photograph(), label=2))


def test_map_of_a_picture_by_grad_cam(network):
    localizer = grad_cam(network, averaging(np.ones((channels_of(network), 2))), photograph())
    found = saliency_map(network, photograph(), localizer)
    assert found.shape == (64, 64) and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize(
    ("label", "message"), [(4, "expected a class from 0 to 3"), (-1, "label: got -1"), (0, "nothing in the picture")]
)
def test_wrong_classes(network, label, message):
    classifier = averaging(-np.ones((channels_of(network), 4)))
    with pytest.raises(SettingError, match=message):
        grad_cam(network, classifier, photograph(), label=label)


def test_another_networks_classifier(network):
    with pytest.raises(SettingError, match="classifier: takes 4900 numbers"):
        grad_cam(network, averaging(np.ones((100, 3))), photograph())
    with pytest.raises(SettingError, match="Grad-CAM for 2 channels got 5 channels"):
        GradCAM((1.0, 2.0))((jnp.ones((3, 3, 5)),))


# --- classifiers in files -----------------------------------------------------------------------------------------


def classifier_state(channels, seed=0):
    """Torchvision's six tensors, for pool5 of 7x7 and `channels`; 11, 10 and 9 outputs."""
    random, widths = np.random.default_rng(seed), (49 * channels, 11, 10, 9)
    found = {}
    for i, (before, after) in zip((0, 3, 6), pairwise(widths), strict=True):
        found[f"classifier.{i}.weight"] = random.standard_normal((after, before), np.float32)
        found[f"classifier.{i}.bias"] = random.standard_normal(after, np.float32)
    return found


def scores_by_torchs_rule(state, activation):
    """Channels first, then rows and columns; ReLU between."""
    x = activation.reshape(7, 2, 7, 2, -1).max((1, 3)).transpose(2, 0, 1).ravel()
    for i in (0, 3, 6):
        x = state[f"classifier.{i}.weight"] @ (np.maximum(x, 0) if i else x) + state[f"classifier.{i}.bias"]
    return x


def write_keras_with_top(path, arrays, state):
    import h5py

    channels = arrays["conv5_4/bias"].size
    write_keras(path, arrays)
    with h5py.File(path, "r+") as root:
        for i, layer in zip((0, 3, 6), ("fc1", "fc2", "predictions"), strict=True):
            kernel = state[f"classifier.{i}.weight"]
            if i == 0:  # Keras flattens rows, columns, channels
                kernel = kernel.reshape(-1, channels, 7, 7).transpose(0, 2, 3, 1).reshape(len(kernel), -1)
            for part, array in (("W", kernel.T), ("b", state[f"classifier.{i}.bias"])):
                del root[layer][f"{layer}_{part}_1:0"]
                root[layer].create_dataset(f"{layer}_{part}_1:0", data=array)
    return path


@pytest.mark.parametrize("layout", ["keras", "zip", "legacy"])
def test_classifiers_of_public_layouts(tmp_path, layout):
    arrays = small_vgg19()
    channels = arrays["conv5_4/bias"].size
    state = classifier_state(channels)
    convolutions = {k: v for k, v in state_dict(arrays).items() if not k.startswith("classifier")}
    path = tmp_path / "weights"
    if layout == "keras":
        write_keras_with_top(path, arrays, state)
    else:
        (write_zip if layout == "zip" else write_legacy)(path, convolutions | state)
    activation = np.random.default_rng(2).random((14, 14, channels)).astype(np.float32)
    expected = scores_by_torchs_rule(state, activation)
    np.testing.assert_allclose(read_classifier(path)(jnp.asarray(activation)), expected, rtol=1e-4, atol=1e-3)


def test_files_without_a_classifier(tmp_path):
    arrays = small_vgg19()
    convolutions = {k: v for k, v in state_dict(arrays).items() if not k.startswith("classifier")}
    with pytest.raises(WeightsError, match="has no classifier: fc1, fc2, predictions missing"):
        read_classifier(write_zip(tmp_path / "a.pth", convolutions))
    with pytest.raises(WeightsError, match="do not fit"):
        read_classifier(write_keras(tmp_path / "b.h5", arrays))  # its dense layers are 12x12 each
    with pytest.raises(WeightsError, match="zip file, expected a state dict"):
        read_classifier(write_npz(tmp_path / "c.npz", arrays))
    with pytest.raises(WeightsError, match=r"d\.h5"):
        read_classifier(tmp_path / "d.h5")
    (tmp_path / "e.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(WeightsError, match="damaged"):
        read_classifier(tmp_path / "e.h5")


def test_a_classifier_larger_than_vgg19s(tmp_path):
    state = classifier_state(2) | {"classifier.6.bias": np.zeros(1001, np.float32)}
    with pytest.raises(WeightsError, match=r"classifier\.6\.bias' has shape \(1001,\), expected at most \(1000,\)"):
        read_classifier(write_zip(tmp_path / "a.pth", state))


# --- masks, functions, names --------------------------------------------------------------------------------------


def test_a_mask_file_comes_back(tmp_path):
    levels = np.zeros((20, 30), np.float32)
    levels[5:15, 10:20] = 1
    save_image(tmp_path / "mask.png", levels)
    mask = read_mask(tmp_path / "mask.png")
    np.testing.assert_allclose(mask((jnp.zeros((20, 30, 3)),)), levels, atol=1 / 255)
    assert mask == read_mask(levels) and hash(mask) == hash(read_mask(levels))
    assert read_mask(np.ones((300, 200))).levels().shape == (64, 43)
    assert mask((jnp.zeros((40, 60, 7)),)).shape == (40, 60)


@pytest.mark.parametrize(("width", "data"), [(3, "00ff"), (2, "xx"), (0, "00"), (1, "")])
def test_wrong_masks(width, data):
    with pytest.raises(SettingError, match="data: got"):
        Mask(width, data)


def test_mask_files_that_are_no_pictures(tmp_path):
    with pytest.raises(ImageError):
        read_mask(tmp_path / "none.png")


def test_localizers_by_name_settings_and_function():
    assert as_localizer("activations") == AggregatedActivations()
    settings = {"kind": "activations", "layers": ["relu5_2"], "sharpness": 3}
    assert as_localizer(settings) == AggregatedActivations(("relu5_2",), 3.0)
    assert as_localizer(red) == PythonFunction(red) and hash(as_localizer(red)) == hash(PythonFunction(red))
    assert as_localizer(red).layers == ("input",) and as_localizer(red).name.endswith("test_saliency.red")
    for localizer in (AggregatedActivations(), GradCAM((1.0,)), Mask(1, "ff"), PythonFunction(red)):
        assert isinstance(localizer, Localizer) and as_localizer(localizer) is localizer
    assert {kind: built.kind for kind, built in LOCALIZERS.items()} == {kind: kind for kind in LOCALIZERS}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("activation", "did you mean 'activations'"),
        ({"kind": "activations", "layer": "relu5_1"}, "activations has no setting 'layer'; did you mean 'layers'"),
        ({"kind": "mask"}, "localizer: mask: .*missing"),
        ({"kind": "function", "name": "mine.red"}, "Python function 'mine.red', which no file can hold"),
        (3, "localizer: got 3, expected a localizer"),
    ],
)
def test_what_is_no_localizer(given, message):
    with pytest.raises(SettingError, match=message):
        as_localizer(given)


def test_functions_that_cannot_be_hashed():
    class Unhashable:
        __hash__ = None

        def __call__(self, image):
            return image[..., 0]

    with pytest.raises(SettingError, match="which has no hash"):
        as_localizer(Unhashable())


# --- pictures -----------------------------------------------------------------------------------------------------


def test_map_at_the_pictures_size(embedded):
    picture = np.full((48, 64, 3), 0.5, np.float32)
    picture[12:36, 16:40] = np.random.default_rng(0).random((24, 24, 3))
    found = saliency_map(embedded, picture, AggregatedActivations(("relu3_1",)))
    assert found.shape == (48, 64) and 0 <= found.min() <= found.max() <= 1
    assert found[16:32, 20:36].mean() > 0.7 and found[:6].mean() < 0.4
    np.testing.assert_array_equal(saliency_map(embedded, picture, red), picture[..., 0])


def test_a_layer_that_is_not_there(embedded):
    with pytest.raises(SettingError, match="no layer 'relu9_1'"):
        saliency_map(embedded, photograph(), AggregatedActivations(("relu9_1",)))


def test_overlay_of_0_is_blue_and_of_1_is_red():
    grey = np.full((2, 2, 3), 0.5, np.float32)
    low, high = (overlay(grey, np.full((2, 2), value), strength=1.0)[0, 0] for value in (0.0, 1.0))
    np.testing.assert_allclose(low, [0, 0, 0.5])
    np.testing.assert_allclose(high, [0.5, 0, 0])
    np.testing.assert_allclose(overlay(grey, np.zeros((1, 1)), strength=0.0), grey)


@pytest.mark.parametrize("saliency", [np.ones(3), np.full((2, 2), 1.5), np.full((2, 2), np.nan), np.ones((0, 2))])
def test_what_is_no_map(saliency):
    with pytest.raises(SettingError, match="saliency: got an array"):
        overlay(np.zeros((2, 2, 3)), saliency)


def test_command_line(tmp_path, pictures, capsys):
    from jaxstyle.cli.saliency import SaliencyCommand as Saliency

    save_image(tmp_path / "a.png", pictures[0])
    for flag, name in ((False, "heat.png"), (True, "map.png")):
        command = Saliency(tmp_path / "a.png", tmp_path / name, "embedded", layers=("relu3_1",), map=flag)
        assert command.run() == 0 and capsys.readouterr().out.strip() == str(tmp_path / name)
    grey = load_image(tmp_path / "map.png")
    assert grey.shape == (32, 32, 3) and (grey[..., 0] == grey[..., 2]).all()
    with pytest.raises(SettingError, match="--label"):
        Saliency(tmp_path / "a.png", tmp_path / "b.png", "embedded", label=3).run()
    with pytest.raises(SettingError, match="--layers"):
        Saliency(tmp_path / "a.png", tmp_path / "b.png", grad_cam="x", layers=("relu5_1",)).run()


def test_grad_cam_from_the_command_line(tmp_path, pictures, capsys):
    from jaxstyle.cli.saliency import SaliencyCommand as Saliency

    arrays = {name: abs(each) / 9 for name, each in small_vgg19().items()}
    state = {name: abs(each) for name, each in classifier_state(arrays["conv5_4/bias"].size).items()}
    path = write_keras_with_top(tmp_path / "top.h5", arrays, state)
    save_image(tmp_path / "a.png", pictures[0])
    assert Saliency(tmp_path / "a.png", tmp_path / "o.png", grad_cam=str(path), label=1).run() == 0
    assert "class 1" in capsys.readouterr().out and load_image(tmp_path / "o.png").shape == (32, 32, 3)


@jax.tree_util.register_static
class OneLayer:
    """A network of a researcher's own."""

    name, layers = "one layer", ("half",)

    def features(self, image, layers):
        return {"half": image[::2, ::2]} if "half" in layers else {}

    def geometry(self, layer):
        return Geometry(2, 0)


def test_an_own_network_is_asked_for_what_it_has():
    image = np.full((8, 8, 3), 0.5, np.float32)
    mask = read_mask(np.pad(np.ones((4, 4, 3), np.float32), ((2, 2), (2, 2), (0, 0))))
    assert mask.layers == ("input",)
    assert saliency_map(OneLayer(), image, mask)[4, 4] == 1
    with pytest.raises(SettingError, match="one layer has no layer 'relu5_1'"):
        saliency_map(OneLayer(), image, AggregatedActivations(("relu5_1",)))
