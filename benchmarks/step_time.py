"""How long is one optimisation step, against PyTorch with the same objective?

    python benchmarks/step_time.py [--torch-python PATH] [--sizes 256 512] [--batches 1 4]

Adam, content relu4_2, five Grams, total variation, full-width VGG19 with seeded random weights. Contenders live in
processes of their own and take turns, round by round; where all do not fit in memory together, each is started anew
for each turn. Warm-up and compilation are not counted.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import problem
import report
from workers import HEAP, Worker, WorkerFailed

JAXSTYLE: dict[str, dict[str, Any]] = {
    "jaxstyle": {},
    "jaxstyle winograd": {"plan": {"conv": "winograd"}},
    "jaxstyle exact": {"plan": {"conv": "exact"}},
    "jaxstyle, heap kept": {"env": HEAP},
    "jaxstyle bfloat16": {"plan": {"dtype": "bfloat16"}},
    "jaxstyle exact bfloat16": {"plan": {"conv": "exact", "dtype": "bfloat16"}},
}
TORCH: dict[str, dict[str, Any]] = {
    "torch channels-last": {},
    "torch contiguous": {"channels_last": False},
    "torch channels-last, heap kept": {"env": HEAP},
    "torch channels-last compiled": {"compile": True},
    "torch bfloat16 channels-last": {"dtype": "bfloat16"},
    "torch bfloat16 contiguous": {"dtype": "bfloat16", "channels_last": False},
    "torch bfloat16 channels-last, heap kept": {"dtype": "bfloat16", "env": HEAP},
    "torch bfloat16 channels-last compiled": {"dtype": "bfloat16", "compile": True},
}
CONTENDERS = {name: ("jaxstyle", settings) for name, settings in JAXSTYLE.items()}
CONTENDERS |= {name: ("torch", settings) for name, settings in TORCH.items()}
QUICK = ("jaxstyle exact", "torch channels-last")
BYTES_PER_PIXEL = 3000
"""Of one contender's temporaries, roughly."""


class Turn:
    """A contender in one cell: its process, started when it is needed, and what it measured."""

    def __init__(self, name: str, settings: dict[str, Any], torch_python: str):
        self.name, self.torch_python = name, torch_python
        self.side = CONTENDERS[name][0]
        self.settings = CONTENDERS[name][1] | settings
        self.worker: Worker | None = None
        self.described: dict[str, Any] = {}
        self.seconds: list[float] = []
        self.failure: str | None = None
        self.steps, self.longest = 1, 0.0

    def measure(self, seconds: float, *, keep: bool) -> None:
        """One turn of about so many seconds, after a warm-up where the process is new."""
        try:
            if self.worker is None:
                self.worker = Worker(self.side, self.settings, torch_python=self.torch_python)
                self.described = self.worker.ready
                self.worker.ask("run", steps=1)
                once = self.worker.ask("run", steps=1)["seconds"]
                self.steps, self.longest = min(100, max(1, round(seconds / once))), once
            self.seconds.append(self.worker.ask("run", steps=self.steps)["seconds"] / self.steps)
        except WorkerFailed as error:
            self.failure = str(error)
            report.say(f"  {self.name}: {error}")
            self.stop()
        if not keep:
            self.stop()

    def stop(self) -> None:
        """End the process."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


def measure_cell(names: list[str], size: int, batch: int, options: Any, folder: Path) -> dict[str, Any]:
    """Every contender's seconds per step at one size and batch."""
    path = folder / f"{size}x{batch}.npz"
    problem.make(path, size, batch=batch, narrow=options.narrow)
    cache = {"JAX_COMPILATION_CACHE_DIR": str(folder / "jax"), "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch")}
    turns = []
    for name in names:
        env = CONTENDERS[name][1].get("env", {}) | cache
        turns.append(Turn(name, {"problem": str(path), "env": env}, options.torch_python))
    together = len(names) * size * size * batch * BYTES_PER_PIXEL < 0.5 * _available()
    rounds = _rounds(turns, options, together)
    path.unlink()
    return {
        "size": size,
        "batch": batch,
        "rounds": rounds,
        "processes": "long-lived" if together else "new each turn",
        "seconds": {turn.name: report.median_iqr(turn.seconds) if turn.seconds else None for turn in turns},
        "samples": {turn.name: turn.seconds for turn in turns},
        "failures": {turn.name: turn.failure for turn in turns if turn.failure},
        "described": {turn.name: turn.described for turn in turns},
    }


