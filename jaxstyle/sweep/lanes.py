"""Lanes: several runs of one structure at once, as CPUs and as accelerators do them best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxstyle.objective.objective import Objective
from jaxstyle.optimize.loop import run_alone
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.pyramid import grow
from jaxstyle.optimize.state import Info, State
from jaxstyle.sweep.stacked import SideBySide, mesh_of, own_arrays


@runtime_checkable
class Lanes(Protocol):
    """Runs lanes on devices. What `place` and `objectives` return is for the other methods alone."""

    def place(self, trees: Sequence[Any]) -> Any:
        """Bring pytrees of one structure, one for each lane, to where they are computed."""
        ...

    def objectives(self, objectives: Sequence[Objective]) -> Any:
        """Bring objectives of one structure and network to where they are computed."""
        ...

    def run(self, states: Any, objectives: Any, optimizers: Any, averages: Any, steps: int, how: dict[str, Any]) -> Any:
        """Apply `optimize.run` to every lane; return the states and {lane: Info of NumPy arrays}.

        A lane that is not finite stays as it was, alone.
        """
        ...

    def grow(self, states: Any, optimizers: Any, details: Any, shape: tuple[int, int], how: dict[str, Any]) -> Any:
        """Apply `pyramid.grow` to every lane; lanes that are not finite stay marked as not finite."""
        ...

    def progress(self, states: Any) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of steps done, and whether the lanes are finite."""
        ...

    def fetch(self, states: Any) -> list[State]:
        """The states as NumPy arrays: some megabytes for each lane."""
        ...


def lanes_on(devices: Sequence[jax.Device], width: int) -> Lanes:
    """Lanes for devices of one kind, `width` on each."""
    return InTurn(devices) if devices[0].platform == "cpu" else SideBySide(mesh_of(devices), width)


@dataclass(frozen=True)
class InTurn:
    """Lanes for CPUs: each device runs one lane after the other, with the program of a run alone.

    So a lane has the bits of a run alone. In a batch XLA may round a lane differently, depending on its place there
    (seen with jaxlib 0.10.2: the last lane of two or four), and in a loop over lanes too, where constants become
    arguments of the inner loop (the palette's gradient). From 128x128 pixels on it takes the same time as a batch.
    """

    devices: Sequence[jax.Device]

    def place(self, trees: Sequence[Any]) -> list[Any]:
        """Bring each lane's pytree to its device."""
        return [self._on(i, tree) for i, tree in enumerate(trees)]

    def objectives(self, objectives: Sequence[Objective]) -> list[Objective]:
        """Bring each lane's objective to its device; lanes of one device share the network."""
        models = [self._on(i, objectives[0].model) for i in range(min(len(self.devices), len(objectives)))]
        own = self.place([own_arrays(objective) for objective in objectives])
        return [replace(each, model=models[i % len(models)], **own[i]) for i, each in enumerate(objectives)]

    def run(
        self,
        states: list[State],
        objectives: list[Objective],
        optimizers: list[Optimizer],
        averages: list[Any],
        steps: int,
        how: dict[str, Any],
    ) -> tuple[list[State], dict[int, Info]]:
        """Apply `optimize.run` to every lane that is finite."""
        ends, infos, finite = [*states], {}, self.progress(states)[1]
        for first in range(0, len(states), len(self.devices)):
            now = [i for i in range(first, min(first + len(self.devices), len(states))) if finite[i]]
            for i in now:
                ends[i], infos[i] = run_alone(states[i], objectives[i], optimizers[i], averages[i], steps, **how)
            jax.block_until_ready([ends[i] for i in now])  # so that a device holds the activations of one lane
        return ends, {i: jax.tree.map(lambda column: column[:steps], jax.device_get(info)) for i, info in infos.items()}

    def grow(
        self,
        states: list[State],
        optimizers: list[Optimizer],
        details: list[Any],
        shape: tuple[int, int],
        how: dict[str, Any],
    ) -> list[State]:
        """Apply `pyramid.grow` to every lane."""
        lanes = zip(states, optimizers, details, strict=True)
        grown = [grow(state, optimizer, shape, **how, detail=detail) for state, optimizer, detail in lanes]
        return [after._replace(finite=before.finite) for before, after in zip(states, grown, strict=True)]

    def progress(self, states: list[State]) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of steps done, and whether the lanes are finite."""
        found = jax.device_get([(state.step, state.finite) for state in states])
        return tuple(np.asarray(column) for column in zip(*found, strict=True))  # type: ignore[return-value]

    def fetch(self, states: list[State]) -> list[State]:
        """The states as NumPy arrays."""
        return jax.device_get(states)

    def _on(self, i: int, tree: Any) -> Any:
        """On the lane's device; where JAX computes anyway, left as it is, to share the program of a run alone."""
        device = self.devices[i % len(self.devices)]
        return tree if {device} == jnp.zeros(()).devices() else jax.device_put(tree, device)
