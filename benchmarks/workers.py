"""Contenders in processes of their own: a line of JSON asks, a line of JSON answers. Standard library only.

Each side keeps its own allocator, thread pool and interpreter, and none warms another's caches.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = {
    "jaxstyle": "jax_worker.py",
    "torch": "torch_worker.py",
    "fast": "fast_worker.py",
    "torch fast": "torch_fast.py",
}
HEAP = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TOP_PAD_": str(2**26),
    "MALLOC_ARENA_MAX": "1",
}
"""glibc keeps what was freed: a third fewer page faults for programs that map large buffers at each step."""


class WorkerFailed(RuntimeError):
    """A worker answered with an error or died; the message says which."""


class Worker:
    """A process that answers requests; the keyword arguments of `ask` are the command's."""

    def __init__(self, side: str, settings: Mapping[str, Any], *, torch_python: str = sys.executable):
        self.started = time.time()
        python = torch_python if side.startswith("torch") else sys.executable
        path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
        given = os.environ | {"PYTHONPATH": path} | dict(settings.get("env", {}))
        if settings.get("device", "cpu") == "cpu":
            given |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(HERE / SCRIPTS[side]), json.dumps(dict(settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=given,
            encoding="utf-8",
        )
        try:
            self.ready = self._answer()
        except WorkerFailed:
            self.stop()
            raise

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request. Raises WorkerFailed."""
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it died: `_answer` says how
            self.process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self.process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin and self.process.stdout
        self.process.stdout.close()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            last = [text for text in self.errors.read().splitlines() if text.strip()][-1:]
            raise WorkerFailed(f"the process ended with code {code}: {' '.join(last)[:300]}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer


def serve(prepare: Callable[[dict[str, Any]], Mapping[str, Callable[..., dict[str, Any]]]]) -> None:
    """A worker's main: `prepare(settings)` gives {command: function}; answer requests until the input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer

    def reply(make: Callable[[], dict[str, Any]]) -> None:
        try:
            answer = make()
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error).strip()[:300]}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()

    commands: dict[str, Callable[..., dict[str, Any]]] = {"memory": memory, "forget_peak": forget_peak}

    def start() -> dict[str, Any]:
        commands.update(prepare(json.loads(sys.argv[1])))
        return commands["describe"]()

    reply(start)
    for line in sys.stdin:
        request = json.loads(line)
        reply(lambda request=request: commands[request.pop("do")](**request))


def forget_peak() -> dict[str, float]:
    """Begin a new peak, where Linux lets a process do so; the memory before it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return memory()


def memory() -> dict[str, float]:
    """This process's memory in MiB: resident now, its peak, and the peak that getrusage tells."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = {line.split(":")[0]: line.split()[1] for line in status if line.startswith("Vm")}
    return {
        "rss": int(fields["VmRSS"]) / 1024,
        "peak": int(fields["VmHWM"]) / 1024,
        "maxrss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