def _rounds(turns: list[Turn], options: Any, together: bool) -> int:
    """Round-robin, every other round backwards; at least three, more while the cell's time lasts."""
    done, rounds = 0, options.rounds
    while done < rounds:
        for turn in turns if done % 2 == 0 else turns[::-1]:
            if turn.failure is None:
                turn.measure(options.turn, keep=together)
        done += 1
        spent = sum(turn.seconds[-1] * turn.steps for turn in turns if turn.failure is None)
        rounds = min(options.rounds, max(3, int(options.cell / max(spent, 1e-9))))
    for turn in turns:
        turn.stop()
    return done


def check(names: list[str], size: int, options: Any, folder: Path) -> dict[str, Any]:
    """Each contender's total and its gradient's relative L2 difference from PyTorch's in float64."""
    path, out = folder / "check.npz", folder / "gradient.npy"
    problem.make(path, size, narrow=options.narrow)

    def gradient(side: str, settings: dict[str, Any]) -> tuple[float, np.ndarray]:
        with Worker(side, settings | {"problem": str(path)}, torch_python=options.torch_python) as worker:
            return worker.ask("gradient", out=str(out))["total"], np.load(out)

    total, exact = gradient("torch", {"dtype": "float64"})
    found: dict[str, Any] = {"size": size, "float64 total": total, "contenders": {}}
    for name in names:
        if "compile" in CONTENDERS[name][1] or "heap" in name:
            continue
        got, why = report.attempt(lambda name=name: gradient(*CONTENDERS[name]))
        if got is not None:
            difference = np.linalg.norm(got[1] - exact) / np.linalg.norm(exact)
            found["contenders"][name] = {"total": abs(got[0] / total - 1), "gradient": float(difference)}
        else:
            found["contenders"][name] = {"failure": why}
    wide = [each for name, each in found["contenders"].items() if "bfloat16" not in name]
    found["agree to 1e-3"] = all(each.get("total", 1) < 1e-3 for each in wide)
    return found


def tables(cells: list[dict[str, Any]], checked: dict[str, Any]) -> list[str]:
    """One table of times and ratios for each cell, and the check's."""
    found = []
    for cell in cells:
        seconds = cell["seconds"]
        best = {kind: _fastest(seconds, kind) for kind in ("torch", "torch float32")}
        rows = [
            (name, report.spread(each), *(report.ratio(best[kind], each) for kind in best), cell["failures"].get(name))
            for name, each in seconds.items()
        ]
        found.append(f"## {cell['size']}x{cell['size']}, batch {cell['batch']} ({cell['rounds']} rounds)\n")
        header = ("contender", "s/step", "x best torch", "x best torch float32", "failure")
        found.append(report.table(header, rows))
    rows = [(name, each.get("total"), each.get("gradient")) for name, each in checked.get("contenders", {}).items()]
    found.append(f"## Against float64, at {checked.get('size')}\n")
    return [*found, report.table(("contender", "total, relative", "gradient, relative L2"), rows)]


def _fastest(seconds: dict[str, Any], kind: str) -> dict[str, float] | None:
    chosen = [s for name, s in seconds.items() if s and name.startswith("torch")]
    if kind == "torch float32":
        chosen = [s for name, s in seconds.items() if s and name.startswith("torch") and "bfloat16" not in name]
    return min(chosen, key=lambda each: each["median"], default=None)


def _available() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="CONTENDER")
    parser.add_argument("--rounds", type=int, default=7, help="at most")
    parser.add_argument("--turn", type=float, default=1.5, help="seconds of one turn, at least one step")
    parser.add_argument("--cell", type=float, default=240.0, help="seconds of turns in one cell; at least 3 rounds")
    options = parser.parse_args()
    options.narrow = 8 if options.quick else 1
    options.only = options.only or (list(QUICK) if options.quick else list(CONTENDERS))
    if options.quick:
        options.sizes, options.batches, options.rounds, options.turn = [32], [2], 1, 0.05
    with tempfile.TemporaryDirectory() as folder:
        checked = check(options.only, min(options.sizes), options, Path(folder))
        cells = []
        for size in options.sizes:
            for batch in options.batches:
                report.say(f"{size}x{size}, batch {batch}")
                cells.append(measure_cell(options.only, size, batch, options, Path(folder)))
    torch = next((each["torch"] for cell in cells for each in cell["described"].values() if "torch" in each), None)
    result = {"torch": torch, "check": checked, "cells": cells}
    report.write("step_time", "How long is one optimisation step?", result, tables(cells, checked), options)


if __name__ == "__main__":
    main()
