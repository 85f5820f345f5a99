"""How long is a step on an accelerator, how much of its peak is that, and does everything work there?

    python benchmarks/gpu.py --output FOLDER [--limit 520] [--torch-python PATH] [--quick]

One call of at most nine minutes. Each result is a line of FOLDER/gpu.jsonl as soon as it is there, the most important
first: what the limit cuts off is the end. TFLOP/s count convolutions, forward and to their inputs, and Gram matrices.
With --quick it is a rehearsal of small programs, which a CPU does too.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import report

LIMIT = 520.0


class Call:
    """The parts of one call: what each found is written at once, and none begins that has no time left.

    Attributes:
        folder: where the results are written.
        limit: seconds that all parts have together.
        quick: whether everything is small.
        found: the results so far.
    """

    def __init__(self, folder: Path, limit: float, quick: bool):
        self.folder, self.limit, self.quick, self.started = folder, limit, quick, time.time()
        self.found: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gpu.jsonl").unlink(missing_ok=True)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.limit - (time.time() - self.started)

    def record(self, part: str, **found: Any) -> None:
        """Write a result."""
        line = {"part": part, "at": round(time.time() - self.started, 1), **found}
        self.found.append(line)
        report.say(json.dumps(line, default=str)[:400])
        with (self.folder / "gpu.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def part(self, name: str, needs: float, measure: Callable[["Call"], Any]) -> None:
        """Do a part if it has the seconds it needs; an error is its result, and the next part begins."""
        if self.left < needs:
            self.record(name, skipped=f"{self.left:.0f} s are left, and it needs {needs:.0f}")
            return
        try:
            measure(self)
        except Exception as error:
            self.record(name, error=f"{type(error).__name__}: {error}"[:1500])


def main() -> None:
    """Do all parts, and write the table."""
    parser = report.parser(__doc__)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds")
    options = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # several processes share the device
    import jax

    import jaxstyle  # noqa: F401  (before JAX computes anything: it keeps a miscompilation out)

    if jax.default_backend() == "cpu" and not options.quick:
        print("no accelerator; --quick rehearses on a CPU")
        return
    from gpu_parts import PARTS

    call = Call(options.output or report.RESULTS / "gpu", options.limit, options.quick)
    for name, needs, measure in PARTS:
        call.part(name, 0 if options.quick else needs, lambda call, measure=measure: measure(call, options))
    call.record("end", seconds=round(time.time() - call.started, 1))
    steps = [each for each in call.found if each["part"] == "step" and "ms" in each]
    header = ("size", "batch", "numbers", "ms/step", "TFLOP/s", "of the product", "predicted MiB", "peak MiB", "graph")
    keys = ("size", "batch", "numbers", "ms", "tflops", "share", "predicted_mib", "peak_mib", "graph")
    table = report.table(header, [[each[key] for key in keys] for each in steps])
    others = [f"- {json.dumps(each, default=str)}" for each in call.found if each not in steps]
    question = "How long is a step on an accelerator, and how much of its peak is that?"
    report.write("gpu", question, {"parts": call.found}, [table, "\n".join(others)], options)


if __name__ == "__main__":
    main()
