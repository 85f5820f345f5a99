"""Encoders and decoders: shapes at any size, the networks' own goldens, and every layout of file."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from weight_files import write_legacy, write_npz, write_zip

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.feedforward.coder_file import make_encoder, read_decoder, read_encoder
from jaxstyle.weights.decoder import layers_to, read_zip, sequential_layers
from jaxstyle.weights.layout import UNIT, Weights

WIDTHS = (2, 3, 4, 3, 2)
KEY = jax.random.key(3)
NORMALISED = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42)
run = jax.jit(lambda network, x: network(x))


def pair(level: int) -> tuple[Encoder, Decoder]:
    return Encoder.random(KEY, widths=WIDTHS, level=level), Decoder.random(KEY, widths=WIDTHS, level=level)


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A 3x3 cross-correlation with reflection, in float64."""
    h, w = x.shape[:2]
    x = np.pad(x.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    return sum(x[i : i + h, j : j + w] @ kernel[i, j] for i in range(3) for j in range(3)) + bias


@pytest.mark.parametrize("last_relu", [True, False])
def test_a_decoder_in_numpy(last_relu):
    decoder = Decoder.random(KEY, widths=WIDTHS, level=3, last_relu=last_relu)
    x = features = np.random.default_rng(0).standard_normal((3, 4, WIDTHS[2]), np.float32)
    arrays = decoder.arrays()
    for name in ("conv3_1", "up", "conv2_2", "conv2_1", "up", "conv1_2", "conv1_1"):
        if name == "up":
            x = x.repeat(2, 0).repeat(2, 1)
            continue
        x = convolved(x, arrays[f"{name}/kernel"], arrays[f"{name}/bias"])
        x = np.maximum(x, 0) if name != "conv1_1" or last_relu else x
    assert (x.min() < 0) != last_relu
    np.testing.assert_allclose(run(decoder, features), x, atol=1e-5)


@pytest.mark.parametrize("level", [1, 5])
def test_a_picture_of_an_odd_size_is_covered(level):
    encoder, decoder = pair(level)
    features = jax.eval_shape(encoder, jnp.zeros((45, 33, 3)))
    step = 2 ** (level - 1)
    assert features.shape == (-(-45 // step), -(-33 // step), WIDTHS[level - 1])
    assert jax.eval_shape(decoder, features).shape == (features.shape[0] * step, features.shape[1] * step, 3)


def test_a_decoder_learns():
    encoder, decoder = pair(2)
    image = jax.random.uniform(KEY, (8, 8, 3))

    @jax.jit
    @jax.value_and_grad
    def loss(decoder: Decoder) -> jax.Array:
        return jnp.mean((decoder(encoder(image)) - image) ** 2)

    values = []
    for _ in range(5):
        value, gradient = loss(decoder)
        values.append(value)
        decoder = jax.tree.map(lambda x, dx: x - 0.02 * dx, decoder, gradient)
    assert values[-1] < 0.9 * values[0]
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradient))


def test_settings():
    with pytest.raises(SettingError, match="level: got 6, expected 1 to 5"):
        Encoder.random(KEY, level=6)
    with pytest.raises(SettingError, match="expected the channels of 3 blocks"):
        Decoder.random(KEY, widths=(3, 4), level=3)
    arrays = Encoder.random(KEY, widths=WIDTHS, level=1).arrays()
    with pytest.raises(SettingError, match="end before relu2_1"):
        Encoder(Weights(arrays, UNIT), 2)


# --- real networks -------------------------------------------------------------------------------------------------


def test_the_small_networks(shared):
    folder = shared / "small_vgg19"
    content = jnp.asarray(np.load(folder / "golden_content_256.npy")[0])
    decoder = read_decoder(folder / "sd4.npz")
    features = run(make_encoder(read_encoder(folder / "se4.npz"), decoder), content)
    np.testing.assert_allclose(features, np.load(folder / "golden_se4_features.npy")[0], atol=2e-4)
    np.testing.assert_allclose(run(decoder, features), np.load(folder / "golden_recon4.npy")[0], atol=1e-4)
    deepest = Encoder(read_encoder(folder / "se5.npz"), 5)
    np.testing.assert_allclose(run(deepest, content), np.load(folder / "golden_se5_features.npy")[0], atol=2e-4)


# --- files ---------------------------------------------------------------------------------------------------------


def oihw(arrays: dict, names: dict[str, str]) -> dict:
    """A state dict: names gives each layer's own."""
    found = {}
    for conv, name in names.items():
        found[f"{name}.weight"] = np.ascontiguousarray(arrays[f"{conv}/kernel"].transpose(3, 2, 0, 1))
        found[f"{name}.bias"] = arrays[f"{conv}/bias"]
    return found


def decoder_state(decoder: Decoder, names: str) -> dict:
    layers = layers_to(decoder.level)[::-1]
    own = {conv: index for index, conv in sequential_layers(decoder.level).items()}
    own = own if names == "sequential" else {conv: f"{names}{conv}" for conv in layers}
    return oihw(decoder.arrays(), own)


def encoder_state(level: int, names: str) -> tuple[dict, dict]:
    """A state dict of the normalised network's layouts, and its canonical arrays."""
    arrays = Encoder.random(KEY, widths=WIDTHS, level=level).arrays()
    matrix, offset = np.arange(9, dtype=np.float32).reshape(3, 3, 1, 1), np.arange(3, dtype=np.float32)
    layers = layers_to(level)
    if names == "sequential":
        first = {"0.weight": matrix, "0.bias": offset}
        return first | oihw(arrays, dict(zip(layers, map(str, NORMALISED), strict=False))), arrays
    first = {"preprocess_weight": matrix, "preprocess_bias": offset}
    return first | oihw(arrays, {conv: f"seq.{conv}" for conv in layers}), arrays


def test_the_indices_of_the_public_decoders():
    assert list(sequential_layers(4)) == ["1", "5", "8", "11", "14", "18", "21", "25", "28"]
    assert list(sequential_layers(5)) == [str(i) for i in (1, 5, 8, 11, 14, 18, 21, 24, 27, 31, 34, 38, 41)]
    assert [list(sequential_layers(level)) for level in (1, 2)] == [["1"], ["1", "5", "8"]]


@pytest.mark.parametrize(
    ("names", "level", "write"), [("sequential", 4, write_zip), ("seq.", 5, write_legacy), ("", 1, write_zip)]
)
def test_public_decoders(names, level, write, tmp_path):
    decoder = Decoder.random(KEY, widths=WIDTHS, level=level)
    found = read_decoder(write(tmp_path / "decoder.pth", decoder_state(decoder, names)))
    assert (found.level, found.last_relu) == (level, False)
    for name, array in decoder.arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array)


