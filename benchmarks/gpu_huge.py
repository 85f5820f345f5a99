"""Three steps of a huge picture in bands, as gpu.py asks: `python benchmarks/gpu_huge.py SIZE ROWS NARROW`."""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import problem
from jax_side import make_model, make_recipe

from jaxstyle import optimize
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan
from jaxstyle.optimize.optimizers import Adam


def main(size: int, rows: int, narrow: int) -> None:
    """Paint, and print what it took as a line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        problem.make(Path(folder) / "problem.npz", 64, narrow=narrow)
        given = problem.load(Path(folder) / "problem.npz")
    recipe = replace(make_recipe(given), optimizer=Adam(**problem.ADAM))
    edge = min(size, 1024)
    content = np.tile(problem.photograph(edge, 0), (size // edge, size // edge, 1))
    plan = Plan(conv="exact", dtype="bfloat16", rows=rows)
    began = time.time()
    made = make_objective(make_model(given), content, problem.photograph(edge, 1), recipe, plan=plan)
    objective = jax.block_until_ready(made)
    targets, seconds = time.time() - began, []
    state = optimize.init(jnp.asarray(content), recipe.optimizer)
    compiled = optimize.compile_run(state, objective, recipe.optimizer)
    for _ in range(3):
        began = time.time()
        state, info = jax.block_until_ready(compiled(state, objective, recipe.optimizer, 1, average=0.0))
        seconds.append(time.time() - began)
    analysis = compiled.memory_analysis()
    predicted = sum(getattr(analysis, f"{part}_size_in_bytes") for part in ("temp", "argument", "output"))
    peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    found = {"size": size, "plan": str(plan), "targets_s": targets, "step_s": seconds, "total": float(info.total[0])}
    found |= {"predicted_gib": predicted / 2**30, "peak_gib": peak / 2**30, "finite": bool(state.finite)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
