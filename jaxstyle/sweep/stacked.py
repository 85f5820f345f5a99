"""Lanes for accelerators: stacked states and objectives, which one program computes side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxstyle import optimize
from jaxstyle.objective.objective import Objective
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.parametrization import Parametrization
from jaxstyle.optimize.pyramid import Growing, grow
from jaxstyle.optimize.state import Info, State

AXIS = "lanes"


@dataclass(frozen=True)
class SideBySide:
    """Lanes for accelerators: one program computes all, as lanes of stacked states and objectives (`vmap`).

    The program has `width` lanes on each device, whatever the number of runs, so that it is compiled only once. Spare
    lanes repeat the last run. Each device computes its share of the lanes without communication. No lane influences
    another: one whose values become infinite freezes alone.
    """

    mesh: Mesh
    width: int

    def place(self, trees: Sequence[Any]) -> Any:
        """Stack the lanes, and spread them over the devices."""
        return spread(stack(self._fill(trees)), self.mesh)

    def objectives(self, objectives: Sequence[Objective]) -> Objective:
        """Stack the lanes' objectives."""
        return stack_objectives(self._fill(objectives), self.mesh)

    def run(
        self,
        states: State,
        objectives: Objective,
        optimizers: Optimizer,
        averages: Any,
        steps: int,
        how: dict[str, Any],
    ) -> tuple[State, dict[int, Info]]:
        """Apply `optimize.run` to every lane."""
        states, infos = run_lanes(states, objectives, optimizers, averages, steps, mesh=self.mesh, **how)
        infos = jax.tree.map(lambda column: column[:, :steps], jax.device_get(infos))
        return states, {i: lane(infos, i) for i in range(len(infos.total))}

    def grow(
        self, states: State, optimizers: Optimizer, details: Any, shape: tuple[int, int], how: dict[str, Any]
    ) -> State:
        """Apply `pyramid.grow` to every lane."""
        return grow_lanes(states, optimizers, details, shape=shape, **how)

    def progress(self, states: State) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of steps done, and whether the lanes are finite."""
        return jax.device_get((states.step, states.finite))

    def fetch(self, states: State) -> list[State]:
        """The states as NumPy arrays."""
        here = jax.device_get(states)
        return [lane(here, i) for i in range(len(here.step))]

    def _fill(self, trees: Sequence[Any]) -> list[Any]:
        """The list extended to the program's number of lanes, by repeating its last item."""
        return [*trees, *[trees[-1]] * (self.width * self.mesh.size - len(trees))]


def stack(trees: Sequence[Any]) -> Any:
    """Stack pytrees of one structure into one, with a new leading axis; Python numbers become arrays."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *trees)


def stack_objectives(objectives: Sequence[Objective], mesh: Mesh) -> Objective:
    """Stack objectives of one structure into one, with a new leading axis on all arrays but the network's.

    The network is copied to every device.
    """
    own = spread(stack([own_arrays(objective) for objective in objectives]), mesh)
    model = jax.device_put(objectives[0].model, NamedSharding(mesh, PartitionSpec()))
    return replace(objectives[0], model=model, **own)


def own_arrays(objective: Objective) -> dict[str, Any]:
    """The arrays of an objective that differ from lane to lane: all but the network's."""
    return {"targets": dict(objective.targets), "scales": objective.scales, "weights": objective.weights}


def lane(stacked: Any, i: int) -> Any:
    """The `i`-th of stacked pytrees."""
    return jax.tree.map(lambda leaf: leaf[i], stacked)


def spread(stacked: Any, mesh: Mesh) -> Any:
    """Place stacked pytrees so that each lane is on the device that computes it, as a program leaves its results."""
    return jax.device_put(stacked, NamedSharding(mesh, PartitionSpec(AXIS)))


def mesh_of(devices: Sequence[jax.Device]) -> Mesh:
    """The one-dimensional mesh of the devices, with the axis `AXIS`."""
    return Mesh(np.asarray(devices), (AXIS,))


@partial(optimize.Program, static_argnames=("mesh", "clip", "parametrization"))
def run_lanes(
    states: State,
    objectives: Objective,
    optimizers: Optimizer,
    averages: jax.Array,
    steps: int | jax.Array,
    *,
    mesh: Mesh,
    clip: bool,
    parametrization: Parametrization,
) -> tuple[State, Info]:
    """Apply `optimize.run` to stacked lanes, each with its own weights, learning rate and pictures.

    Args:
        states: the stacked states.
        objectives: the stacked objectives, see `stack_objectives`.
        optimizers: the stacked optimisers.
        averages: the decay of the averaged iterate of each lane.
        steps: the number of steps, the same for all lanes.
        mesh: the devices.
        clip: whether the images are kept in [0, 1].
        parametrization: what the optimisers change.

    Returns:
        The new states, and the reports, with the leading axis of lanes.
    """
    how: Any = {"clip": clip, "parametrization": parametrization}

    def share(model: Any, steps: Any, states: State, own: dict, optimizers: Any, averages: Any) -> Any:
        def one(state: State, own: dict, optimizer: Optimizer, average: jax.Array) -> tuple[State, Info]:
            return optimize.run_plain(
                state, replace(objectives, model=model, **own), optimizer, steps, average=average, **how
            )

        return jax.vmap(one)(states, own, optimizers, averages)

    split, whole = PartitionSpec(AXIS), PartitionSpec()
    specs = (whole, whole, split, split, split, split)
    run = jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    return run(objectives.model, jnp.asarray(steps), states, own_arrays(objectives), optimizers, averages)


@partial(jax.jit, static_argnames=("shape", "clip", "parametrization", "growing"))
def grow_lanes(
    states: State,
    optimizers: Optimizer,
    details: jax.Array | None,
    *,
    shape: tuple[int, int],
    clip: bool,
    parametrization: Parametrization,
    growing: Growing = "bicubic",
) -> State:
    """Apply `pyramid.grow` to stacked lanes."""
    how: Any = {"clip": clip, "parametrization": parametrization, "growing": growing}

    def one(state: State, optimizer: Optimizer, detail: jax.Array | None) -> State:
        return grow(state, optimizer, shape, detail=detail, **how)

    return jax.vmap(one)(states, optimizers, details)._replace(finite=states.finite)
