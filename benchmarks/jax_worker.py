"""jaxstyle's side: answers `workers.Worker`. Not run by hand."""

import math
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax_side import Batch, make_model, make_objectives, predicted_memory, value_and_gradient
from problem import load
from workers import memory, serve

from jaxstyle import optimize
from jaxstyle.optimize.optimizers import LBFGS, Adam

EVERY = 10


class Side:
    """The objectives and pictures, as the settings want them: problem, plan."""

    def __init__(self, settings: dict[str, Any]):
        jax.devices()
        self.imported = memory()["rss"]
        self.problem = load(settings["problem"])
        self.plan = settings.get("plan", {})
        model = make_model(self.problem)
        jax.block_until_ready(jax.tree.leaves(model))
        self.objectives = make_objectives(model, self.problem, self.plan)
        self.batch = Batch(self.objectives, self.problem["probe"])

    def describe(self) -> dict[str, Any]:
        """Version and device."""
        device = jax.devices()[0].device_kind
        return {"jax": jax.__version__, "device": device, "imported": self.imported}

    def run(self, steps: int) -> dict[str, Any]:
        """Optimise for some steps: seconds, and the total before the last of them."""
        started = time.perf_counter()
        totals = self.batch.run(steps)
        return {"seconds": time.perf_counter() - started, "total": float(totals.sum())}

    def gradient(self, out: str) -> dict[str, Any]:
        """The total and, written to `out` as (b, h, w, 3), its gradient at the problem's probe."""
        pairs = zip(self.objectives, self.problem["probe"], strict=True)
        found = [value_and_gradient(objective, image) for objective, image in pairs]
        np.save(out, np.stack([gradient for _, gradient in found]).astype(np.float64))
        return {"total": float(sum(total for total, _ in found))}

    def value(self, image: str) -> dict[str, Any]:
        """The total of a picture (h, w, 3) in a file, as it is and clipped to [0, 1]."""
        picture = np.load(image)
        plain, clipped = (float(self.objectives[0](jnp.asarray(p))[0]) for p in (picture, picture.clip(0, 1)))
        return {"total": plain, "clipped": clipped}

    def analysis(self) -> dict[str, Any]:
        """What the compiler says of the step's memory, in MiB."""
        found = self.batch.lowered().compile().memory_analysis()
        names = ("temp_size_in_bytes", "argument_size_in_bytes", "output_size_in_bytes")
        return {name.removesuffix("_in_bytes"): getattr(found, name) / 2**20 for name in names}

    def predicted(self) -> dict[str, Any]:
        """The plan's own estimate of its peak in MiB, where there is one."""
        arrays = jax.tree.leaves((self.batch.state, self.objectives[0]))
        held = sum(leaf.nbytes for leaf in arrays) / 2**20
        return {"predicted": predicted_memory(self.problem, self.plan), "held": held}

    def matmul_peak(self, size: int, dtype: str) -> dict[str, Any]:
        """Measured TFLOP/s of a square matrix product, the best of ten."""
        a = jax.random.normal(jax.random.key(0), (size, size), dtype)
        multiply = jax.jit(lambda a: a @ a)
        times = []
        for _ in range(11):
            started = time.perf_counter()
            multiply(a).block_until_ready()
            times.append(time.perf_counter() - started)
        return {"tflops": 2 * size**3 / min(times[1:]) / 1e12}

    def descend(self, out: str, setting: dict[str, Any], target: float, limit: float, most: int) -> dict[str, Any]:
        """From the content until the total is at most `target`: [(time, steps, total)] of every best so far.

        Adam clips to [0, 1], and its learning rate may fall as half a cosine to a hundredth; L-BFGS does neither.
        """
        began, curve, best, steps = time.time(), [], float("inf"), 0
        quasi = setting["optimizer"] == "lbfgs"
        optimizer: Any = LBFGS(**setting["options"]) if quasi else Adam(**setting["options"])
        state = optimize.init(jnp.asarray(self.problem["content"][0]), optimizer)
        while steps < most and best > target and time.time() - began < limit and bool(state.finite):
            if not quasi:
                optimizer = Adam(setting["options"]["learning_rate"] * _decay(steps, setting.get("cosine")))
            state, info = optimize.run(state, self.objectives[0], optimizer, EVERY, average=0.0, clip=not quasi)
            steps += EVERY
            lowest = float(jnp.nanmin(info.total))
            if lowest < best:
                best = lowest
                curve.append((time.time(), steps, best))
        np.save(out, np.asarray(state.parameters))
        return {"curve": curve, "ended": time.time(), "steps": steps}


def _decay(step: int, over: int | None) -> float:
    """What the learning rate is multiplied by: 1 at first, half a cosine down to 0.01 after `over` steps."""
    return 1.0 if over is None else max(0.01, 0.5 * (1 + math.cos(math.pi * min(step, over) / over)))


def prepare(settings: dict[str, Any]) -> dict[str, Any]:
    """{command: function}."""
    side = Side(settings)
    names = ("describe", "run", "gradient", "value", "analysis", "predicted", "matmul_peak", "descend")
    return {name: getattr(side, name) for name in names}


if __name__ == "__main__":
    serve(prepare)
