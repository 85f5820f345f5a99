"""PyTorch's side: answers `workers.Worker`. Not run by hand."""

import time
from typing import Any

import numpy as np
import torch
from problem import ADAM, AVERAGE, load
from torch_vgg import Objective
from workers import memory, serve


class Side:
    """The objective, the picture and torch.optim.Adam, as the settings want them."""

    def __init__(self, settings: dict[str, Any]):
        if settings.get("device") == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32, as JAX does by default
        self.settings = settings
        self.imported = memory()["rss"]
        problem = load(settings["problem"])
        self.objective = Objective(problem, settings)
        self.loss = self.objective
        if settings.get("compile"):
            mode = settings["compile"] if isinstance(settings["compile"], str) else None
            self.loss = torch.compile(self.objective, mode=mode)
        self.problem = problem
        self.image = self.objective.image(problem["probe"]).clone().requires_grad_()
        self.average = self.image.detach().clone()
        betas = ADAM["b1"], ADAM["b2"]
        self.adam = torch.optim.Adam([self.image], lr=ADAM["learning_rate"], betas=betas, eps=ADAM["eps"], fused=True)

    def describe(self) -> dict[str, Any]:
        """Version, threads and device."""
        device = torch.cuda.get_device_name() if self.settings.get("device") == "cuda" else "cpu"
        found = {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": device}
        return found | {"imported": self.imported}

    def run(self, steps: int) -> dict[str, Any]:
        """Optimise for some steps: seconds, and the total before the last of them."""
        started = time.perf_counter()
        for _ in range(steps):
            self.adam.zero_grad(set_to_none=True)
            total = self.loss(self.image)
            total.backward()
            self.adam.step()
            with torch.no_grad():
                self.image.clamp_(0, 1)
                self.average.lerp_(self.image, 1 - AVERAGE)
        self._wait()
        return {"seconds": time.perf_counter() - started, "total": total.item()}

    def gradient(self, out: str) -> dict[str, Any]:
        """The total and, written to `out` as (b, h, w, 3), its gradient at the problem's probe."""
        image = self.objective.image(self.problem["probe"]).clone().requires_grad_()
        total = self.loss(image)
        (found,) = torch.autograd.grad(total, image)
        np.save(out, found.permute(0, 2, 3, 1).double().cpu().numpy())
        return {"total": total.item()}

    def value(self, image: str) -> dict[str, Any]:
        """The total of a picture (h, w, 3) in a file, as it is and clipped to [0, 1]."""
        picture = np.load(image)[None]
        with torch.no_grad():
            plain, clipped = (self.objective(self.objective.image(p)).item() for p in (picture, picture.clip(0, 1)))
        return {"total": plain, "clipped": clipped}

    def descend(self, out: str, iterations: int, line_search: str | None) -> dict[str, Any]:
        """L-BFGS from the content: [(time, evaluations, total)] of every evaluation that is the best so far."""
        # Its L-BFGS takes contiguous pictures only; the network still runs in its own memory format.
        image = self.objective.image(self.problem["content"]).contiguous().requires_grad_()
        common = {"lr": 1, "max_iter": iterations, "max_eval": 25 * iterations, "history_size": 100}
        optimizer = torch.optim.LBFGS(
            [image], **common, tolerance_grad=-1, tolerance_change=-1, line_search_fn=line_search
        )
        curve, evaluations, best = [], 0, float("inf")

        def closure() -> torch.Tensor:
            nonlocal evaluations, best
            optimizer.zero_grad()
            total = self.loss(image)
            total.backward()
            evaluations += 1
            if total.item() < best:
                best = total.item()
                curve.append((time.time(), evaluations, best))
            return total

        optimizer.step(closure)
        np.save(out, image.detach()[0].permute(1, 2, 0).float().cpu().numpy())
        return {"curve": curve, "ended": time.time(), "evaluations": evaluations}

    def _wait(self) -> None:
        if self.settings.get("device") == "cuda":
            torch.cuda.synchronize()


def prepare(settings: dict[str, Any]) -> dict[str, Any]:
    """{command: function}."""
    side = Side(settings)
    names = ("describe", "run", "gradient", "value", "descend")
    return {name: getattr(side, name) for name in names}


if __name__ == "__main__":
    serve(prepare)
