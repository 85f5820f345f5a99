"""The loop, with a network of three numbers: what is not about a network is tested in a second."""

import json
import sys
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import JaxstyleError, SettingError
from jaxstyle.feedforward.train.data import Crops, find_pictures, held_out_batch
from jaxstyle.feedforward.train.folder import TrainingFolder
from jaxstyle.feedforward.train.loop import Placement, run
from jaxstyle.feedforward.train.settings import Training
from jaxstyle.image import save_image


@partial(jax.tree_util.register_dataclass, data_fields=["aim"], meta_fields=[])
@dataclass(frozen=True)
class Tint:
    """The network multiplies each channel; it should make the squares of the pixels."""

    aim: jax.Array

    def loss(self, network, item):
        painted = item["content"] * network["gain"][None, None]
        error = jnp.mean((painted - item["content"] ** self.aim) ** 2)
        return error, {"error": error}, painted


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(6):
        save_image(folder / f"{i}.png", random.random((40, 36, 3)))
    return Crops(find_pictures(folder, "contents"), 32, 0)


@pytest.fixture(scope="module")
def train(crops):
    def train(output, *, stop_at=None, devices=None, **changes):
        options = {"steps": 8, "batch": 4, "size": 32, "log_every": 1, "validate_every": 3, "checkpoint_every": 2}
        settings = Training(**(options | {"learning_rate": 0.03} | changes))
        seen = []
        network, steps = run(
            {"gain": jnp.ones(3)},
            Tint(jnp.float32(2)),
            {"content": crops},
            held_out_batch({"content": (crops, crops.paths[:2])}),
            settings,
            TrainingFolder(output, {"kind": "tint"}, resume=True),
            placement=Placement(devices, settings.batch),
            callback=seen.append,
            stop=lambda: len(seen) + 1 == stop_at,
        )
        return np.asarray(network["gain"]), steps, [progress.loss for progress in seen]

    return train


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    return path, *train(path)


def read_log(path, what):
    lines = [json.loads(line) for line in (path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [(line["step"], line[what]) for line in lines if what in line]


def test_it_learns_and_leaves_a_log_and_contact_sheets(whole):
    path, gain, steps, losses = whole
    assert steps == 8 and losses[-1] < losses[0]
    assert (gain < 1).all()
    assert read_log(path, "loss") == list(enumerate(losses, 1))
    assert [step for step, _ in read_log(path, "held_out_loss")] == [3, 6, 8]
    assert all(speed > 0 for _, speed in read_log(path, "images_per_second"))
    assert sorted(file.name for file in (path / "validation").iterdir()) == ["000003.png", "000006.png", "000008.png"]


def test_the_first_step_is_adams(train, crops, tmp_path):
    gain, _, losses = train(tmp_path, steps=1)
    x = np.stack([crops(n) for n in range(4)]) / 255
    assert losses[0] == pytest.approx(np.mean((x - x**2) ** 2), rel=1e-5)
    np.testing.assert_allclose(gain, 1 - 0.03, rtol=1e-5)  # the gradient's sign times the learning rate


@pytest.mark.parametrize("stop_at", [1, 4, 7])
def test_resumed_is_uninterrupted_bit_for_bit(whole, train, tmp_path, stop_at):
    _, steps, first = train(tmp_path, stop_at=stop_at)
    assert steps == stop_at
    gain, steps, rest = train(tmp_path)
    assert steps == 8 and first + rest == whole[3]
    np.testing.assert_array_equal(gain, whole[1])
    assert read_log(tmp_path, "loss") == read_log(whole[0], "loss")


def test_a_killed_training_repeats_what_came_after_its_checkpoint(whole, train, tmp_path):
    class Killed(Exception): ...

    def die(line):
        if line["step"] == 5:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(TrainingFolder, "log", lambda self, line: die(line))
        train(tmp_path)
    gain, _, rest = train(tmp_path)
    assert rest == whole[3][4:]
    np.testing.assert_array_equal(gain, whole[1])


def test_a_finished_training_goes_on_with_more_steps(whole, train, tmp_path):
    train(tmp_path, steps=3)
    assert train(tmp_path)[2] == whole[3][3:]
    gain, steps, none = train(tmp_path)
    assert steps == 8 and none == []
    np.testing.assert_array_equal(gain, whole[1])


def test_four_devices_give_the_losses_of_one(whole, train, tmp_path):
    assert len(jax.devices()) == 4
    _, _, losses = train(tmp_path, devices=jax.devices()[:1])
    np.testing.assert_allclose(losses, whole[3], rtol=1e-5)


def test_a_training_goes_on_on_other_devices(whole, train, tmp_path):
    train(tmp_path, stop_at=4)
    _, _, rest = train(tmp_path, devices=jax.devices()[:2])
    np.testing.assert_allclose(rest, whole[3][4:], rtol=1e-5)


def test_the_learning_rate_decays(train, tmp_path):
    slow = train(tmp_path, steps=2, decay=1e9)[0]
    np.testing.assert_allclose(slow, 1 - 0.03, rtol=1e-5)  # as after one step


def test_batches_that_devices_do_not_divide_are_refused(train, tmp_path):
    with pytest.raises(SettingError, match="batch: got 3 for 4 devices"):
        train(tmp_path, batch=3)


def test_an_infinite_loss_ends_it_and_is_not_kept(train, tmp_path):
    with pytest.raises(JaxstyleError, match="infinite"):
        train(tmp_path, learning_rate=1e30, log_every=3, checkpoint_every=3)
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()]


def test_damaged_checkpoints_are_one_clear_error(train, tmp_path):
    train(tmp_path, steps=2)
    for path in (tmp_path / "checkpoints" / "2").rglob("*"):
        if path.is_file():
            path.write_bytes(b"nothing")
    with pytest.raises(JaxstyleError, match="not a checkpoint of this training"):
        train(tmp_path)


def test_orbax_is_named_where_it_is_missing(train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(SettingError, match=r"jaxstyle\[train\]"):
        train(tmp_path)
