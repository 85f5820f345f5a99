"""The parts of gpu.py. Each takes the call, which records what it finds, and the options of the command line."""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import problem
import report
from jax_side import Batch, make_model, make_objectives
from workers import Worker, WorkerFailed

from jaxstyle import Grid, Plan, run_sweep, stylize
from jaxstyle.cli.run_doctor import CHECKS
from jaxstyle.objective import presets
from jaxstyle.objective.plan import EXACT
from jaxstyle.transfer.result import versions

NO_GRAPH = {"xla_gpu_enable_command_buffer": ""}
WORK = Path(tempfile.mkdtemp(prefix="gpu-"))
PEAKS: dict[str, float] = {}
TORCH: tuple[tuple[int, dict[str, Any]], ...] = (
    (16, {"dtype": "bfloat16", "compile": True}),
    (16, {"dtype": "bfloat16"}),
    (1, {"dtype": "bfloat16", "compile": "reduce-overhead"}),
    (16, {}),
)


def timed(run: Callable[[], Any], repeat: int = 5) -> float:
    """Median seconds of a call, without the first."""
    jax.block_until_ready(run())
    found = []
    for _ in range(repeat):
        began = time.perf_counter()
        jax.block_until_ready(run())
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def memory(name: str) -> float:
    """MiB that the device's allocator says."""
    return (jax.devices()[0].memory_stats() or {}).get(name, 0) / 2**20


@cache
def made(size: int, batch: int, quick: bool) -> Path:
    """The file of a problem."""
    path = WORK / f"{size}-{batch}.npz"
    problem.make(path, size, batch=batch, narrow=8 if quick else 1)
    return path


def environment(call: Any, options: Any) -> None:
    """Device, versions, and a tanh, which needs CUDA's libdevice."""
    tanh = float(jnp.tanh(jnp.float32(1)))
    device, names = jax.devices()[0].device_kind, versions(jax.default_backend())
    call.record("environment", device=device, versions=names, mib=memory("bytes_limit"), tanh=tanh)


def peaks(call: Any, options: Any) -> None:
    """Matrix products of bfloat16, TF32 and float32, and a copy."""
    n = 512 if call.quick else 8192
    for name, dtype in (("bfloat16", "bfloat16"), ("tf32", "float32"), ("float32", "float32")):
        with jax.default_matmul_precision(EXACT if name == "float32" else "default"):
            a = jax.random.normal(jax.random.key(0), (n, n), dtype)
            scale = jnp.asarray(n**-0.5, dtype)
            run = jax.jit(lambda a, s=scale: jax.lax.fori_loop(0, 10, lambda i, b: a @ b * s, a))
            PEAKS[name] = 10 * 2 * n**3 / timed(partial(run, a)) / 1e12
    x, copy = jnp.ones((n, n, 4)), jax.jit(lambda x: x * 1.0001)
    call.record("peaks", tflops=PEAKS, copy_tb_s=2 * x.nbytes / timed(partial(copy, x)) / 1e12)


def doctor(call: Any, options: Any) -> None:
    """The questions of `jaxstyle doctor`."""
    with jax.default_matmul_precision(EXACT):
        found = [check() for check in CHECKS]
    call.record("doctor", passed=all(each.passed for each in found), checks=[each._asdict() for each in found])


