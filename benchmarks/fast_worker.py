"""jaxstyle's fast networks and the TFLite runtime: answers `workers.Worker`. Not run by hand."""

import time
from importlib.metadata import version
from typing import Any

import numpy as np
from problem import load
from workers import serve


class Jaxstyle:
    """A saved network, its contents and the code of its style."""

    def __init__(self, settings: dict[str, Any]):
        import jax.numpy as jnp

        from jaxstyle import load_fast
        from jaxstyle.feedforward.painter import takes_style

        problem = load(settings["problem"])
        self.network = load_fast(settings["network"])
        content = jnp.asarray(problem["content"])
        self.content = content[0] if len(content) == 1 else content
        self.code = self.network.style_code(problem["style"]) if takes_style(self.network) else ()

    def describe(self) -> dict[str, Any]:
        """Version and device."""
        import jax

        return {"jax": jax.__version__, "device": jax.devices()[0].device_kind}

    def run(self, calls: int) -> dict[str, Any]:
        """Paint all contents so many times: seconds."""
        started = time.perf_counter()
        for _ in range(calls):
            self.network(self.content, self.code).block_until_ready()
        return {"seconds": time.perf_counter() - started}

    def paint(self, out: str) -> dict[str, Any]:
        """Write what is painted to `out` as (n, h, w, 3)."""
        painted = np.asarray(self.network(self.content, self.code))
        np.save(out, painted.reshape(-1, *painted.shape[-3:]))
        return {}


class TFLite:
    """The transformer's file in the runtime that it was made for, one picture after the other."""

    def __init__(self, settings: dict[str, Any]):
        from ai_edge_litert.interpreter import Interpreter

        problem = load(settings["problem"])
        self.threads, self.content = settings["threads"], problem["content"]
        self.interpreter = Interpreter(settings["file"], num_threads=self.threads)
        self.interpreter.allocate_tensors()
        self.inputs = {len(each["name"]): each for each in self.interpreter.get_input_details()}
        code = next(each for each in self.inputs.values() if each["shape"][-1] == problem["code"].size)
        self.picture = next(each for each in self.inputs.values() if each is not code)
        if tuple(self.picture["shape"]) != (1, *self.content.shape[1:]):
            raise RuntimeError(f"the file is for pictures of {self.picture['shape'][1:3]} alone")
        self.interpreter.set_tensor(code["index"], problem["code"].reshape(code["shape"]))

    def describe(self) -> dict[str, Any]:
        """Version and threads."""
        return {"tflite": version("ai-edge-litert"), "threads": self.threads, "device": "cpu"}

    def run(self, calls: int) -> dict[str, Any]:
        """Paint all contents so many times: seconds."""
        started = time.perf_counter()
        for _ in range(calls):
            self._painted()
        return {"seconds": time.perf_counter() - started}

    def paint(self, out: str) -> dict[str, Any]:
        """Write what is painted to `out` as (n, h, w, 3)."""
        np.save(out, np.stack(self._painted()))
        return {}

    def _painted(self) -> list[np.ndarray]:
        found = []
        for content in self.content:
            self.interpreter.set_tensor(self.picture["index"], content[None])
            self.interpreter.invoke()
            found.append(self.interpreter.get_tensor(self.interpreter.get_output_details()[0]["index"])[0])
        return found


def prepare(settings: dict[str, Any]) -> dict[str, Any]:
    """{command: function}."""
    side = TFLite(settings) if "file" in settings else Jaxstyle(settings)
    return {name: getattr(side, name) for name in ("describe", "run", "paint")}


if __name__ == "__main__":
    serve(prepare)
