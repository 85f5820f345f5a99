"""Which JAX that pip installs computes a step faster, and which needs less memory?

    python benchmarks/jax_versions.py --pythons /old/bin/python /new/bin/python [--size 512] [--steps 6] [--rounds 3]

Each Python has jaxstyle and a JAX of its own. They take turns, every other round backwards, in a new process each:
`presets.default()` at one size with "imagenet-8bit", one step to compile, then so many steps whose median counts.
Memory is the process's peak.
"""

import json
import os
import subprocess
import sys
from typing import Any

import report

WORKER = """
import json, resource, sys, time
from dataclasses import replace
import jaxstyle
from jaxstyle.runtime import keep_heap
keep_heap()
import jax, jaxlib, numpy as np
from jaxstyle import make_objective, optimize, presets
size, steps, weights = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random = np.random.default_rng(0)
content, style = (random.uniform(size=(size, size, 3)).astype(np.float32) for _ in range(2))
recipe = replace(presets.default(), pyramid=None)
objective = make_objective(weights, content, style, recipe)
state, optimizer = optimize.init(jax.numpy.asarray(content), recipe.optimizer), recipe.optimizer
seconds = []
for _ in range(steps + 1):
    started = time.perf_counter()
    for state, info in optimize.chunks(state, objective, optimizer, 1, average=recipe.average, clip=recipe.clip):
        jax.block_until_ready(state)
    seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"jax": jax.__version__, "jaxlib": jaxlib.__version__, "python": sys.version.split()[0],
                  "first": seconds[0], "seconds": seconds[1:], "peak": peak, "total": float(info.total[-1])}))
"""


def turn(python: str, options: Any) -> dict[str, Any]:
    """What one process measured."""
    weights = "embedded" if options.quick else "imagenet-8bit"
    command = [python, "-c", WORKER, str(options.size), str(options.steps), weights]
    environment = os.environ | {"PYTHONPATH": str(report.ROOT), "JAX_PLATFORMS": "cpu"}
    found: dict[str, Any] = json.loads(subprocess.check_output(command, env=environment, text=True, encoding="utf-8"))
    report.say(f"jax {found['jax']}: {found['seconds']}")
    return found


def rows(turns: dict[str, list[dict[str, Any]]]) -> list[tuple[Any, ...]]:
    """One for each Python, the ratios to the first."""
    reference, found = None, []
    for each in turns.values():
        step = report.median_iqr([seconds for one in each for seconds in one["seconds"]])
        first = report.median_iqr([one["first"] for one in each])
        reference = reference or step
        name = f"jax {each[0]['jax']}, Python {each[0]['python']}"
        peak = max(one["peak"] for one in each) / 2**20
        found.append((name, report.spread(step), step["median"] / reference["median"], report.spread(first), peak))
    return found


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--pythons", nargs="+", default=[sys.executable], help="interpreters of the environments")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.quick:
        options.size, options.steps, options.rounds = 32, 2, 1
    turns: dict[str, list[dict[str, Any]]] = {python: [] for python in options.pythons}
    for i in range(options.rounds):
        for python in options.pythons[:: 1 if i % 2 == 0 else -1]:
            turns[python].append(turn(python, options))
    header = ("environment", "step, s", "step / first row's", "first step with compiling, s", "peak, MiB")
    record = {"turns": list(turns.values())}
    options.pythons = len(options.pythons)
    question = "Which JAX that pip installs computes a step faster, and which needs less memory?"
    report.write("jax_versions", question, record, [report.table(header, rows(turns))], options)


if __name__ == "__main__":
    main()
