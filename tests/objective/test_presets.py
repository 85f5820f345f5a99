import dataclasses
import re
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.presets import PRESETS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.recipe_file import MAX_BYTES, load_recipe, to_toml
from jaxstyle.optimize.pyramid import levels
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.random_features import dead_leaves, random_weights

GOLDENS = Path(__file__).parents[1] / "goldens/presets_torch.npz"  # of torch_presets.py
PUBLISHED = ("gatys", "neural_style", "crowsonkb")
SOURCES = {
    "default": "jaxstyle's own",
    "portrait": "for faces",
    "embedded": "that come with jaxstyle",
    "gatys": "Gatys, Ecker & Bethge 2016",
    "neural_style": "Johnson's neural-style",
    "crowsonkb": "crowsonkb/style-transfer-pytorch",
    "johnson_perceptual": "Johnson, Alahi & Fei-Fei 2016",
    "strotss": "Kolkin, Salavon & Shakhnarovich 2019",
    "nnst": "Kolkin et al. 2022",
    "sliced_wasserstein": "Heitz et al. 2021",
    "tensorflow_tutorial": "TensorFlow's tutorial",
    "pytorch_tutorial": "PyTorch's tutorial",
    "keras_example": "Keras' example",
}


@pytest.fixture(scope="module")
def goldens():
    with np.load(GOLDENS) as file:
        return dict(file)


@jax.jit
def value_and_gradient(objective, image):
    return jax.value_and_grad(lambda x: objective(x), has_aux=True)(image)


def assert_published(name, weights, goldens, expected):
    """Every term's value and gradient, one by one: in the sum, a large term would hide a small one's mistake."""
    model = jax.tree.map(lambda a: a.astype(jnp.float64), VGG19(weights))
    image, content, style = (jnp.asarray(goldens[key] / 255) for key in ("image", "content", "style"))
    objective = make_objective(model, content, style, PRESETS[name]())
    (total, values), gradient = value_and_gradient(objective, image)
    assert {*values, "total"} == {key for key in expected if not key.endswith("gradient")}
    assert_close(total, gradient, expected["total"], expected["gradient"], "total")
    for term in values:
        alone = {key: weight * (key == term) for key, weight in objective.weights.items()}
        (value, _), gradient = value_and_gradient(dataclasses.replace(objective, weights=alone), image)
        assert_close(value, gradient[::4, ::4], expected[term], expected[f"{term}/gradient"], term)


def assert_close(value, gradient, expected, expected_gradient, term):
    assert value.dtype == gradient.dtype == jnp.float64
    np.testing.assert_allclose(value, expected, rtol=1e-5, err_msg=term)
    largest = np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=1e-5 * largest, err_msg=term)


@pytest.mark.parametrize("name", PUBLISHED)
def test_value_and_gradient_are_the_published_ones_in_pytorch_float64(x64, goldens, optimized, name):
    weights = random_weights()
    assert weights.sha256 == goldens["sha256"].item(), "the embedded network changed: run tests/torch_presets.py again"
    expected = {key.removeprefix(f"{name}/"): value for key, value in goldens.items() if key.startswith(f"{name}/")}
    assert_published(name, weights, goldens, expected)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_same_with_a_trained_network(x64, goldens, shared, name):
    pytest.importorskip("torch", reason="needs PyTorch, which no environment of jaxstyle's installs")
    from torch_presets import Network, evaluate

    path = shared / "small_vgg19/se5.npz"
    with np.load(path) as arrays:
        network = Network(dict(arrays), arrays["preprocess/kernel"][0, 0], arrays["preprocess/bias"])
    assert_published(name, read_weights(path), goldens, evaluate(name, network, goldens))


@pytest.fixture(scope="module")
def landscape():
    """Three pictures of 48x36 pixels."""
    random = np.random.default_rng(12)
    return tuple(jnp.asarray(dead_leaves(random, 48)[:36], jnp.float32) for _ in range(3))