def test_a_decoder_of_arrays(tmp_path):
    arrays = Decoder.random(KEY, widths=WIDTHS, level=2).arrays()
    np.savez(tmp_path / "d.npz", **arrays)
    found = read_decoder(tmp_path / "d.npz")
    assert found.last_relu
    assert all(np.array_equal(found.arrays()[name], array) for name, array in arrays.items())


@pytest.mark.parametrize(("names", "write"), [("sequential", write_legacy), ("named", write_zip)])
def test_public_encoders(names, write, tmp_path):
    state, arrays = encoder_state(5, names)
    weights = read_encoder(write(tmp_path / "vgg_normalised.pth", state))
    assert (weights.padding, weights.name) == ("reflect", "vgg_normalised")
    # PyTorch's weight[out, in] takes channel `in` to `out`.
    np.testing.assert_array_equal(weights.preprocessing.matrix, np.arange(9).reshape(3, 3).T)
    np.testing.assert_array_equal(weights.preprocessing.offset, np.arange(3))
    assert weights.arrays.keys() == arrays.keys()
    assert all(np.array_equal(weights.arrays[name], array) for name, array in arrays.items())


def test_files_that_do_not_fit(tmp_path):
    decoder = Decoder.random(KEY, widths=WIDTHS, level=2)
    state = decoder_state(decoder, "sequential")
    cases = {
        "missing conv1_2/bias": {k: v for k, v in state.items() if k != "5.bias"},
        r"conv2_1/bias has shape \(7,\)": state | {"1.bias": np.zeros(7, np.float32)},
        r"conv1_1/kernel has shape \(3, 3, 2, 4\)": state | {"8.weight": np.zeros((4, 2, 3, 3), np.float32)},
        "unknown 9.weight": state | {"9.weight": np.zeros(3, np.float32)},
    }
    for message, wrong in cases.items():
        with write_zip(tmp_path / "d.pth", wrong).open("rb") as file, pytest.raises(WeightsError, match=message):
            read_zip(file)
    path = write_zip(tmp_path / "list.pth", {}, other=pickle.dumps([1, 2], 2))
    with path.open("rb") as file, pytest.raises(WeightsError, match="expected a state dict"):
        read_zip(file)
    with pytest.raises(WeightsError, match=r"vgg\.npz: not a decoder of VGG19's features: .*unknown preprocess/kernel"):
        read_decoder(write_npz(tmp_path / "vgg.npz", Encoder.random(KEY, widths=WIDTHS, level=1).arrays()))
    with pytest.raises(WeightsError, match=r"d\.pth: conv1_1/bias is not finite"):
        read_decoder(write_zip(tmp_path / "d.pth", state | {"8.bias": np.full(3, np.nan, np.float32)}))
    with pytest.raises(WeightsFileError, match="no such file"):
        read_decoder(tmp_path / "none.pth")
    broken, _ = encoder_state(1, "sequential")
    with pytest.raises(WeightsError, match="first layer, which prepares the input"):
        read_encoder(write_zip(tmp_path / "vgg.pth", broken | {"0.bias": np.zeros(2, np.float32)}))


def test_an_encoder_of_another_network(tmp_path):
    weights = Weights(Encoder.random(KEY, widths=WIDTHS, level=2).arrays(), UNIT, name="vgg")
    with pytest.raises(WeightsError, match="relu2_1 has 3 channels, the decoder takes 5"):
        make_encoder(weights, Decoder.random(KEY, widths=(2, 5), level=2))
    with pytest.raises(WeightsError, match=r"encoder: vgg: .*end before relu3_1"):
        make_encoder(weights, Decoder.random(KEY, widths=WIDTHS, level=3))
