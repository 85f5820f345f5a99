"""How many pictures a second does a sweep paint, against one picture at a time?

    python benchmarks/sweep_throughput.py [--size 128] [--cells 64] [--steps 40] [--torch-python PATH]

First the whole: the same cells (contents x styles x style weights, full-width VGG19) by `run_sweep` and by a loop over
`stylize` that keeps its programs, each in a process of its own from its start to its last file, compilation included.
Then the steps alone: seconds for a step of one cell in programs of 1 to 16 lanes, and PyTorch's of one picture,
warm, taking turns.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import problem
import report
from workers import Worker

LANES = (1, 2, 4, 8, 16)
TORCH: dict[str, dict[str, Any]] = {
    "torch channels-last": {},
    "torch bfloat16 channels-last": {"dtype": "bfloat16"},
}


def grid(path: Path, cells: int) -> tuple[dict[str, Any], list[float]]:
    """The pictures and the style weights of so many cells."""
    made = problem.load(path)
    pictures = {f"picture {i}": image for i, image in enumerate([*made["content"], *made["style"]])}
    side = len(made["content"])
    return pictures, [10.0 * 1.1**i for i in range(cells // (side * side))]


def paint(way: str, path: Path, out: Path, cells: int, steps: int) -> dict[str, float]:
    """In a process of its own: all cells, one way or the other; seconds from the imports on."""
    started = time.perf_counter()
    from jax_side import make_model

    from jaxstyle import Grid, run_sweep, stylize
    from jaxstyle.objective import presets

    made = problem.load(path)
    model, (pictures, weights) = make_model(made), grid(path, cells)
    names = list(pictures)
    contents, styles = names[: len(names) // 2], names[len(names) // 2 :]
    recipe = presets.default()
    if way == "sweep":
        axes = {"recipe": recipe, "style_weight": weights, "steps": steps}
        chosen = {name: pictures[name] for name in contents}, {name: pictures[name] for name in styles}
        summary = run_sweep(Grid(*chosen, **axes), out, model=model, metrics=False)
        assert summary.complete, summary
    else:
        for n, (content, style, weight) in enumerate((c, s, w) for c in contents for s in styles for w in weights):
            pair = pictures[content], pictures[style]
            stylize(*pair, model=model, recipe=recipe, style_weight=weight, steps=steps).save(out / f"{n}.png")
    return {"seconds": time.perf_counter() - started}


def whole(path: Path, options: Any, folder: Path) -> dict[str, Any]:
    """Both ways, in turns."""
    samples: dict[str, list[float]] = {"sweep": [], "loop": []}
    for i in range(options.rounds):
        for way in ("sweep", "loop") if i % 2 == 0 else ("loop", "sweep"):
            out = folder / f"{way}-{i}"
            out.mkdir()
            command = [sys.executable, __file__, "--way", way, "--problem", str(path), "--out", str(out)]
            command += ["--cells", str(options.cells), "--steps", str(options.steps)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8").stdout
            samples[way].append(json.loads(answer.splitlines()[-1])["seconds"])
            report.say(f"  {way}: {samples[way][-1]:.1f} s")
    return {"samples": samples, "seconds": {way: report.median_iqr(found) for way, found in samples.items()}}


def lanes(path: Path, options: Any) -> dict[str, list[float]]:
    """Seconds of a step of one cell, by lanes: programs of this process, in turns."""
    import jax
    from jax_side import make_model

    from jaxstyle import make_objective, optimize
    from jaxstyle.objective import presets
    from jaxstyle.optimize.parametrization import Pixels
    from jaxstyle.sweep.lanes import lanes_on

    made, recipe = problem.load(path), presets.default()
    model = make_model(made)
    pair = made["content"][0], made["style"][0]
    objective, state = make_objective(model, *pair, recipe), optimize.init(pair[0], recipe.optimizer)

    def program(n: int) -> Any:
        many = lanes_on(jax.devices()[:1], n)
        states, optimizers, averages = (many.place([each] * n) for each in (state, recipe.optimizer, recipe.average))
        objectives, how = many.objectives([objective] * n), {"clip": recipe.clip, "parametrization": Pixels()}
        return lambda k: many.run(states, objectives, optimizers, averages, k, how)

    programs = {n: program(n) for n in LANES}
    samples: dict[str, list[float]] = {f"{n} lanes": [] for n in LANES}
    for i in range(1 + options.rounds * 2):
        for n in LANES if i % 2 == 0 else LANES[::-1]:
            k, started = max(1, 16 // n), time.perf_counter()
            jax.block_until_ready(programs[n](k))
            if i:  # the first compiles
                samples[f"{n} lanes"].append((time.perf_counter() - started) / k / n)
    return samples


def torch(path: Path, options: Any) -> dict[str, list[float]]:
    """Seconds of PyTorch's step of one picture."""
    samples: dict[str, list[float]] = {}
    for name, settings in TORCH.items():
        with Worker("torch", settings | {"problem": str(path)}, torch_python=options.torch_python) as worker:
            worker.ask("run", steps=2)
            samples[name] = [worker.ask("run", steps=10)["seconds"] / 10 for _ in range(options.rounds * 2)]
    return samples


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--way", choices=("sweep", "loop"), help="used by the script itself")
    parser.add_argument("--problem", type=Path, help="used by the script itself")
    parser.add_argument("--out", type=Path, help="used by the script itself")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(paint(options.way, options.problem, options.out, options.cells, options.steps)))
        return
    narrow = 16 if options.quick else 1
    if options.quick:
        options.size, options.cells, options.steps, options.rounds = 32, 16, 2, 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problem.make(folder / "four.npz", options.size, batch=4, narrow=narrow)
        problem.make(folder / "one.npz", options.size, narrow=narrow)
        found = whole(folder / "four.npz", options, folder)
        samples = lanes(folder / "one.npz", options)
        pytorch, why = report.attempt(lambda: torch(folder / "one.npz", options))
    result = {"size": options.size, "whole": found, "samples": samples | (pytorch or {}), "failure": why}
    report.write(
        "sweep_throughput", "How many pictures a second does a sweep paint?", result, tables(result, options), options
    )


def tables(result: dict[str, Any], options: Any) -> list[str]:
    """The whole, and the steps."""
    seconds = result["whole"]["seconds"]
    rows = [
        (way, report.spread(each), options.cells / each["median"], seconds["loop"]["median"] / each["median"])
        for way, each in seconds.items()
    ]
    header = ("way", f"s for {options.cells} cells of {options.steps} steps", "cells/s", "throughput")
    found = [f"## {options.size}²: everything, compilation included\n", report.table(header, rows)]
    steps = {name: report.median_iqr(samples) for name, samples in result["samples"].items()}
    one = steps["1 lanes"]["median"]
    rows = [(name, report.spread(each), one / each["median"]) for name, each in steps.items()]
    return [*found, "## One step of one cell, warm\n", report.table(("program", "s", "against 1 lane"), rows)]


if __name__ == "__main__":
    main()
