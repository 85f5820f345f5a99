"""How long is one step on an accelerator, and how much of its peak is that?

    python benchmarks/gpu.py [--torch-python PATH] [--size 512] [--batches 1 4 16]

Contenders take turns in processes of their own. TFLOP/s count the convolutions forward and to their inputs and the
Gram matrices, beside a measured bfloat16 matrix product's. Without an accelerator it says so and exits with 0.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import problem
import report
from workers import Worker, WorkerFailed

CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "jaxstyle float32": ("jaxstyle", {}),
    "jaxstyle bfloat16": ("jaxstyle", {"plan": {"dtype": "bfloat16"}}),
    "jaxstyle bfloat16 remat": ("jaxstyle", {"plan": {"dtype": "bfloat16", "remat": True}}),
    "torch float32 channels-last": ("torch", {}),
    "torch float32 compiled": ("torch", {"compile": True}),
    "torch bfloat16 channels-last": ("torch", {"dtype": "bfloat16"}),
    "torch bfloat16 compiled": ("torch", {"dtype": "bfloat16", "compile": True}),
    "torch bfloat16 max-autotune": ("torch", {"dtype": "bfloat16", "compile": "max-autotune"}),
}
COMMON = {"device": "cuda", "env": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}}


def accelerator() -> bool:
    """Whether JAX sees one, asked in another process so that this one holds no device."""
    code = "import jax; print(jax.default_backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    return done.returncode == 0 and done.stdout.strip().splitlines()[-1] != "cpu"


def has_torch(python: str) -> bool:
    """Whether that Python's PyTorch sees the device too."""
    code = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


def measure(names: list[str], batch: int, options: Any, path: Path) -> dict[str, Any]:
    """Every contender's seconds per step at one batch."""
    made = problem.make(path, options.size, batch=batch)
    workers: dict[str, Worker] = {}
    found: dict[str, Any] = {"batch": batch, "flops": made["flops"], "samples": {}, "memory": {}, "failures": {}}
    for name in names:
        report.say(f"batch {batch}: {name}")
        side, settings = CONTENDERS[name]
        try:
            worker = Worker(side, COMMON | settings | {"problem": str(path)}, torch_python=options.torch_python)
            worker.ask("run", steps=2)
            if side == "jaxstyle":
                found["memory"][name] = worker.ask("analysis")
            workers[name], found["samples"][name] = worker, []
        except WorkerFailed as error:
            found["failures"][name] = str(error)
    found["device"] = next((worker.ready["device"] for worker in workers.values()), None)
    found["torch"] = next((worker.ready["torch"] for worker in workers.values() if "torch" in worker.ready), None)
    for number in range(options.rounds):
        for name in list(workers)[:: 1 if number % 2 == 0 else -1]:
            found["samples"][name].append(workers[name].ask("run", steps=options.steps)["seconds"] / options.steps)
    for worker in workers.values():
        worker.stop()
    found["seconds"] = {name: report.median_iqr(values) for name, values in found["samples"].items()}
    return found


def matmul_peak(path: Path) -> float:
    """TFLOP/s of a large bfloat16 matrix product."""
    problem.make(path, 64)
    with Worker("jaxstyle", COMMON | {"problem": str(path)}) as worker:
        return worker.ask("matmul_peak", size=8192, dtype="bfloat16")["tflops"]


def tables(cells: list[dict[str, Any]], peak: float) -> list[str]:
    """One table for each batch."""
    found = [f"Matrix product, bfloat16, 8192: {peak:.0f} TFLOP/s.\n"]
    header = ("contender", "ms/step", "x best torch", "TFLOP/s", "of the matrix product", "temporaries MiB")
    for cell in cells:
        torch = [each for name, each in cell["seconds"].items() if name.startswith("torch")]
        best = min(torch, key=lambda each: each["median"], default=None)
        rows = []
        for name, each in cell["seconds"].items():
            speed = cell["flops"] / each["median"] / 1e12
            ms = report.spread({"median": 1e3 * each["median"], "iqr": 1e3 * each["iqr"]})
            temporaries = cell["memory"].get(name, {}).get("temp_size")
            rows.append((name, ms, report.ratio(best, each), speed, f"{speed / peak:.0%}", temporaries))
        rows += [(f"{name}: {why}", *[None] * 5) for name, why in cell["failures"].items()]
        found += [f"## batch {cell['batch']}\n", report.table(header, rows)]
    return found


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20, help="of one turn")
    options = parser.parse_args()
    if not accelerator():
        print("no accelerator")
        return
    if options.quick:
        options.size, options.batches, options.rounds, options.steps = 64, [2], 2, 2
    torch = has_torch(options.torch_python)
    names = [name for name in CONTENDERS if torch or not name.startswith("torch")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        peak = matmul_peak(path)
        cells = [measure(names, batch, options, path) for batch in options.batches]
    result = {"device": cells[0]["device"], "torch": cells[0]["torch"], "peak": peak, "cells": cells}
    report.write("gpu", "How long is one step on an accelerator?", result, tables(cells, peak), options)


if __name__ == "__main__":
    main()
