"""Several runs as lanes of one program: stacked states and objectives, mapped over, spread over devices."""

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
from jaxstyle.optimize.loop import Info, State
from jaxstyle.optimize.optimizers import Optimizer
from jaxstyle.optimize.pyramid import grow

AXIS = "lanes"


def stack(trees: Sequence[Any]) -> Any:
    """Pytrees of one structure as one, with a leading axis; numbers become arrays."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *trees)


def stack_objectives(objectives: Sequence[Objective], mesh: Mesh) -> Objective:
    """Objectives of one structure as one, with a leading axis on all but the network, which every device has."""
    own = spread(stack([_own(objective) for objective in objectives]), mesh)
    model = jax.device_put(objectives[0].model, NamedSharding(mesh, PartitionSpec()))
    return replace(objectives[0], model=model, **own)


def _own(objective: Objective) -> dict[str, Any]:
    """What is not the network's."""
    return {"targets": dict(objective.targets), "scales": objective.scales, "weights": objective.weights}


def lane(stacked: Any, i: int) -> Any:
    """One of the stacked pytrees."""
    return jax.tree.map(lambda leaf: leaf[i], stacked)


def spread(stacked: Any, mesh: Mesh) -> Any:
    """Stacked pytrees with their lanes on the devices that compute them, as a program leaves its results."""
    return jax.device_put(stacked, NamedSharding(mesh, PartitionSpec(AXIS)))


def mesh_of(devices: Sequence[jax.Device]) -> Mesh:
    """The devices, in a row."""
    return Mesh(np.asarray(devices), (AXIS,))


@partial(jax.jit, static_argnames=("mesh", "clip"), compiler_options=optimize.LESS_MEMORY)
def run_lanes(
    states: State,
    objectives: Objective,
    optimizers: Optimizer,
    averages: jax.Array,
    steps: int | jax.Array,
    *,
    mesh: Mesh,
    clip: bool,
) -> tuple[State, Info]:
    """`optimize.run` of every lane, each with its own weights, learning rate and pictures; `steps` is for all.

    Every device runs its share of the lanes by itself, and no lane sees another: they freeze alone (Info says when).
    On CPUs it runs them one after the other: XLA may round a lane of a batch by its place in the batch (seen with
    jaxlib 0.10.2: the last lane of two or four), while a loop rounds all alike, as a single run does. From 128 pixels
    square on that takes the same time, and lanes that are not finite take none. Accelerators run all side by side.
    """
    on_cpu = mesh.devices.flat[0].platform == "cpu"

    def share(model: Any, steps: Any, states: State, own: dict, optimizers: Any, averages: Any) -> Any:
        def one(lane: tuple[State, dict, Optimizer, jax.Array]) -> tuple[State, Info]:
            state, own, optimizer, average = lane
            objective = replace(objectives, model=model, **own)
            most = jnp.where(state.finite, steps, 0) if on_cpu else steps
            return optimize.run_plain(state, objective, optimizer, most, average=average, clip=clip)

        lanes = (states, own, optimizers, averages)
        return lax.map(one, lanes) if on_cpu else jax.vmap(one)(lanes)

    split, whole = PartitionSpec(AXIS), PartitionSpec()
    specs = (whole, whole, split, split, split, split)
    run = jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    return run(objectives.model, jnp.asarray(steps), states, _own(objectives), optimizers, averages)


@partial(jax.jit, static_argnames=("shape", "clip"))
def grow_lanes(states: State, optimizers: Optimizer, shape: tuple[int, int], *, clip: bool) -> State:
    """`pyramid.grow` of every lane; those that had become infinite stay so."""
    grown = jax.vmap(lambda state, optimizer: grow(state, optimizer, shape, clip=clip))(states, optimizers)
    return grown._replace(finite=states.finite)
