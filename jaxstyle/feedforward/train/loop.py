"""The training loop shared by all networks: batches, updates, a log, contact sheets and checkpoints."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from jaxstyle.errors import JaxstyleError, SettingError
from jaxstyle.feedforward.train.checkpoints import Checkpoints
from jaxstyle.feedforward.train.data import Batch, Crops, batches
from jaxstyle.feedforward.train.folder import TrainingFolder
from jaxstyle.feedforward.train.settings import Training
from jaxstyle.runtime.installation import require_right_numbers

ADAM = optax.scale_by_adam()  # beta 0.9 and 0.999


@runtime_checkable
class Task(Protocol):
    """The loss that a network is trained for; a pytree of everything that stays constant during the training."""

    def loss(
        self, network: Any, item: Mapping[str, Float[Array, "s s 3"]]
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "s s 3"]]:
        """(total, {term: value}, painted picture) for one item of a batch, {name: picture in [0, 1]}."""
        ...


class TrainingState(NamedTuple):
    """Everything that is needed to continue a training: the network, the optimiser state, and the steps done."""

    network: Any
    optimizer: Any
    step: Array


class TrainingProgress(NamedTuple):
    """The progress of a training. Losses and speeds are means over the steps since the last report.

    Attributes:
        step: updates done, of `steps` in total.
        loss: the total loss, and `values` the unweighted value of each term, by name.
        images_per_second: pictures per second, and `steps_per_second` updates per second. The first report's include
            the time of the compilation.
    """

    step: int
    steps: int
    loss: float
    values: dict[str, float]
    images_per_second: float
    steps_per_second: float


Callback = Callable[[TrainingProgress], Any]


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        network: the network after `steps` updates.
        status: "done", or "stopped" if `stop` ended the training early; the same call then continues it.
        steps: the number of updates done.
        path: the file of the saved network; None if the training was stopped.
    """

    network: Any
    status: str
    steps: int
    path: Path | None


def begin(network: Any) -> TrainingState:
    """The training state before the first step."""
    return TrainingState(network, ADAM.init(network), jnp.zeros((), jnp.int32))


