import hashlib
import json
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from jaxstyle.image import resize
from jaxstyle.networks.vgg import VGG19
from jaxstyle.weights.embedded import FILE, embedded_weights
from jaxstyle.weights.layout import CONVOLUTIONS
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.store import check_vgg19
from jaxstyle.weights.tensors import read_tensors


def test_the_whole_topology_in_a_small_file():
    weights = read_weights("embedded")
    assert weights.layers == CONVOLUTIONS and weights.name == "embedded" and weights.licence == "MIT"
    assert (files("jaxstyle.weights") / FILE).stat().st_size < 6_000_000
    assert read_weights("embedded", pooling="max").pooling == "max"


def test_the_file_says_how_it_came_about():
    with (files("jaxstyle.weights") / FILE).open("rb") as file:
        arrays, metadata = read_tensors(file, check_vgg19)
    stored = b"".join(array.tobytes() for array in arrays.values())
    assert hashlib.sha256(stored).hexdigest() == metadata["sha256"] == embedded_weights().sha256
    assert "CC0" in metadata["data"] and metadata["command"] == "python weights/train_embedded.py"
    training = json.loads(metadata["training"])
    assert training["log"][-1]["loss"] < training["log"][0]["loss"] and training["versions"]["jax"]


@pytest.fixture(scope="module")
def activations():
    model = VGG19(embedded_weights())
    layers = [layer for layer in model.layers if layer.startswith("relu")]
    features = jax.jit(lambda picture: model.features(picture, layers))
    photographs = (data.astronaut(), data.coffee()[:400, :400], data.chelsea()[:300, :300], data.rocket()[:400, :400])
    small = [resize(picture.astype(np.float32) / 255, (128, 128)) for picture in photographs]
    return [features(jnp.asarray(picture)) for picture in small]


def test_activations_have_unit_scale_on_photographs(activations):
    means = np.mean([[float(f.mean()) for f in found.values()] for found in activations], 0)
    assert (means > 0.5).all() and (means < 2).all(), means


def test_most_channels_answer_to_photographs(activations):
    for layer in activations[0]:
        alive = jnp.stack([found[layer].max((0, 1)) > 0 for found in activations]).any(0)
        assert float(alive.mean()) > 0.75, layer


def test_layers_tell_textures_apart(activations):
    # What it was trained for: of statistics of two halves, those of one picture are nearer than those of two.
    for layer in ("relu2_1", "relu3_1", "relu4_1"):
        halves = [found[layer].reshape(2, -1, *found[layer].shape[1:]).mean((1, 2)) for found in activations]
        one, two = np.asarray(halves).swapaxes(0, 1)
        distances = np.linalg.norm(one[:, None] - two, axis=-1)
        assert (np.diag(distances) <= distances.mean(1)).all(), layer
