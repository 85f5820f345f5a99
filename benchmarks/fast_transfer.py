"""How many frames a second do the fast networks paint, against PyTorch and the TFLite runtime?

    python benchmarks/fast_transfer.py [--torch-python PATH] [--sizes 256 512] [--batches 1 8] [--only magenta johnson]

One pass of a network over square contents whose style's code is there already, as with a video's frames. Magenta is the
public pair of ../shared/data where it is, else left out; the others have seeded random weights: Johnson-type, AdaIN at
VGG19's full width, and AdaIN and WCT at a sixteenth of it. Contenders live in processes of their own and take turns,
round by round. Warm-up and compilation are not counted.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import problem
import report
from workers import HEAP, Worker, WorkerFailed

CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "jaxstyle": ("fast", {}),
    "jaxstyle, heap kept": ("fast", {"env": HEAP}),
    "torch channels-last": ("torch fast", {}),
    "torch contiguous": ("torch fast", {"channels_last": False}),
    "torch channels-last, heap kept": ("torch fast", {"env": HEAP}),
    "torch channels-last compiled": ("torch fast", {"compile": True}),
    "tflite": ("fast", {"file": None}),
}
QUICK = ("jaxstyle", "torch channels-last")
SMALL = (4, 8, 16, 32, 32)
PAIR = ("style_predict_quantized_256.tflite", "style_transfer_f16_384.tflite")
MAGENTA = problem.SHARED / "magenta"


def networks(quick: bool) -> dict[str, Any]:
    """{name: a function that gives the network}."""
    import jax

    from jaxstyle.feedforward import load_magenta
    from jaxstyle.feedforward.adain import AdaIN
    from jaxstyle.feedforward.coder import WIDTHS, Decoder, Encoder
    from jaxstyle.feedforward.johnson import Johnson
    from jaxstyle.feedforward.wct import WCT

    def coders(widths: Any, level: int) -> tuple[Any, Any]:
        keys = jax.random.split(jax.random.key(level))
        return Encoder.random(keys[0], widths=widths, level=level), Decoder.random(keys[1], widths=widths, level=level)

    def cascade() -> Any:
        there, back = zip(*(coders(SMALL, level) for level in range(1, 6)), strict=True)
        return WCT(there, back)

    found: dict[str, Any] = {"johnson": lambda: Johnson.random(0, width=8 if quick else 32).prepared()}
    found |= {"adain small": lambda: AdaIN(*coders(SMALL, 4)), "wct small": cascade}
    if not quick:
        found["adain"] = lambda: AdaIN(*coders(WIDTHS, 4))
    if MAGENTA.is_dir():
        found["magenta"] = lambda: load_magenta(*(MAGENTA / name for name in PAIR))
    return found


def write_problem(folder: Path, name: str, network: Any, size: int, batch: int) -> dict[str, str]:
    """The network's file and the arrays, for every side the same: {"network": path, "problem": path}."""
    from jaxstyle.feedforward.painter import takes_style
    from jaxstyle.feedforward.store import read_network

    kind, arrays, metadata = read_network(network.save(folder / f"{name}.safetensors"))
    style = problem.photograph(256, 1000) ** 1.5
    found: dict[str, Any] = {f"net/{key}": np.asarray(array, np.float32) for key, array in arrays.items()}
    found |= {"kind": np.array(kind), "style": style}
    found["content"] = np.stack([problem.photograph(size, seed) for seed in range(batch)])
    if kind != "wct" and takes_style(network):
        found["code"] = np.asarray(network.style_code(style))
    if kind == "magenta":
        found |= {key.replace("net/transfer/", "net/"): each for key, each in found.items() if "/transfer/" in key}
        found = {key: each for key, each in found.items() if "/transfer/" not in key and "/predict/" not in key}
    if kind == "adain":
        found |= {"matrix": np.asarray(network.encoder.matrix[...]), "offset": np.asarray(network.encoder.offset[...])}
        found["last_relu"] = np.array(metadata["last_relu4"] == "true")
    path = folder / f"{name}-{size}-{batch}.npz"
    np.savez(path, **found)
    return {"network": str(folder / f"{name}.safetensors"), "problem": str(path)}


