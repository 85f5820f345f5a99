"""Can pictures that do not fit in memory be optimised by blocks of rows, and at what cost?

    python benchmarks/huge.py [--sizes 2048 4096] [--rows 256]

Seconds per step (warm) and peak memory of a fresh process with `Plan(rows=...)`, and at a size that also fits in one
piece the gradient's relative L2 difference and the price in time.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import problem
import report
from workers import Worker


def steps(path: Path, plan: dict[str, Any], gradient: Path | None, rounds: int) -> dict[str, Any]:
    """Seconds per step, peak MiB, and where asked the gradient."""
    with Worker("jaxstyle", {"problem": str(path), "plan": plan}) as worker:
        first = worker.ask("run", steps=1)["seconds"]
        seconds = [worker.ask("run", steps=1)["seconds"] for _ in range(rounds)]
        memory = worker.ask("memory")
        if gradient is not None:
            worker.ask("gradient", out=str(gradient))
        grown = memory["peak"] - worker.ready["imported"]
    return {"plan": plan, "first": first, "seconds": report.median_iqr(seconds), "peak": memory["peak"], "grown": grown}


def compare(size: int, plan: dict[str, Any], rows: int, options: Any, folder: Path) -> dict[str, Any]:
    """Blocks of rows against one piece, at a size that fits."""
    path = folder / "problem.npz"
    problem.make(path, size, narrow=options.narrow)
    files = folder / "plain.npy", folder / "rows.npy"
    plain, why = report.attempt(lambda: steps(path, plan, files[0], options.rounds))
    blocks, why_not = report.attempt(lambda: steps(path, plan | {"rows": rows}, files[1], options.rounds))
    found = {"size": size, "rows": rows, "plain": plain, "blocks": blocks, "failure": why or why_not}
    if plain and blocks:
        one, other = (np.load(file) for file in files)
        found["relative L2"] = float(np.linalg.norm(one - other) / np.linalg.norm(one))
    return found


def measure(size: int, plan: dict[str, Any], options: Any, folder: Path) -> dict[str, Any]:
    """One huge picture by blocks of rows."""
    path = folder / "problem.npz"
    problem.make(path, size, narrow=options.narrow)
    found, why = report.attempt(lambda: steps(path, plan | {"rows": options.rows}, None, 1 if size > 2048 else 3))
    return {"size": size, "plan": plan | {"rows": options.rows}} | (found or {"failure": why})


def tables(compared: list[dict[str, Any]], huge: list[dict[str, Any]]) -> list[str]:
    """The huge pictures, and the comparison."""
    header = ("size", "plan", "s/step", "first step s", "peak MiB", "growth MiB", "failure")
    keys = ("first", "peak", "grown", "failure")
    rows = [(e["size"], e["plan"], report.spread(e.get("seconds")), *(e.get(key) for key in keys)) for e in huge]
    found = [report.table(header, rows), "## Blocks of rows against one piece\n"]
    header = ("size", "rows", "plan", "piece s", "blocks s", "ratio", "piece MiB", "blocks MiB", "gradient relative L2")
    rows = []
    for each in compared:
        plain, blocks = each["plain"] or {}, each["blocks"] or {}
        pair = plain.get("seconds"), blocks.get("seconds")
        numbers = (report.ratio(pair[1], pair[0]), plain.get("grown"), blocks.get("grown"), each.get("relative L2"))
        rows.append((each["size"], each["rows"], plain.get("plan"), *map(report.spread, pair), *numbers))
    return [*found, report.table(header, rows)]


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 4096])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--fits", type=int, default=1024, help="the size for the comparison")
    parser.add_argument("--conv", nargs="+", choices=("exact", "winograd"), default=["exact", "winograd"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.narrow = 8 if options.quick else 1
    if options.quick:
        options.sizes, options.rows, options.fits, options.rounds = [320], 32, 256, 2
    plans = [{"conv": conv} for conv in options.conv]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = min(options.rows, options.fits // 4)
        compared = [compare(options.fits, plan, rows, options, folder) for plan in plans]
        huge = [measure(size, plan, options, folder) for size in options.sizes for plan in plans]
    question = "Can pictures that do not fit in memory be optimised by blocks of rows, and at what cost?"
    report.write("huge", question, {"compared": compared, "huge": huge}, tables(compared, huge), options)


if __name__ == "__main__":
    main()