@jax.jit
def train_step(
    state: TrainingState,
    task: Task,
    batch: Mapping[str, Array],
    rate: float | Float[Array, ""],
    decay: float | Float[Array, ""],
) -> tuple[TrainingState, Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Do one Adam update on the mean loss of a batch of 8-bit pictures, {name: (b, s, s, 3)}.

    The learning rate at step t is `rate / (1 + decay t)`. Returns the new state, and the total and the values of the
    terms before the update.
    """

    def mean_loss(network: Any) -> tuple[Array, dict[str, Array]]:
        totals, values, _ = jax.vmap(partial(task.loss, network))(unit(batch))
        return totals.mean(), jax.tree.map(jnp.mean, values)

    (total, values), gradient = jax.value_and_grad(mean_loss, has_aux=True)(state.network)
    total = jnp.where(jnp.isfinite(optax.tree.norm(gradient)), total, jnp.nan)  # so that a bad gradient is noticed
    updates, optimizer = ADAM.update(gradient, state.optimizer)
    scale = -rate / (1 + decay * state.step)
    network = jax.tree.map(lambda leaf, update: leaf + scale * update, state.network, updates)
    return TrainingState(network, optimizer, state.step + 1), total, values


@jax.jit
def evaluate(network: Any, task: Task, batch: Mapping[str, Array]) -> tuple[Array, Float[Array, "b s s 3"]]:
    """The mean loss of a batch, and the painted pictures, clipped to [0, 1]."""
    totals, _, pictures = jax.vmap(partial(task.loss, network))(unit(batch))
    return totals.mean(), jnp.clip(pictures, 0, 1)


def unit(batch: Mapping[str, Array]) -> dict[str, Array]:
    """Convert a batch of 8-bit pictures to floats in [0, 1]."""
    return {name: pictures.astype(jnp.float32) / 255 for name, pictures in batch.items()}


class Placement:
    """The placement of arrays on devices: batches are split over the devices, all other arrays are on each of them.

    Raises:
        SettingError: the batch size is not a multiple of the number of devices.
    """

    def __init__(self, devices: Sequence[jax.Device] | None, batch: int):
        chosen = jax.local_devices() if devices is None else list(devices)
        if batch % len(chosen):
            raise SettingError(
                f"batch: got {batch} for {len(chosen)} devices, expected a multiple; or take fewer devices"
            )
        self.count = len(chosen)
        mesh = Mesh(np.asarray(chosen), ("batch",), axis_types=(AxisType.Auto,))
        self.split, self.whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["batch"], []))


class _Watch:
    """Writes the log, the contact sheets and the checkpoints between two steps."""

    def __init__(
        self, folder: TrainingFolder, checkpoints: Checkpoints, settings: Training, callback: Callback | None, step: int
    ):
        self.folder, self.checkpoints, self.settings, self.callback = folder, checkpoints, settings, callback
        self.step = step
        self.recent: list[Any] = []
        self.since = time.perf_counter()

    def after_step(
        self, state: TrainingState, info: Any, task: Task, held: Mapping[str, Array] | None, *, last: bool
    ) -> None:
        """Take the report `info` of a step, and write what is due after it: log, contact sheet, checkpoint."""
        self.recent.append(info)
        self.step += 1
        keep = last or self.step % self.settings.checkpoint_every == 0
        if keep or self.step % self.settings.log_every == 0:
            self.report()  # also before a checkpoint, because it raises if the loss is not finite
        if held is not None and (self._is_end or self.step % self.settings.validate_every == 0):
            self.show(state.network, task, held)
        if keep:
            self.checkpoints.save(self.step, state)

    @property
    def _is_end(self) -> bool:
        return self.step == self.settings.steps

    def report(self) -> None:
        """Log the means since the last report and call the callback. Raises JaxstyleError if the loss is not finite."""
        total, values = jax.tree.map(lambda *each: float(np.mean(each)), *jax.device_get(self.recent))
        speed = len(self.recent) / (time.perf_counter() - self.since)
        if not math.isfinite(total):
            raise JaxstyleError(
                f"the loss became infinite or NaN before step {self.step}; checkpoints in {self.folder.path} are from "
                "before that: start anew with a smaller learning rate"
            )
        progress = TrainingProgress(self.step, self.settings.steps, total, values, speed * self.settings.batch, speed)
        line = {"step": self.step, "loss": total, "values": values, "time": round(time.time(), 3)}
        self.folder.log(line | {"images_per_second": round(progress.images_per_second, 3)})
        if self.callback:
            self.callback(progress)
        self.recent, self.since = [], time.perf_counter()

    def show(self, network: Any, task: Task, held: Mapping[str, Array]) -> None:
        """Log the loss of the held-out pictures, and write their contact sheet."""
        jax.block_until_ready(network)
        began = time.perf_counter()
        loss, pictures = jax.device_get(evaluate(network, task, held))
        self.folder.log({"step": self.step, "held_out_loss": float(loss)})
        self.folder.show(self.step, [*jax.device_get(unit(held)).values(), pictures])
        self.since += time.perf_counter() - began  # so that the reported speed is that of the updates alone


def run(
    network: Any,
    task: Task,
    crops: Mapping[str, Crops],
    held_out: Batch | None,
    settings: Training,
    folder: TrainingFolder,
    *,
    placement: Placement,
    callback: Callback | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Any, int]:
    """Train a network, continuing from the folder's last checkpoint if there is one.

    Args:
        network: the network before the first step.
        task: the loss.
        crops: {name: the crops to train with}.
        held_out: the pictures of the contact sheets; None for no sheets.
        settings, folder, placement: see these classes.
        callback, stop: as for `train_johnson`.

    Returns:
        The network, and the number of updates done.

    Raises:
        JaxstyleError: the loss became infinite. InstallationError: the installed JAX computes wrong numbers.
        WeightsError: the last checkpoint cannot be restored.
    """
    require_right_numbers()
    state, task, held = jax.device_put((begin(network), task, held_out), placement.whole)
    with closing(Checkpoints(folder.path / "checkpoints")) as checkpoints:
        done = checkpoints.latest() or 0
        state = checkpoints.restore(done, state) if done else state
        folder.rewind(done)
        watch = _Watch(folder, checkpoints, settings, callback, done)
        with closing(batches(crops, settings.batch, done, settings.steps)) as source:
            for batch in source:
                placed = jax.device_put(batch, placement.split)
                state, *info = train_step(state, task, placed, settings.learning_rate, settings.decay)
                last = watch.step + 1 == settings.steps or stop()
                watch.after_step(state, info, task, held, last=last)
                if last:
                    break
    return jax.device_put(state.network, placement.whole.mesh.devices.flat[0]), watch.step
