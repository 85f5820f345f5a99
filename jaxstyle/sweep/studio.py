"""The objects that all cells of a sweep share: the network, the plan, and pictures and targets, made only once."""

from collections.abc import Hashable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxstyle.networks.load import as_network
from jaxstyle.networks.model import Adaptable, FeatureModel
from jaxstyle.objective.banded import Named
from jaxstyle.objective.make import ready
from jaxstyle.objective.memo import Memo
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.targets import make_targets
from jaxstyle.transfer.job import Job, prepare
from jaxstyle.transfer.result import describe_model
from jaxstyle.transfer.run import Run


class Studio:
    """Prepares the runs of cells, which share the network, pictures and targets.

    Attributes:
        given: the network as it was given.
        network: the network as the plan needs it, ready to run.
        described: the description of the network that records contain.
        plan: how cells are computed.
        once: the memo of pictures and targets.
    """

    def __init__(self, model: Any, plan: Plan):
        self.given: Any = as_network(model)
        self.network = self.given
        self.described, self.plan, self.once = describe_model(self.network), plan, Memo()
        self._ready: dict[tuple, Any] = {}

    @property
    def name(self) -> str:
        """The name of the network; "" if it has none."""
        return str(self.described.get("name", ""))

    def run(self, job: Job) -> Run:
        """The run of a job. Raises the same errors as `prepare`."""
        return prepare(job, self._network_for(job.recipe), self.plan, once=self.once)

    def structure(self, job: Job) -> Hashable:
        """A key that is equal for runs that one program can do.

        It consists of their losses, sizes and steps, and the shapes of their targets.
        """
        run = self.run(job)
        bare = tuple((term.name, term.loss) for term in job.recipe.style)
        sizes = [self.once(_shapes, run.inputs, level.shape) for level in run.levels]
        targets = tuple(self._target(run.model, shape, bare) for shapes in sizes for shape in shapes)
        return job.recipe.graph(), run.levels, len(run.shares), targets

    def _target(self, model: FeatureModel, shape: tuple[int, ...], losses: Named) -> Hashable:
        return self.once(target_shapes, model, shape, losses, self.plan.rows)

    def _network_for(self, recipe: Recipe) -> Any:
        """The network with the recipe's pooling and padding; the same object for all recipes with the same ones."""
        if isinstance(self.network, Adaptable) and not self._ready:
            self.network = ready(self.network, recipe, self.plan) if _plain(recipe) else self.network
        key = recipe.pooling, recipe.first_padding
        self._ready[key] = ready(self._ready.get(key, self.network), recipe, self.plan)
        return self._ready[key]


def target_shapes(model: FeatureModel, shape: tuple[int, ...], losses: Named, rows: int | None) -> Hashable:
    """The pytree structure and the shapes of a picture's targets, found without computing them."""
    picture = jax.ShapeDtypeStruct((*shape[:2], 3), jnp.float32)
    found = jax.eval_shape(partial(make_targets, losses=losses, rows=rows), model, picture)
    leaves, structure = jax.tree.flatten(found)
    return structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


def _shapes(inputs: Any, shape: tuple[int, int]) -> list[tuple[int, ...]]:
    """The shapes of the style pictures for a level of (height, width) `shape`."""
    return [style.shape for style in inputs.at(shape).styles]


def _plain(recipe: Recipe) -> bool:
    return recipe.pooling is None and recipe.first_padding is None