class Turn:
    """A contender in one cell: its process, started when it is needed, and what it measured."""

    def __init__(self, name: str, given: Mapping[str, Any], options: Any):
        side, settings = CONTENDERS[name]
        self.name, self.side, self.options = name, side, options
        self.settings = {**settings, **given, "env": settings.get("env", {}) | given["env"]}
        if name == "tflite":
            self.settings |= {"file": str(MAGENTA / PAIR[1]), "threads": options.threads}
        self.worker: Worker | None = None
        self.described: dict[str, Any] = {}
        self.seconds: list[float] = []
        self.painted: np.ndarray | None = None
        self.failure: str | None = None
        self.calls = 1

    def measure(self, out: Path) -> None:
        """One turn, after a warm-up where the process is new."""
        if self.failure is not None:
            return
        try:
            if self.worker is None:
                self.worker = Worker(self.side, self.settings, torch_python=self.options.torch_python)
                self.described = self.worker.ready
                self.worker.ask("paint", out=str(out))
                self.painted = np.load(out)
                once = self.worker.ask("run", calls=1)["seconds"]
                self.calls = min(200, max(1, round(self.options.turn / once)))
            self.seconds.append(self.worker.ask("run", calls=self.calls)["seconds"] / self.calls)
        except WorkerFailed as error:
            self.failure = str(error)
            report.say(f"  {self.name}: {error}")
            self.stop()

    def stop(self) -> None:
        """End the process."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


def measure_cell(names: list[str], given: Mapping[str, Any], batch: int, options: Any, folder: Path) -> dict[str, Any]:
    """Every contender's frames a second, and the greatest difference of its pictures from jaxstyle's."""
    turns = [Turn(name, given, options) for name in names]
    for round in range(options.rounds):
        for turn in turns if round % 2 == 0 else turns[::-1]:
            turn.measure(folder / "painted.npy")
    for turn in turns:
        turn.stop()
    ours = next((turn.painted for turn in turns if turn.painted is not None), None)
    return {
        "frames per second": {
            turn.name: report.median_iqr([batch / each for each in turn.seconds]) if turn.seconds else None
            for turn in turns
        },
        "difference": {
            turn.name: float(np.abs(turn.painted - ours).max()) for turn in turns if turn.painted is not None
        },
        "samples": {turn.name: turn.seconds for turn in turns},
        "failures": {turn.name: turn.failure for turn in turns if turn.failure},
        "described": {turn.name: turn.described for turn in turns},
    }


def contenders(network: str, names: list[str]) -> list[str]:
    """Those that there are of a network."""
    if network == "wct small":
        return [name for name in names if name.startswith("jaxstyle")]
    return [name for name in names if name != "tflite" or network == "magenta"]


def tables(cells: list[dict[str, Any]]) -> list[str]:
    """One table for each network: frames per second, and how many times as many as the other sides' best."""
    found = []
    for network in dict.fromkeys(cell["network"] for cell in cells):
        rows = []
        for cell in (cell for cell in cells if cell["network"] == network):
            speed = cell["frames per second"]
            best = {side: _fastest(speed, side) for side in ("torch", "tflite")}
            for name, each in speed.items():
                times = [each["median"] / best[side] if each and best[side] else None for side in best]
                where = f"{cell['size']}², {cell['batch']}"
                rows.append((where, name, report.spread(each), *times, cell["difference"].get(name)))
        header = ("size, batch", "contender", "frames/s", "x best torch", "x tflite", "pictures differ by")
        found += [f"## {network}\n", report.table(header, rows)]
    failures = sorted({(name, why) for cell in cells for name, why in cell["failures"].items()})
    return [*found, *([report.table(("contender", "did not run"), failures)] if failures else [])]


def _fastest(speed: Mapping[str, Any], side: str) -> float | None:
    return max((each["median"] for name, each in speed.items() if each and name.startswith(side)), default=None)


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 384, 512, 1024])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--only", nargs="+", metavar="NETWORK", help="magenta, johnson, adain, ...")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, metavar="CONTENDER")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turn", type=float, default=1.5, help="seconds of one turn, at least one call")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of the TFLite runtime")
    parser.add_argument("--pixels", type=int, default=2 << 20, help="the most of a batch, in all its pictures")
    options = parser.parse_args()
    names = options.contenders or list(QUICK if options.quick else CONTENDERS)
    if options.quick:
        options.sizes, options.batches, options.rounds, options.turn = [32], [2], 1, 0.05
    found, cells = networks(options.quick), []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cache = {"JAX_COMPILATION_CACHE_DIR": str(folder / "jax"), "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch")}
        for network in options.only or list(found):
            made = found[network]()
            for size, batch in ((size, batch) for size in options.sizes for batch in options.batches):
                if batch > 1 and size * size * batch > options.pixels:
                    continue
                report.say(f"{network}, {size}x{size}, batch {batch}")
                given = write_problem(folder, network.replace(" ", "-"), made, size, batch) | {"env": cache}
                cell = measure_cell(contenders(network, names), given, batch, options, folder)
                cells.append({"network": network, "size": size, "batch": batch} | cell)
                Path(given["problem"]).unlink()
    described = [each for cell in cells for each in cell["described"].values()]
    versions = {name: next((each[name] for each in described if name in each), None) for name in ("torch", "tflite")}
    question = "How many frames a second do the fast networks paint, against PyTorch and the TFLite runtime?"
    report.write("fast_transfer", question, versions | {"cells": cells}, tables(cells), options)


if __name__ == "__main__":
    main()
