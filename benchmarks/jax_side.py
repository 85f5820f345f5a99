"""The benchmark's objective in jaxstyle, through its public interface: network, recipe, plan, batch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from problem import ADAM, AVERAGE, CONTENT, STYLE_WEIGHT, TV_WEIGHT, network

import jaxstyle
from jaxstyle import losses, make_objective, optimize
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize import Info, State
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.runtime.heap import trim_heap
from jaxstyle.weights.layout import Preprocessing, Weights


def make_model(problem: Mapping[str, np.ndarray]) -> VGG19:
    """The network of a problem."""
    preprocessing = Preprocessing.affine(problem["matrix"], problem["offset"])
    return VGG19(Weights(network(problem), preprocessing, name="benchmark"))


def make_recipe(problem: Mapping[str, np.ndarray]) -> Recipe:
    """Like `presets.default()`: one content layer, five Gram layers, total variation."""
    layers = [str(name) for name in problem["style_layers"]]
    return Recipe(
        content=(Term(losses.ContentLoss(CONTENT)),),
        style=tuple(Term(losses.GramLoss(layer), 1 / len(layers)) for layer in layers),
        prior=(Term(losses.TotalVariation(), TV_WEIGHT, relative=False),),
        style_weight=STYLE_WEIGHT,
    )


def make_objectives(model: Any, problem: Mapping[str, np.ndarray], plan: Mapping[str, Any]) -> list[Objective]:
    """One objective for each pair of pictures."""
    recipe, chosen = make_recipe(problem), Plan(**plan)
    pairs = zip(problem["content"], problem["style"], strict=True)
    return [make_objective(model, content, style, recipe, plan=chosen) for content, style in pairs]


class Batch:
    """Adam on one picture by `optimize.run`, or on several by `jax.vmap` of it; the network is shared."""

    def __init__(self, objectives: list[Objective], pictures: np.ndarray):
        self.trimmed, optimizer = False, Adam(**ADAM)
        states = [optimize.init(jnp.asarray(picture), optimizer) for picture in pictures]

        def advance(state: State, objective: Objective, steps: Any) -> tuple[State, Info]:
            return optimize.run_plain(state, objective, optimizer, steps, average=AVERAGE)

        if len(objectives) == 1:
            self.state, self.objective, self.advance = states[0], objectives[0], optimize.Program(advance)
        else:
            self.state, self.objective = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states), _joined(objectives)
            axes = replace(objectives[0], model=None, targets=0, scales=0, weights=0)
            self.advance = optimize.Program(jax.vmap(advance, in_axes=(0, axes, None)))

    def run(self, steps: int) -> np.ndarray:
        """Go on for some steps; the totals before the last one, of each picture."""
        self.state, info = jax.block_until_ready(self.advance(self.state, self.objective, steps))
        if not self.trimmed:  # as `optimize.chunks` does after its first call
            trim_heap()
            self.trimmed = True
        return np.atleast_1d(np.asarray(info.total[..., steps - 1]))

    def lowered(self, steps: int = 1) -> Any:
        """The program, traced; `.compile()` it."""
        return self.advance.lower(self.state, self.objective, steps)


def _joined(objectives: list[Objective]) -> Objective:
    """One objective whose leaves, but for the network's, have a batch axis."""
    parts = [(each.targets, each.scales, each.weights) for each in objectives]
    targets, scales, weights = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
    return replace(objectives[0], targets=targets, scales=scales, weights=weights)


@jax.jit
def value_and_gradient(objective: Objective, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The total and its gradient."""
    (total, _), gradient = jax.value_and_grad(lambda x: objective(x), has_aux=True)(image)
    return total, gradient


def predicted_memory(problem: Mapping[str, np.ndarray], plan: Mapping[str, Any]) -> float:
    """What jaxstyle says that a run will hold, in MiB."""
    shape = problem["content"].shape[1:3]
    recipe = replace(make_recipe(problem), optimizer=Adam(**ADAM), average=AVERAGE)
    return jaxstyle.transfer.estimate_memory(shape, recipe, model=make_model(problem), plan=Plan(**plan)) / 2**20
