"""The loop that every training shares: batches in, updates, a log, contact sheets and checkpoints."""

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
    """What is trained for: a pytree of all that stays as it is."""

    def loss(
        self, network: Any, item: Mapping[str, Float[Array, "s s 3"]]
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "s s 3"]]:
        """(total, {term: value}, picture) of one item of a batch."""
        ...


class TrainingState(NamedTuple):
    """All that a training needs to go on."""

    network: Any
    optimizer: Any
    step: Array


class TrainingProgress(NamedTuple):
    """Where a training is.

    Attributes:
        step: updates done, of `steps`.
        loss: the total, and `values` its terms unweighted, as means over the steps since the last report.
        images_per_second: likewise, and `steps_per_second`; the first report's include the compilation.
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
    """What a training gives.

    Attributes:
        network: as it is after `steps` updates.
        status: "done", or "stopped" where that was asked for: the same call goes on from there.
        steps: updates done.
        path: of the saved network; None where it was stopped.
    """

    network: Any
    status: str
    steps: int
    path: Path | None


def begin(network: Any) -> TrainingState:
    """The state before the first step."""
    return TrainingState(network, ADAM.init(network), jnp.zeros((), jnp.int32))


@jax.jit
def train_step(
    state: TrainingState,
    task: Task,
    batch: Mapping[str, Array],
    rate: float | Float[Array, ""],
    decay: float | Float[Array, ""],
) -> tuple[TrainingState, Float[Array, ""], dict[str, Float[Array, ""]]]:
    """One update by the mean loss of a batch of 8-bit pictures; the new state, and the total and values before it."""

    def mean_loss(network: Any) -> tuple[Array, dict[str, Array]]:
        totals, values, _ = jax.vmap(partial(task.loss, network))(unit(batch))
        return totals.mean(), jax.tree.map(jnp.mean, values)

    (total, values), gradient = jax.value_and_grad(mean_loss, has_aux=True)(state.network)
    total = jnp.where(jnp.isfinite(optax.tree.norm(gradient)), total, jnp.nan)  # what comes of it is not finite either
    updates, optimizer = ADAM.update(gradient, state.optimizer)
    scale = -rate / (1 + decay * state.step)
    network = jax.tree.map(lambda leaf, update: leaf + scale * update, state.network, updates)
    return TrainingState(network, optimizer, state.step + 1), total, values


@jax.jit
def evaluate(network: Any, task: Task, batch: Mapping[str, Array]) -> tuple[Array, Float[Array, "b s s 3"]]:
    """The mean loss of a batch, and its pictures, clipped to [0, 1]."""
    totals, _, pictures = jax.vmap(partial(task.loss, network))(unit(batch))
    return totals.mean(), jnp.clip(pictures, 0, 1)


def unit(batch: Mapping[str, Array]) -> dict[str, Array]:
    """8-bit pictures as floats in [0, 1]."""
    return {name: pictures.astype(jnp.float32) / 255 for name, pictures in batch.items()}


class Placement:
    """Where arrays lie: batches shared out over the devices, all else on each of them.

    Raises:
        SettingError: a batch that the devices do not divide.
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
    """What happens between two steps: the log, contact sheets and checkpoints."""

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
        """Do what is due."""
        self.recent.append(info)
        self.step += 1
        keep = last or self.step % self.settings.checkpoint_every == 0
        if keep or self.step % self.settings.log_every == 0:
            self.report()  # also before a checkpoint: nothing infinite is kept
        if held is not None and (self._is_end or self.step % self.settings.validate_every == 0):
            self.show(state.network, task, held)
        if keep:
            self.checkpoints.save(self.step, state)

    @property
    def _is_end(self) -> bool:
        return self.step == self.settings.steps

    def report(self) -> None:
        """Log and tell the means since the last report. Raises JaxstyleError where the loss is infinite."""
        total, values = jax.tree.map(lambda *each: float(np.mean(each)), *jax.device_get(self.recent))
        speed = len(self.recent) / (time.perf_counter() - self.since)
        if not math.isfinite(total):
            raise JaxstyleError(
                f"the loss became infinite before step {self.step}; checkpoints in {self.folder.path} are from before "
                "that: start anew with a smaller learning rate"
            )
        progress = TrainingProgress(self.step, self.settings.steps, total, values, speed * self.settings.batch, speed)
        line = {"step": self.step, "loss": total, "values": values, "time": round(time.time(), 3)}
        self.folder.log(line | {"images_per_second": round(progress.images_per_second, 3)})
        if self.callback:
            self.callback(progress)
        self.recent, self.since = [], time.perf_counter()

    def show(self, network: Any, task: Task, held: Mapping[str, Array]) -> None:
        """Log the loss of the held-out pictures and write their contact sheet."""
        jax.block_until_ready(network)
        began = time.perf_counter()
        loss, pictures = jax.device_get(evaluate(network, task, held))
        self.folder.log({"step": self.step, "held_out_loss": float(loss)})
        self.folder.show(self.step, [*jax.device_get(unit(held)).values(), pictures])
        self.since += time.perf_counter() - began  # the speed is that of the updates


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
    """Train, from the folder's last checkpoint on if it has one: the network, and how many updates it has had.

    Raises:
        JaxstyleError: the loss became infinite. InstallationError: the installed JAX computes wrong numbers.
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
