"""How much memory does an optimisation step need, against PyTorch with the same objective?

    python benchmarks/memory.py [--torch-python PATH] [--sizes 256 512 1024]

Every case in a fresh process, on Linux, from /proc/self/status. "peak" is that of two steps of Adam after a first one;
"growth" is the peak less what is resident once the libraries are imported: weights, targets, what the compiler left
behind, and the steps. "step" is the peak less what is resident between steps. "worst" is the peak until the first step
is done, compilation included. "predicted" is `jaxstyle.transfer.estimate_memory`, which counts what is held and the
step; "seen" is what is held by the same count, and the step as measured.
"""

import tempfile
from pathlib import Path
from typing import Any

import problem
import report
from workers import HEAP, Worker

PLANS: dict[str, dict[str, Any]] = {
    "exact": {"conv": "exact"},
    "exact, 256 rows": {"conv": "exact", "rows": 256},
    "exact, 128 rows": {"conv": "exact", "rows": 128},
    "exact bfloat16": {"conv": "exact", "dtype": "bfloat16"},
    "winograd": {"conv": "winograd"},
    "winograd, 256 rows": {"conv": "winograd", "rows": 256},
    "winograd, 128 rows": {"conv": "winograd", "rows": 128},
    "winograd bfloat16": {"conv": "winograd", "dtype": "bfloat16"},
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "torch channels-last": ("torch", {}),
    "torch bfloat16 channels-last": ("torch", {"dtype": "bfloat16"}),
    **{f"jaxstyle {name}": ("jaxstyle", {"plan": plan}) for name, plan in PLANS.items()},
    "jaxstyle winograd, heap kept": ("jaxstyle", {"plan": {"conv": "winograd"}, "env": HEAP}),
}


def measure(name: str, path: Path, options: Any) -> dict[str, Any]:
    """One case's memory in MiB."""
    side, settings = CASES[name]

    def steps() -> dict[str, Any]:
        with Worker(side, settings | {"problem": str(path)}, torch_python=options.torch_python) as worker:
            worker.ask("run", steps=1)
            worst = worker.ask("memory")["peak"]
            before = worker.ask("forget_peak")["rss"]
            total = worker.ask("run", steps=2)["total"]
            found = worker.ask("memory") | {
                "worst": worst,
                "before": before,
                "total": total,
                "imported": worker.ready["imported"],
            }
        found["growth"], found["step"] = found["peak"] - found["imported"], found["peak"] - before
        return found | predicted()

    def predicted() -> dict[str, Any]:
        if side == "torch":
            return {}
        with Worker(side, settings | {"problem": str(path)}) as other:  # its compilations are not the run's
            return other.ask("predicted")

    found, why = report.attempt(steps)
    return found or {"failure": why}


def tables(cells: list[dict[str, Any]]) -> list[str]:
    """One table for each size."""
    header = ("case", "growth MiB", "x torch", "step MiB", "worst MiB", "predicted MiB", "seen MiB", "failure")
    found = []
    for cell in cells:
        reference = cell["cases"].get("torch channels-last", {}).get("growth")
        rows = []
        for name, each in cell["cases"].items():
            share = each["growth"] / reference if reference and "growth" in each else None
            seen = each["held"] + each["step"] if "held" in each else None
            numbers = (each.get("step"), each.get("worst"), each.get("predicted"), seen, each.get("failure"))
            rows.append((name, each.get("growth"), share, *numbers))
        found += [f"## {cell['size']}x{cell['size']}\n", report.table(header, rows)]
    return found


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    options = parser.parse_args()
    if options.quick:
        options.sizes = [32]
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            path = Path(folder) / "problem.npz"
            problem.make(path, size, narrow=8 if options.quick else 1)
            report.say(f"{size}x{size}")
            cells.append({"size": size, "cases": {name: measure(name, path, options) for name in options.only}})
    question = "How much memory does an optimisation step need?"
    report.write("memory", question, {"cells": cells}, tables(cells), options)


if __name__ == "__main__":
    main()
