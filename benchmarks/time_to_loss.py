"""How soon does jaxstyle reach the loss that PyTorch's L-BFGS has after 500 iterations?

    python benchmarks/time_to_loss.py [--torch-python PATH] [--size 256] [--weights he|imagenet]

Wall-clock from the start of the process: imports, weights, targets and compilation included. Same objective, arrays and
pictures, from the content. PyTorch's side is torch.optim.LBFGS as neural-style-pt (no line search) and gordicaleksa's
neural-style (strong Wolfe) use it; the lower curve sets the target, and either may be the first to reach it. Totals are
compared as optimised: L-BFGS unclipped, Adam within [0, 1]. The final pictures are valued again by both sides'
objectives, as they are and clipped.
"""

import tempfile
from pathlib import Path
from typing import Any

import problem
import report
from workers import Worker

TORCH: dict[str, str | None] = {"torch L-BFGS, no line search": None, "torch L-BFGS, strong Wolfe": "strong_wolfe"}
SETTINGS: dict[str, dict[str, Any]] = {
    "Adam 0.02": {"optimizer": "adam", "options": {"learning_rate": 0.02}},
    "Adam 0.05": {"optimizer": "adam", "options": {"learning_rate": 0.05}},
    "Adam 0.05, cosine over 200": {"optimizer": "adam", "options": {"learning_rate": 0.05}, "cosine": 200},
    "Adam 0.05, cosine over 300": {"optimizer": "adam", "options": {"learning_rate": 0.05}, "cosine": 300},
    "L-BFGS 10, line search": {"optimizer": "lbfgs", "options": {"memory": 10}},
    "L-BFGS 100, fixed step": {"optimizer": "lbfgs", "options": {"memory": 100, "line_search": False}},
}


class Race:
    """The problem, and a folder for pictures and compilation caches."""

    def __init__(self, folder: Path, options: Any):
        self.folder, self.options, self.count = folder, options, 0
        self.settings = {"problem": str(folder / "problem.npz")}
        self.made = problem.make(
            folder / "problem.npz", options.size, narrow=8 if options.quick else 1, weights=options.weights
        )

    def attempt(self, side: str, name: str, **arguments: Any) -> dict[str, Any]:
        """`descend`, or an empty curve and why."""
        found, why = report.attempt(lambda: self.descend(side, name, **arguments))
        return found or {"failure": why, "curve": []}

    def descend(self, side: str, name: str, **arguments: Any) -> dict[str, Any]:
        """A curve of (seconds since the process was started, evaluations or steps, best total), and its picture.

        Each name has a compilation cache of its own, empty the first time.
        """
        label = "".join(letter if letter.isalnum() else "-" for letter in f"{side} {name}")
        self.count += 1
        out = self.folder / f"{label}-{self.count}.npy"
        env = {"JAX_COMPILATION_CACHE_DIR": str(self.folder / label), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        with Worker(side, self.settings | {"env": env}, torch_python=self.options.torch_python) as worker:
            found = worker.ask("descend", out=str(out), **arguments)
            found["torch"] = worker.ready.get("torch")
        found["curve"] = [(when - worker.started, steps, total) for when, steps, total in found["curve"]]
        report.say(f"  {name}: {found['curve'][-1:]}")
        return found | {"ended": found["ended"] - worker.started, "picture": str(out)}

    def values(self, runs: dict[str, dict[str, Any]]) -> None:
        """Put both sides' totals of every final picture into the runs."""
        for side in ("torch", "jaxstyle"):
            with Worker(side, self.settings, torch_python=self.options.torch_python) as worker:
                for run in runs.values():
                    if "picture" in run:
                        run[f"{side} value"] = worker.ask("value", image=run["picture"])
        for run in runs.values():
            run.pop("picture", None)


def reached(curve: list[tuple[float, int, float]], target: float) -> float | None:
    """Seconds until the total was at most the target."""
    return next((seconds for seconds, _, total in curve if total <= target), None)


def race(options: Any, folder: Path) -> dict[str, Any]:
    """All curves, the target and the ratios."""
    field = Race(folder, options)
    torch = {
        name: field.attempt("torch", name, iterations=options.iterations, line_search=search)
        for name, search in TORCH.items()
    }
    if not any(run["curve"] for run in torch.values()):
        raise SystemExit("PyTorch did not run, so there is no target: see --torch-python")
    target = min(run["curve"][-1][2] for run in torch.values() if run["curve"])
    seconds = min(time for run in torch.values() if (time := reached(run["curve"], target)) is not None)
    limits = {"target": target, "limit": options.patience * seconds, "most": options.most}
    runs = {name: field.attempt("jaxstyle", name, setting=SETTINGS[name], **limits) for name in options.only}
    arrived = {name: time for name, run in runs.items() if (time := reached(run["curve"], target)) is not None}
    if arrived:
        fastest = min(arrived, key=lambda name: arrived[name])
        again = field.attempt("jaxstyle", fastest, setting=SETTINGS[fastest], **limits)
        runs[f"{fastest}, second start"] = again
    everything = torch | {f"jaxstyle {name}": run for name, run in runs.items()}
    field.values(everything)
    for run in everything.values():
        run["seconds"] = reached(run["curve"], target)
        run["ratio"] = seconds / run["seconds"] if run["seconds"] else None
    version = next((run["torch"] for run in torch.values() if run.get("torch")), None)
    found = {"torch": version, "weights": field.made["weights"], "target": target, "seconds": seconds}
    return found | {"runs": everything}


def tables(result: dict[str, Any], options: Any) -> list[str]:
    """One row for each run."""
    size = f"{options.size}x{options.size}"
    text = f"{size}; weights: {result['weights']}; target total {result['target']:.6g}, {result['seconds']:.4g} s.\n"
    header = ("run", "s to target", "x torch", "steps or evaluations", "best total", "torch's value", "jaxstyle's")
    rows = []
    for name, run in result["runs"].items():
        _, steps, best = run["curve"][-1] if run["curve"] else (None, None, None)
        values = ((run.get(f"{side} value") or {}).get("total") for side in ("torch", "jaxstyle"))
        rows.append((name, run["seconds"], run["ratio"], steps, best and f"{best:.6g}", *values))
    return [text, report.table((*header, "failure"), [(*row, result["runs"][row[0]].get("failure")) for row in rows])]


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--weights", choices=("he", "imagenet"), default="he")
    parser.add_argument("--iterations", type=int, default=500, help="of PyTorch's L-BFGS")
    parser.add_argument("--most", type=int, default=3000, help="steps of jaxstyle's optimisers")
    parser.add_argument("--patience", type=float, default=2.0, help="times PyTorch's seconds, then a setting gives up")
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS), metavar="SETTING")
    options = parser.parse_args()
    if options.quick:
        options.size, options.iterations, options.patience = 32, 8, 30.0
        options.most = 100
    with tempfile.TemporaryDirectory() as folder:
        result = race(options, Path(folder))
    question = "How soon is the loss reached that PyTorch's L-BFGS has after 500 iterations?"
    name = "time_to_loss" + ("" if options.weights == "he" else f"_{options.weights}")
    report.write(name, question, result, tables(result, options), options)


if __name__ == "__main__":
    main()
