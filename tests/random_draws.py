"""Draws runs whose losses are random, and paints each in one go, in chunks, resumed and as a lane of a batch.

`python tests/random_draws.py 1000 0`: as many draws, from that seed. All four must give the same bits.
"""

import io
import os
import random
import sys
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=1"

import jax
import numpy as np

from jaxstyle import optimize
from jaxstyle.losses import (
    ContextualLoss,
    GramLoss,
    MMDLoss,
    NearestNeighbourLoss,
    PaletteLoss,
    RelaxedEMDLoss,
    SelfSimilarityLoss,
    SlicedWassersteinLoss,
)
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import Adam, RMSprop
from jaxstyle.optimize.parametrization import Fourier, LaplacianPyramid
from jaxstyle.sweep.batch import Batch
from jaxstyle.transfer.job import Job, prepare
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.run import Run
from jaxstyle.transfer.state_file import as_arrays, from_arrays
from jaxstyle.weights.random_features import dead_leaves, random_weights

MOST = 8  # steps
WIDTH = 3  # lanes
LAYERS = ("input", "relu1_1", "relu2_1")
DRAWN = {"samples": 40, "fresh": True}
FREE = {"average": 0.0, "clip": False, "steps": MOST}
RECIPES = (
    Recipe(
        content=SelfSimilarityLoss(LAYERS, corners=True, **DRAWN),
        style=(RelaxedEMDLoss(LAYERS, corners=True, style_samples=90, **DRAWN), PaletteLoss(**DRAWN)),
        optimizer=RMSprop(0.01),
        parametrization=LaplacianPyramid(3, corners=True),
        init="detail",
        **FREE,
    ),
    Recipe(
        content=(),
        style=(SlicedWassersteinLoss("relu1_1", directions=4, fresh=True), Term(GramLoss("relu1_1"))),
        optimizer=Adam(0.05),
        average=0.9,
        steps=MOST,
    ),
    Recipe(
        content=(),
        style=(NearestNeighbourLoss(LAYERS[1:], **DRAWN), MMDLoss("relu1_1", **DRAWN)),
        optimizer=Adam(0.05),
        parametrization=Fourier(),
        **FREE,
    ),
    Recipe(
        content=(),
        style=ContextualLoss("relu2_1", **DRAWN),
        optimizer=RMSprop(0.01),
        normalize_gradients=True,
        steps=MOST,
    ),
)


@dataclass(frozen=True)
class Draw:
    """One run, and the ways to run it.

    Attributes:
        recipe: index of the recipe.
        seeds: random seeds of the lanes; the first is the run's own.
        place: which lane the run takes.
        steps: number of steps.
        cuts: after which of them a chunk ends.
    """

    recipe: int
    seeds: tuple[int, ...]
    place: int
    steps: int
    cuts: tuple[int, ...]

    @classmethod
    def new(cls, chance: random.Random) -> "Draw":
        """Draw one."""
        lanes, steps = chance.randint(1, WIDTH), chance.randint(2, MOST)
        cuts = sorted(chance.sample(range(1, steps), chance.randint(1, min(3, steps - 1))))
        seeds = tuple(chance.randrange(2**32) for _ in range(lanes))
        return cls(chance.randrange(len(RECIPES)), seeds, chance.randrange(lanes), steps, tuple(cuts))


@cache
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """A content and a style of 32x32."""
    chance = np.random.default_rng(7)
    return tuple(np.float32(dead_leaves(chance, 32)) for _ in range(2))  # type: ignore[return-value]


@cache
def run_of(recipe: int) -> Run:
    """The run of a recipe; only its seed differs from draw to draw."""
    network, (content, style) = VGG19(random_weights()), pictures()
    return prepare(Job(content, (style,), RECIPES[recipe]), network)


@cache
def objective_of(recipe: int) -> optimize.Evaluate:
    """The objective of a recipe."""
    return run_of(recipe).objective(0)


def seeded(run: Run, seed: int, steps: int) -> Run:
    """The run with another seed and number of steps."""
    return replace(run, settings=run.settings | {"seed": seed}, levels=(replace(run.levels[0], steps=steps),))


def painted(run: Run, recipe: int, parts: list[int], *, through_file: bool = False) -> Reached:
    """Paint a run in parts of so many steps; between them the state may go through a file."""
    reached, settings = run.begun(), {"average": run.recipe.average, **run.how}
    for steps in parts:
        state, info = optimize.run(reached.state, objective_of(recipe), run.optimizer(0), steps, **settings)
        reached = Reached(0, state, ((*reached.infos[0], jax.device_get(info)),))
        if through_file:
            file = io.BytesIO()
            np.savez(file, **as_arrays(reached))
            reached = from_arrays(run, dict(np.load(io.BytesIO(file.getvalue()))))
    return reached


def as_lane(runs: list[Run], recipe: int, place: int) -> Reached:
    """Paint runs as lanes of a batch, and return where one of them ended."""
    batch = Batch(runs, [run.begun() for run in runs], WIDTH, jax.devices()[:1])
    for _ in batch.paint():
        pass
    return batch.lanes[place]


def check(draw: Draw) -> None:
    """Raise AssertionError unless all ways give the same bits, and another seed gives others."""
    runs = [seeded(run_of(draw.recipe), seed, draw.steps) for seed in draw.seeds]
    edges = (0, *draw.cuts, draw.steps)
    parts = [stop - start for start, stop in pairwise(edges)]
    lanes = [*runs[1:]]
    lanes.insert(draw.place, runs[0])
    whole = painted(runs[0], draw.recipe, [draw.steps])
    found = {
        "in chunks": painted(runs[0], draw.recipe, parts),
        "resumed": painted(runs[0], draw.recipe, parts, through_file=True),
        "as a lane": as_lane(lanes, draw.recipe, draw.place),
    }
    for how, other in found.items():
        for name, array in as_arrays(whole).items():
            assert np.array_equal(array, as_arrays(other)[name]), f"{draw}: {how}: {name} differs"
    other = painted(seeded(runs[0], draw.seeds[0] ^ 1, draw.steps), draw.recipe, [draw.steps])
    assert not np.array_equal(other.state.average, whole.state.average), f"{draw}: another seed changes nothing"


def main(count: int, seed: int) -> None:
    """Check so many draws."""
    chance = random.Random(seed)
    for _ in range(count):
        check(Draw.new(chance))
    print(f"random losses: {count} draws, seed {seed}: the same bits alone, in chunks, resumed and as a lane")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
