"""How long until the first step: from the start of the process, with a cold and a warm compilation cache?

    python benchmarks/compile_time.py [--sizes 128 256 512 1024]

A fresh process for each measurement says when it had imported, loaded the weights, computed the targets, traced,
compiled and done one step. "first" starts with an empty persistent compilation cache, "second" with what the first
left. The command line is timed from outside, `jaxstyle stylize --steps 1` with its own cache, empty and then not: until
it says that the first step is done, and until it has saved the picture and ended.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import problem
import report

PHASES = ("import", "load", "targets", "trace", "compile", "step")
CACHE = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def child(path: str, plan: dict[str, Any]) -> None:
    """One start, in this process: print when each phase ended."""
    import jax
    from jax_side import Batch, make_model, make_objectives

    ends = [time.time()]
    pictures = problem.load(path)
    model = make_model(pictures)
    jax.block_until_ready(jax.tree.leaves(model))
    ends.append(time.time())
    objectives = make_objectives(model, pictures, plan)
    jax.block_until_ready(jax.tree.leaves(objectives))
    ends.append(time.time())
    batch = Batch(objectives, pictures["probe"])
    lowered = batch.lowered()
    ends.append(time.time())
    compiled = lowered.compile()
    ends.append(time.time())
    jax.block_until_ready(compiled(batch.state, batch.objective, 1))
    print(json.dumps([*ends, time.time()]))


def start(path: Path, plan: dict[str, Any], cache: Path) -> dict[str, float]:
    """Seconds of each phase of one start."""
    env = os.environ | CACHE | {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, __file__, "--child", str(path), json.dumps(plan)]
    began = time.time()
    done = subprocess.run(command, env=env, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    ends = [began, *json.loads(done.stdout)]
    phases = {name: after - before for name, before, after in zip(PHASES, ends[:-1], ends[1:], strict=True)}
    return phases | {"all": ends[-1] - began}


def command_line(path: Path, folder: Path) -> dict[str, float]:
    """Seconds until `jaxstyle stylize --steps 1` has done its step, and in all, with its caches in `folder`."""
    from PIL import Image

    pictures, names = problem.load(path), ("content", "style")
    for name in names:
        Image.fromarray((pictures[name][0] * 255).round().astype(np.uint8)).save(folder / f"{name}.png")
    files = [str(folder / f"{name}.png") for name in names]
    command = [sys.executable, "-m", "jaxstyle", "stylize", *files, "-o", str(folder / "out.png"), "--steps", "1"]
    command += ["--size", str(pictures["content"].shape[1]), "--model", str(_weights(path)), "--recipe", "default"]
    env = os.environ | {"JAXSTYLE_HOME": str(folder), "XDG_CACHE_HOME": str(folder), "JAX_PLATFORMS": "cpu"}
    began, first, said = time.time(), None, ""
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        for said in process.stderr:
            first = time.time() - began if first is None and said.startswith("step 1/") else first
    if process.returncode or first is None:
        raise RuntimeError(said.strip())
    return {"step": first, "all": time.time() - began}


def measure(size: int, plan: dict[str, Any], options: Any) -> dict[str, Any]:
    """First and second starts at one size, each round with new caches."""
    found: dict[str, Any] = {"size": size, "plan": plan, "first": [], "second": [], "cli first": [], "cli second": []}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "problem.npz"
        problem.make(path, size, narrow=8 if options.quick else 1)
        _weights(path)
        for number in range(options.rounds):
            cache = Path(name) / str(number)
            cache.mkdir()
            for kind in ("first", "second"):
                ran, why = report.attempt(lambda cache=cache: start(path, plan, cache / "jax"))
                found[kind] += [ran] if ran else []
                if not plan and not options.no_cli and why is None:
                    ran, why = report.attempt(lambda cache=cache: command_line(path, cache))
                    found[f"cli {kind}"] += [ran] if ran else []
                found["failure"] = why or found.get("failure")
    return found


def tables(cells: list[dict[str, Any]]) -> list[str]:
    """A row for each size, plan and start."""
    header = ("size", "plan", "start", *PHASES, "all s", "command line's first step s", "its end s", "failure")
    rows = []
    for cell in cells:
        for kind in ("first", "second"):
            starts, outside = cell[kind], cell[f"cli {kind}"]
            phases = [report.median_iqr([s[phase] for s in starts])["median"] if starts else None for phase in PHASES]
            spreads = [_spread(starts, "all"), _spread(outside, "step"), _spread(outside, "all")]
            plan = ", ".join(f"{k}={v}" for k, v in cell["plan"].items()) or "default"
            rows.append((cell["size"], plan, kind, *phases, *spreads, cell.get("failure")))
    return [report.table(header, rows)]


def _spread(runs: list[dict[str, float]], name: str) -> str | None:
    return report.spread(report.median_iqr([run[name] for run in runs])) if runs else None


def _weights(path: Path) -> Path:
    """The problem's network as a weights file, beside it."""
    from jaxstyle.weights.layout import Preprocessing, Weights
    from jaxstyle.weights.store import write_weights

    out = path.with_suffix(".safetensors")
    if not out.exists():
        arrays = problem.load(path)
        preprocessing = Preprocessing.affine(arrays["matrix"], arrays["offset"])
        write_weights(out, Weights(problem.network(arrays), preprocessing, name="benchmark"))
    return out


def main() -> None:
    """Measure and write."""
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2], json.loads(sys.argv[3]))
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-cli", action="store_true", help="leave the command line out")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.rounds = [32], 1
    plans: list[dict[str, Any]] = [{}] if options.quick else [{}, {"conv": "exact"}]
    cells = [measure(size, plan, options) for size in options.sizes for plan in plans]
    report.write("compile_time", "How long until the first step?", {"cells": cells}, tables(cells), options)
    return None


if __name__ == "__main__":
    main()
