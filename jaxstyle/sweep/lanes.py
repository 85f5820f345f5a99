"""Runs several states in one program: each is a lane of stacked states and objectives, spread over the devices."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxstyle import optimize
from jaxstyle.objective.objective import Objective
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.parametrization import Parametrization
from jaxstyle.optimize.pyramid import grow
from jaxstyle.optimize.state import Info, State

AXIS = "lanes"


def stack(trees: Sequence[Any]) -> Any:
    """Stack pytrees of one structure into one, with a new leading axis; Python numbers become arrays."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *trees)


def stack_objectives(objectives: Sequence[Objective], mesh: Mesh) -> Objective:
    """Stack objectives of one structure into one, with a new leading axis on all arrays but the network's.

    The network is copied to every device.
    """
    own = spread(stack([_own(objective) for objective in objectives]), mesh)
    model = jax.device_put(objectives[0].model, NamedSharding(mesh, PartitionSpec()))
    return replace(objectives[0], model=model, **own)


def _own(objective: Objective) -> dict[str, Any]:
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
    """Apply `optimize.run` to every lane, each with its own weights, learning rate and pictures, for `steps` steps.

    Each device runs its share of the lanes without communication. No lane influences another: a lane whose values
    become infinite freezes alone (its Info shows when). Accelerators run the lanes side by side (`vmap`). CPUs run them
    one after another in a loop, because XLA may round a lane of a batch differently, depending on its place there (seen
    with jaxlib 0.10.2: the last lane of two or four). A loop rounds all lanes as a single run does. From 128x128 pixels
    on, the loop takes the same time, and lanes that are not finite take none.

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
    on_cpu = mesh.devices.flat[0].platform == "cpu"

    def share(model: Any, steps: Any, states: State, own: dict, optimizers: Any, averages: Any) -> Any:
        def one(lane: tuple[State, dict, Optimizer, jax.Array]) -> tuple[State, Info]:
            state, own, optimizer, average = lane
            objective = replace(objectives, model=model, **own)
            most = jnp.where(state.finite, steps, 0) if on_cpu else steps
            how: Any = {"average": average, "clip": clip, "parametrization": parametrization}
            return optimize.run_plain(state, objective, optimizer, most, **how)

        lanes = (states, own, optimizers, averages)
        return lax.map(one, lanes) if on_cpu else jax.vmap(one)(lanes)

    split, whole = PartitionSpec(AXIS), PartitionSpec()
    specs = (whole, whole, split, split, split, split)
    run = jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    return run(objectives.model, jnp.asarray(steps), states, _own(objectives), optimizers, averages)


@partial(jax.jit, static_argnames=("shape", "clip", "parametrization"))
def grow_lanes(
    states: State,
    optimizers: Optimizer,
    details: jax.Array | None,
    *,
    shape: tuple[int, int],
    clip: bool,
    parametrization: Parametrization,
) -> State:
    """Apply `pyramid.grow` to every lane; lanes that are not finite stay marked as not finite."""

    def one(state: State, optimizer: Optimizer, detail: jax.Array | None) -> State:
        return grow(state, optimizer, shape, clip=clip, parametrization=parametrization, detail=detail)

    return jax.vmap(one)(states, optimizers, details)._replace(finite=states.finite)
