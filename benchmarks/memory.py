"""How much memory does an optimisation step need, against PyTorch with the same objective?

    python benchmarks/memory.py [--torch-python PATH] [--sizes 256 512 1024]

Every case in a fresh process, two steps of Adam. "growth" is the peak above what is resident once the weights are
loaded; on Linux, from /proc/self/status. Compilation counts: it happens in the user's process too.
"""

import tempfile
from pathlib import Path
from typing import Any

import problem
import report
from workers import Worker

PLANS: dict[str, dict[str, Any]] = {
    "exact": {"conv": "exact"},
    "exact, 256 rows": {"conv": "exact", "rows": 256},
    "exact, 128 rows": {"conv": "exact", "rows": 128},
    "exact remat": {"conv": "exact", "remat": True},
    "exact bfloat16": {"conv": "exact", "dtype": "bfloat16"},
    "winograd": {"conv": "winograd"},
    "winograd, 256 rows": {"conv": "winograd", "rows": 256},
    "winograd, 128 rows": {"conv": "winograd", "rows": 128},
    "winograd bfloat16": {"conv": "winograd", "dtype": "bfloat16"},
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "torch channels-last": ("torch", {}),
    "torch bfloat16 channels-last": ("torch", {"dtype": "bfloat16"}),
    **{f"jaxstyle {name}": ("jaxstyle", {"plan": plan, "heap": False}) for name, plan in PLANS.items()},
    "jaxstyle winograd, heap kept": ("jaxstyle", {"plan": {"conv": "winograd"}, "heap": True}),
}


def measure(name: str, path: Path, options: Any) -> dict[str, Any]:
    """One case's memory in MiB."""
    side, settings = CASES[name]

    def steps() -> dict[str, Any]:
        with Worker(side, settings | {"problem": str(path)}, torch_python=options.torch_python) as worker:
            predicted = worker.ask("predicted")["mib"] if side == "jaxstyle" else None
            ran = worker.ask("run", steps=2)
            found = worker.ask("memory")
            return found | {"loaded": worker.ready["loaded"], "predicted": predicted, "total": ran["total"]}

    found, why = report.attempt(steps)
    return found | {"growth": found["peak"] - found["loaded"]} if found else {"failure": why}


def tables(cells: list[dict[str, Any]]) -> list[str]:
    """One table for each size."""
    header = ("case", "growth MiB", "x torch", "peak MiB", "after loading MiB", "predicted MiB", "failure")
    found = []
    for cell in cells:
        reference = cell["cases"].get("torch channels-last", {}).get("growth")
        rows = []
        for name, each in cell["cases"].items():
            share = each["growth"] / reference if reference and "growth" in each else None
            numbers = (each.get(key) for key in ("peak", "loaded", "predicted", "failure"))
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
