"""What `jaxstyle doctor --bench` does: time a step of the default recipe, to compare with machines that are known."""

import statistics
import time

import jax.numpy as jnp
import numpy as np

from jaxstyle import optimize
from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.shown import note
from jaxstyle.errors import SettingError
from jaxstyle.objective import presets
from jaxstyle.objective.make import make_objective
from jaxstyle.weights.catalogue import default_network, is_here
from jaxstyle.weights.random_features import dead_leaves

SIZE = 256
STEPS = 20
SECONDS = 40.0
"""Time after which no further step is begun."""
MEASURED = {"2 cores of an AMD EPYC with AVX-512, JAX 0.10": 0.28, "PyTorch's best in float32 there": 0.57}
"""{machine: seconds a step}, from benchmarks/results/step_time.md."""


def report_speed() -> None:
    """Print the median time of a step, and those of other machines.

    Raises:
        SettingError: VGG19 trained on ImageNet is not in the cache.
    """
    name = default_network()
    if not is_here(name):
        raise SettingError("--bench: needs VGG19 of ImageNet; get it with `jaxstyle weights fetch imagenet-8bit`")
    note("jaxstyle: timing steps, for less than a minute")
    random = np.random.default_rng(0)
    content, style = (jnp.asarray(dead_leaves(random, SIZE), jnp.float32) for _ in range(2))
    recipe = presets.default()
    objective = make_objective(load_weights(name), content, style, recipe)
    typical = statistics.median(_times(optimize.init(content, recipe.optimizer), objective, recipe))
    print(f"speed   {typical:.2f} s a step at {SIZE}x{SIZE} with the default recipe and {name}; measured elsewhere:")
    for machine, seconds in MEASURED.items():
        print(f"        {seconds:.2f} s  {machine}")


def _times(state: optimize.State, objective: optimize.Evaluate, recipe: presets.Recipe) -> list[float]:
    """Seconds of single steps, without the first two, which compile."""
    times: list[float] = []
    begun = before = time.perf_counter()
    for after, _ in optimize.chunks(state, objective, recipe.optimizer, STEPS, every=1, seconds=0):
        after.average.block_until_ready()
        now = time.perf_counter()
        times.append(now - before)
        before = now
        if now - begun > SECONDS and len(times) > 2:
            break
    return times[2:]
