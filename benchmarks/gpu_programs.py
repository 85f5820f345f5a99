"""The programs that gpu_compiled.py compiles for GPUs, as shapes and dtypes on devices that need not be there."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import problem
from gpu_topology import devices, placed
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jax_side import make_model, make_recipe

from jaxstyle import optimize
from jaxstyle.feedforward.coder import Encoder
from jaxstyle.feedforward.train import adain
from jaxstyle.feedforward.train.loop import begin, train_step
from jaxstyle.objective.make import make_objective, ready
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.sweep.stacked import run_lanes

BFLOAT16 = Plan(conv="exact", dtype="bfloat16")


def recipe(narrow: int) -> Recipe:
    """Five Gram matrices and a content layer, with Adam and a moving average."""
    made = make_recipe({"style_layers": np.array(problem.STYLE)})
    return replace(made, optimizer=Adam(**problem.ADAM), average=problem.AVERAGE)


def shapes(size: tuple[int, int], plan: Plan, narrow: int) -> tuple[Any, Any, Recipe]:
    """State and objective of a run as shapes, and the recipe."""
    made, chosen = make_model(problem._he(narrow)), recipe(narrow)
    picture = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
    make = lambda model, content, style: make_objective(model, content, style, chosen, plan=plan)  # noqa: E731
    objective = jax.eval_shape(make, ready(made, chosen, plan), picture, picture)
    return jax.eval_shape(lambda image: optimize.init(image, chosen.optimizer), picture), objective, chosen


def one(kind: str, size: int, narrow: int, *, plan: Plan = BFLOAT16) -> Any:
    """A run of one picture."""
    state, objective, chosen = shapes((size, size), plan, narrow)
    place = partial(placed, sharding=devices(kind)[0])
    return jax.jit(optimize.run_plain).lower(
        *map(place, (state, objective, chosen.optimizer)), place(jax.ShapeDtypeStruct((), jnp.int32)), average=0.9
    )


def lanes(kind: str, size: int, narrow: int, *, plan: Plan = BFLOAT16, count: int = 16) -> Any:
    """A sweep's run of so many pictures."""
    state, objective, chosen = shapes((size, size), plan, narrow)
    mesh = Mesh(np.asarray(devices(kind)), ("lanes",))
    each, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("lanes",), ()))
    many = lambda tree: placed(jax.tree.map(partial(_repeated, count), tree), each)  # noqa: E731
    own = {name: many(getattr(objective, name)) for name in ("targets", "scales", "weights")}
    stacked = replace(objective, model=placed(objective.model, whole), **own)
    numbers = [many(jnp.zeros(())), placed(jnp.zeros((), jnp.int32), whole)]
    how: Any = {"clip": True, "parametrization": chosen.parametrization}
    return run_lanes.lower(many(state), stacked, many(chosen.optimizer), *numbers, mesh=mesh, **how)


def _repeated(count: int, leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((count, *jnp.shape(leaf)), jnp.result_type(leaf))


def rows(kind: str, size: int, narrow: int, *, count: int = 4) -> Any:
    """A picture four times as high and wide, split over devices."""
    state, objective, chosen = shapes((4 * size, 4 * size), BFLOAT16, narrow)
    mesh = Mesh(np.asarray(devices(kind, count)), ("rows",), axis_types=(AxisType.Auto,))
    whole, split = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("rows"))

    def place(leaf: Any) -> Any:
        return placed(leaf, split if leaf.shape[:2] == state.parameters.shape[:2] or leaf.ndim == 3 else whole)

    states, rest = jax.tree.map(place, state), placed(replace(objective, targets=None, mesh=mesh), whole)
    targets = placed(dict(objective.targets), whole)
    number = placed(jax.ShapeDtypeStruct((), jnp.int32), whole)
    return jax.jit(optimize.run_plain).lower(
        states, replace(rest, targets=targets), placed(chosen.optimizer, whole), number, average=0.9
    )


def training(kind: str, size: int, narrow: int, *, count: int = 8) -> Any:
    """A step of the training of AdaIN's decoder, on so many pairs of pictures half as large."""
    edge, widths = size // 2, [max(1, width // narrow) for width in (64, 128, 256, 512)]
    encoder = Encoder.random(jax.random.key(0), widths=widths)
    scales = jax.eval_shape(partial(adain.scales_of, encoder), np.zeros((1, edge, edge, 3), np.uint8))
    task = adain.AdaINTask(encoder, scales, jnp.float32(10), "float32")
    state = jax.eval_shape(begin, adain.first_decoder(encoder, 0))
    pictures = jax.ShapeDtypeStruct((count, edge, edge, 3), jnp.uint8)
    batch, rate = {"content": pictures, "style": pictures}, jnp.float32(1e-4)
    return train_step.lower(*(placed(each, devices(kind)[0]) for each in (state, task, batch, rate, rate)))


PROGRAMS: dict[str, Callable[..., Any]] = {
    "16 pictures, bfloat16": lanes,
    "16 pictures, float32": partial(lanes, plan=Plan(conv="exact")),
    "1 picture, bfloat16": one,
    "1 picture, float32": partial(one, plan=Plan(conv="exact")),
    "1 picture over 4 devices": rows,
    "training on 8 pairs": training,
}