def suite(call: Any, options: Any) -> None:
    """The tests that are marked `device`, at full precision."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2" if call.quick else "6", "-m", "device"]
    command += ["-p", "no:cacheprovider", "-W", "default", "tests/networks/test_pooling.py" if call.quick else "tests"]
    settings = {"JAX_DEFAULT_MATMUL_PRECISION": EXACT, "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
    done = subprocess.run(
        command, cwd=report.ROOT, env=os.environ | settings, capture_output=True, encoding="utf-8", timeout=100
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    call.record("suite", end=done.stdout.strip().splitlines()[-1:], failed=failed[:20])


def step(size: int, batch: int, numbers: str, call: Any, options: Any, *, graph: bool = True) -> None:
    """One step of Adam; numbers: "bfloat16", "tf32" or "float32". The same bits twice?"""
    size, batch = (64, min(batch, 2)) if call.quick else (size, batch)
    plan = {"conv": "exact", "dtype": "bfloat16" if numbers == "bfloat16" else "float32"}
    plan |= {"precision": "exact" if numbers == "float32" else "fast"}
    given = problem.load(made(size, 1, call.quick))
    (objective,) = make_objectives(make_model(given), given, plan)
    noise = np.random.default_rng(0).normal(0, 0.02, (batch, *given["probe"][0].shape))
    turn = Batch([objective] * batch, (given["probe"] + noise).clip(0, 1).astype(np.float32))
    compiled = turn.lowered().compile(compiler_options=None if graph or call.quick else NO_GRAPH)
    count = 2 if call.quick else max(5, min(100, 320 // batch))
    seconds = timed(lambda: compiled(turn.state, turn.objective, np.int32(count))) / count
    first, again = (compiled(turn.state, turn.objective, np.int32(count))[0].parameters for _ in range(2))
    analysis = compiled.memory_analysis()
    predicted = sum(getattr(analysis, f"{part}_size_in_bytes") for part in ("temp", "argument", "output"))
    tflops = batch * problem.step_flops(size, 8 if call.quick else 1) / seconds / 1e12
    call.record(
        "step",
        size=size,
        batch=batch,
        numbers=numbers,
        graph=graph,
        ms=1e3 * seconds,
        tflops=tflops,
        share=tflops / PEAKS.get(numbers, float("nan")),
        predicted_mib=predicted / 2**20,
        peak_mib=memory("peak_bytes_in_use"),
        same_bits=bool((np.asarray(first) == np.asarray(again)).all()),
    )


def torch(call: Any, options: Any) -> None:
    """PyTorch's step of the same problem, channels-last, eager and compiled; a compilation may take a minute."""
    size = 64 if call.quick else 512
    for batch, settings in TORCH[:1] if call.quick else TORCH:
        if call.left < 150 and not call.quick:
            call.record("torch", skipped=f"{settings}, batch {batch}")
            continue
        given = settings | {"problem": str(made(size, batch, call.quick)), "device": "cpu" if call.quick else "cuda"}
        timer = None
        try:
            with Worker("torch", given, torch_python=options.torch_python) as worker:
                timer = threading.Timer(min(75, call.left - 100), worker.process.kill)
                timer.start()
                worker.ask("run", steps=2)
                samples = [worker.ask("run", steps=10)["seconds"] / 10 for _ in range(5)]
            call.record("torch", size=size, batch=batch, settings=settings, ms=1e3 * statistics.median(samples))
        except WorkerFailed as error:
            call.record("torch", size=size, batch=batch, settings=settings, error=str(error)[-300:])
        finally:
            if timer is not None:
                timer.cancel()


def sweep(call: Any, options: Any) -> None:
    """64 cells in one program against one picture at a time."""
    size, steps, weights = (32, 2, 1) if call.quick else (256, 40, 4)
    model = make_model(problem.load(made(64, 1, call.quick)))
    recipe = replace(presets.default(), pyramid=None)
    pictures = [problem.photograph(size, seed) for seed in range(8)]
    contents = {f"c{i}": picture for i, picture in enumerate(pictures[:4])}
    styles = {f"s{i}": picture for i, picture in enumerate(pictures[4:])}
    plan = Plan(conv="exact", dtype="bfloat16")
    grid = Grid(contents, styles, recipe=recipe, style_weight=[10.0 + i for i in range(weights)], steps=steps)
    for attempt in ("cold", "warm"):
        began = time.time()
        with tempfile.TemporaryDirectory() as folder:
            counts = run_sweep(grid, folder, model=model, plan=plan, metrics=False).counts
        call.record("sweep", attempt=attempt, cells=16 * weights, seconds=time.time() - began, counts=counts)
    alone = []
    for i in range(2 if call.quick else 5):
        began = time.time()
        stylize(
            pictures[i % 4],
            pictures[4 + i % 4],
            model=model,
            recipe=replace(recipe, pyramid=None),
            plan=plan,
            steps=steps,
        )
        alone.append(time.time() - began)
    call.record("one at a time", first=alone[0], others=alone[1:])


def huge(call: Any, options: Any) -> None:
    """The largest picture, in bands, in a process of its own, which gives its memory back: gpu_huge.py."""
    fraction = ".80" if "H100" in jax.devices()[0].device_kind else ".75"
    settings = {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", "XLA_PYTHON_CLIENT_MEM_FRACTION": fraction}
    numbers = ("512", "64", "8") if call.quick else ("16384", "1024", "1")
    command = [sys.executable, str(Path(__file__).with_name("gpu_huge.py")), *numbers]
    done = subprocess.run(
        command, env=os.environ | settings, capture_output=True, encoding="utf-8", timeout=max(60, call.left)
    )
    call.record("huge", found=done.stdout.strip() or done.stderr[-800:])


PARTS: tuple[tuple[str, float, Callable[..., None]], ...] = (
    ("environment", 5, environment),
    ("peaks", 20, peaks),
    ("doctor", 40, doctor),
    ("step", 60, partial(step, 512, 16, "bfloat16")),
    ("step", 60, partial(step, 512, 1, "bfloat16")),
    ("step", 60, partial(step, 512, 1, "bfloat16", graph=False)),
    ("suite", 280, suite),
    ("torch", 150, torch),
    ("sweep", 100, sweep),
    ("huge", 80, huge),
    ("step", 40, partial(step, 256, 1, "bfloat16")),
    ("step", 40, partial(step, 512, 16, "tf32")),
    ("step", 40, partial(step, 512, 4, "bfloat16")),
    ("step", 40, partial(step, 1024, 1, "bfloat16")),
    ("step", 40, partial(step, 1024, 4, "bfloat16")),
    ("step", 40, partial(step, 256, 16, "bfloat16")),
    ("step", 40, partial(step, 512, 1, "float32")),
)