@pytest.mark.parametrize("name", PRESETS)
def test_finite_and_one_trace_serves_two_weight_sets(embedded, landscape, name):
    image, content, style = landscape
    traces = []

    @jax.jit
    def evaluate(objective, image):
        traces.append(name)
        return jax.value_and_grad(lambda x: objective(x)[0])(image)

    recipe = PRESETS[name]()
    heavier = dataclasses.replace(recipe, content_weight=2.0, style_weight=3.0 * recipe.style_weight)
    total, gradient = evaluate(make_objective(embedded, content, style, recipe), image)
    other, _ = evaluate(make_objective(embedded, content, style, heavier), image)
    assert len(traces) == 1
    assert total > 0 and other > total
    assert np.isfinite(total) and np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("name", PRESETS)
def test_saved_and_loaded(tmp_path, name):
    recipe = PRESETS[name]()
    assert load_recipe(name) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert Recipe.from_dict(tomllib.loads(to_toml(recipe))) == recipe
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(path) == load_recipe(str(path)) == recipe
    assert hash(load_recipe(path)) == hash(recipe)


def test_sizes_and_steps_are_the_published_ones():
    def painted(name, edge=512):
        recipe = PRESETS[name]()
        return [(*level.shape, level.steps) for level in levels(recipe.pyramid, (edge, edge), recipe.steps)]

    sizes = zip((128, 181, 256, 362, 512), (1000, 500, 500, 500, 500), strict=True)
    assert painted("crowsonkb") == [(size, size, steps) for size, steps in sizes]
    assert painted("crowsonkb", 300) == [(150, 150, 1000), (212, 212, 500), (300, 300, 500)]
    assert painted("crowsonkb", 130) == [(130, 130, 1000)]
    assert painted("strotss") == [(size, size, 250) for size in (64, 128, 256, 512)]
    assert painted("nnst") == [(size, size, 200) for size in (64, 128, 256, 512, 512)]
    assert painted("default") == [(size, size, 100) for size in (128, 256, 512)]
    assert painted("default", 176) == [(176, 176, 100)]
    assert painted("gatys") == [(512, 512, 500)]


def test_strotss_weighs_as_its_code_does_at_every_size():
    """`(alpha L_dp + REMD + L_moment + palette / max(alpha, 1)) / (alpha + 2)`, but for a factor."""
    for before, alpha in enumerate((2, 4, 8, 16)):
        weights = [*PRESETS["strotss"]().before_last(before).weights().values()]
        np.testing.assert_allclose(np.divide(weights, weights[1]), [alpha, 1, 1, 1 / alpha])
    assert sum(PRESETS["strotss"]().weights().values()) == pytest.approx((2 + 2 + 1 / 2) / 4)


def test_every_preset_names_its_source():
    assert SOURCES.keys() == PRESETS.keys()
    for name, source in SOURCES.items():
        assert source in " ".join(PRESETS[name].__doc__.split()), name


@pytest.mark.parametrize(
    ("name", "nearest"), [("gaty", "gatys"), ("neural-style", "neural_style"), ("crowsonb", "crowsonkb")]
)
def test_an_unknown_preset_suggests_the_nearest(name, nearest):
    with pytest.raises(SettingError, match=f"no preset '{name}'; did you mean '{nearest}'"):
        load_recipe(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps = = 3", "is not TOML"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "is not TOML"),
        (b"\x00" * 100, "is not TOML"),
        (b"x = " + b"[" * 100_000, "is not TOML"),
        (b"content = []\nstyle = []\nstepz = 3", "unknown setting 'stepz'; did you mean 'steps'"),
        (b"content = []\nstyle = [{loss = 'grim', layer = 'relu1_1'}]", "did you mean 'gram'"),
        (b"#" * (MAX_BYTES + 1), f"longer than {MAX_BYTES} bytes"),
        (b"", "missing"),
    ],
    ids=["syntax", "binary", "zeros", "nested", "unknown key", "unknown loss", "too long", "empty"],
)
def test_a_file_that_is_no_recipe_is_named_with_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=re.escape(message)) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingError, match=f"{re.escape(str(path))} cannot be read .*; presets: default, portrait"):
            load_recipe(path)
