"""The two trainings, on one device and on fixed data."""

import json
import signal
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.cli import main as cli
from jaxstyle.cli import run_train
from jaxstyle.errors import SettingError
from jaxstyle.feedforward.adain import load_adain
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.feedforward.johnson import Johnson, load_johnson
from jaxstyle.feedforward.train.adain import AdaINTask, Scales, folded, scales_of, train_adain
from jaxstyle.feedforward.train.johnson import JohnsonTask, johnson_recipe, train_johnson
from jaxstyle.feedforward.train.settings import AdaINTraining, JohnsonTraining
from jaxstyle.image import load_image, save_image
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan
from jaxstyle.weights.layout import CONVOLUTIONS, UNIT, Weights
from jaxstyle.weights.random_features import dead_leaves, random_weights

RECIPE = johnson_recipe(content_layer="relu1_1", style_layers=("relu1_1",))
SETTINGS = {"steps": 30, "batch": 2, "size": 32, "log_every": 1, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def small() -> VGG19:
    """The embedded network's first layer."""
    whole = random_weights()
    arrays = {name: whole.arrays[name] for name in ("conv1_1/kernel", "conv1_1/bias")}
    return VGG19(Weights(arrays, whole.preprocessing, whole.padding, whole.pooling, name="small", sha256="0"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two pictures of 32 pixels to train with: every crop is a whole one."""
    path, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("contents", "styles"):
        (path / name).mkdir()
        for i in range(2):
            save_image(path / name / f"{i}.png", dead_leaves(random, 32))
    return path


def test_johnson_learns_and_its_file_is_loaded(folder, small, tmp_path):
    seen = []
    trained = train_johnson(
        folder / "contents",
        folder / "styles" / "0.png",
        tmp_path,
        model=small,
        recipe=RECIPE,
        settings=JohnsonTraining(**SETTINGS, width=2, held_out=0),
        devices=jax.devices()[:1],
        callback=seen.append,
    )
    assert (trained.status, trained.steps) == ("done", 30)
    assert seen[-1].loss < 0.5 * seen[0].loss
    assert set(seen[0].values) == {"content/relu1_1", "gram/relu1_1", "total_variation/input"}
    about = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert (about["kind"], about["width"], about["recipe"]["style_weight"]) == ("johnson", 2, 10.0)
    loaded, first = load_johnson(trained.path).arrays(), Johnson.random(0, width=2).arrays()
    for name, array in trained.network.arrays().items():
        np.testing.assert_array_equal(loaded[name], array)
        assert (array != first[name]).any()  # gradients reach every number


def test_johnson_begins_from_another_network(folder, small, tmp_path):
    places = folder / "contents", folder / "styles" / "0.png"
    options = {"model": small, "recipe": RECIPE, "devices": jax.devices()[:1]}
    settings = JohnsonTraining(**(SETTINGS | {"steps": 0}), width=8, held_out=0)
    other = load_johnson(Johnson.random(7, width=2).save(tmp_path / "other.safetensors"))
    train_johnson(*places, tmp_path / "a", settings=settings, init=other, **options)
    for name, array in load_johnson(tmp_path / "a" / "network.safetensors").arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name])
    trained = train_johnson(*places, tmp_path / "a", settings=replace(settings, steps=30), init=other, **options)
    lines = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"] and trained.network.width == 2
    for wrong in (Johnson.random(7, width=4), None):
        with pytest.raises(SettingError, match="another init"):
            train_johnson(*places, tmp_path / "a", settings=settings, init=wrong, **options)


def test_johnson_begins_from_no_other_kind_of_network(folder, small, tmp_path, unchecked):
    with pytest.raises(SettingError, match="init: got str, expected a Johnson-type network"):
        train_johnson(folder / "contents", folder / "styles" / "0.png", tmp_path, model=small, init="other.npz")


def test_johnsons_loss_is_the_objective_of_its_content(small, folder):
    content, style = (load_image(folder / name / "0.png") for name in ("contents", "styles"))
    task = JohnsonTask.of(small, style, RECIPE, JohnsonTraining(size=64), Plan(conv="exact"))
    found = jax.jit(lambda task, content: task._with(content)(content + 0.1))(task, content)
    expected = make_objective(small, content, style, RECIPE, plan=Plan(conv="exact"))(jnp.asarray(content) + 0.1)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), found, expected)


@pytest.fixture(scope="module")
def encoder() -> Weights:
    """An untrained narrow VGG19 to relu4_1."""
    random, arrays, channels = np.random.default_rng(0), {}, 3
    for name in CONVOLUTIONS[:9]:
        width = 4 if name[4] == "1" else 8
        kernel = random.normal(size=(3, 3, channels, width)) * np.sqrt(2 / 9 / channels)
        arrays |= {f"{name}/kernel": kernel.astype(np.float32), f"{name}/bias": np.zeros(width, np.float32)}
        channels = width
    return Weights(arrays, UNIT, padding="reflect", name="narrow", sha256="0")


def test_adain_learns_and_its_file_is_loaded(folder, encoder, tmp_path):
    seen = []
    trained = train_adain(
        folder / "contents",
        folder / "styles",
        tmp_path,
        weights=encoder,
        settings=AdaINTraining(**SETTINGS, held_out=0),
        devices=jax.devices()[:1],
        callback=seen.append,
    )
    assert seen[-1].loss < 0.5 * seen[0].loss
    loaded = load_adain(trained.path).arrays()
    for name, array in trained.network.arrays().items():
        np.testing.assert_array_equal(loaded[name], array)


class Powers(Encoder):
    """Instead of an encoder: the picture itself, squared and so on."""

    def __init__(self): ...

    def features(self, image, layers):
        return {layer: image**power for power, layer in enumerate(layers, 1)}


class Gain(Decoder):
    """Instead of a decoder."""

    def __init__(self, gain: jax.Array):
        self.gain = gain

    def __call__(self, x):
        return x * self.gain


def test_adains_loss_is_equation_11(folder):
    content, style = (load_image(folder / name / "0.png") for name in ("contents", "styles"))
    sizes = {f"relu{block}_1": jnp.float32(block / 2) for block in range(1, 5)}
    scales = Scales(sizes, jnp.zeros(3), jnp.ones(3))
    total, values, painted = AdaINTask(Powers(), scales, 10.0, "float32").loss(
        Gain(jnp.float32(0.5)), {"content": jnp.asarray(content), "style": jnp.asarray(style)}
    )
    mean, deviation = style.astype(float), lambda x: np.sqrt(x.var((0, 1), ddof=1) + 1e-5)
    deep, aim = np.float64(content) ** 4, np.float64(style) ** 4
    aim = deviation(aim) * (deep - deep.mean((0, 1))) / deviation(deep) + aim.mean((0, 1))
    np.testing.assert_allclose(painted, aim / 2, atol=1e-5)
    expected = {"content": np.mean(((aim / 2) ** 4 - aim) ** 2) / 4}
    for block in range(1, 5):
        found, wanted = (aim / 2) ** block, mean**block
        means = np.mean((found.mean((0, 1)) - wanted.mean((0, 1))) ** 2)
        deviations = np.mean((deviation(found) - deviation(wanted)) ** 2)
        expected[f"style/relu{block}_1"] = (means + deviations) / (block / 2) ** 2
    assert {name: float(value) for name, value in values.items()} == pytest.approx(expected, rel=1e-3)
    parts = list(expected.values())
    assert float(total) == pytest.approx(parts[0] + 10 * sum(parts[1:]), rel=1e-3)


def test_scales_are_those_of_the_activations(encoder, folder):
    pictures = np.stack([(load_image(folder / "contents" / f"{i}.png") * 255).astype(np.uint8) for i in (0, 1)])
    found, network = scales_of(Encoder(encoder, 4), pictures), Encoder(encoder, 4)
    for layer, size in found.sizes.items():
        each = [network.features(jnp.float32(picture / 255), [layer])[layer] for picture in pictures]
        assert float(size) == pytest.approx(float(np.mean(each)), rel=1e-4)
    np.testing.assert_allclose(found.mean, np.mean(each, (0, 1, 2)), rtol=1e-4, atol=1e-5)
    deviation = np.std(each, (0, 1, 2))
    np.testing.assert_allclose(found.deviation, deviation + deviation.mean() / 10, rtol=1e-3)
    dark = scales_of(Powers(), np.zeros((1, 32, 32, 3), np.uint8))
    assert {float(size) for size in dark.sizes.values()} == {1.0} and float(dark.deviation.min()) == 1


def test_a_folded_decoder_paints_the_same():
    random, decoder = np.random.default_rng(0), Decoder.random(jax.random.key(1), widths=[4, 8, 8, 8])
    mean, deviation = random.normal(size=8).astype(np.float32), random.uniform(0.5, 2, 8).astype(np.float32)
    features = jnp.asarray(random.normal(size=(6, 5, 8)), jnp.float32)
    painted = folded(decoder, Scales({}, jnp.asarray(mean), jnp.asarray(deviation)))(features)
    np.testing.assert_allclose(painted, decoder((features - mean[None, None]) / deviation[None, None]), atol=1e-4)


@pytest.mark.parametrize("kind", ["johnson", "adain"])
def test_bfloat16_activations_leave_pictures_and_losses_wide(kind, small, encoder, folder):
    content = load_image(folder / "contents" / "0.png")
    if kind == "johnson":
        plan, settings = Plan(dtype="bfloat16"), JohnsonTraining(size=32, dtype="bfloat16")
        task, network = JohnsonTask.of(small, content, RECIPE, settings, plan), Johnson.random(width=2)
    else:
        model = Encoder(encoder, 4).prepared(["relu4_1"], dtype="bfloat16")
        scales = scales_of(Encoder(encoder, 4), np.full((1, 32, 32, 3), 99, np.uint8))
        task = AdaINTask(model, scales, jnp.float32(10), "bfloat16")
        network = Decoder.random(jax.random.key(1), widths=[4, 8, 8, 8])
    shapes = jax.eval_shape(task.loss, network, {"content": content, "style": content})
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {np.dtype("float32")}


def test_the_command_saves_and_says_so_when_it_is_interrupted(folder, small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_train, "keep_programs", lambda: None)
    monkeypatch.setattr(run_train, "load_weights", lambda name: small)
    monkeypatch.setattr(run_train, "johnson_recipe", lambda style_weight: RECIPE)
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    monkeypatch.setattr("os._exit", sys.exit)
    line = run_train.Updates.line

    def interrupt(self, progress):
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)
        return line(self, progress)

    monkeypatch.setattr(run_train.Updates, "line", interrupt)
    command = ["train", "johnson", str(folder / "contents"), str(folder / "styles" / "0.png"), "-o", str(tmp_path)]
    command += ["--steps", "4", "--batch", "2", "--size", "32", "--log-every", "1", "--held-out", "0"]
    command += ["--init", str(Johnson.random(3, width=2).save(tmp_path / "other.safetensors"))]
    for code, said in ((75, "interrupted at step 3"), (0, "step 4/4")):
        with pytest.raises(SystemExit) as ended:
            cli.main(command)
        assert ended.value.code == code
        assert said in capsys.readouterr().err
    assert load_johnson(tmp_path / "network.safetensors").name == "johnson"
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--width", "2"])
    assert ended.value.code == 2
    assert "--width: the network of --init has its own" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--resume", "off"])
    assert ended.value.code == 2
    assert "--resume on" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--seed", "1"])
    assert ended.value.code == 2
    assert "another seed" in capsys.readouterr().err
