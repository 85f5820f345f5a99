"""Which algorithm is fastest for each convolution of VGG19, and how exact is it?

    python benchmarks/conv_algorithms.py [--size 256]

Each layer's shape at one picture size: forward, and forward with input gradient, in turns; errors against float64.
GFLOP/s count the direct convolution's operations for every algorithm, beside a measured matrix product's.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import problem
import report

from jaxstyle.networks.conv import conv3x3_relu
from jaxstyle.networks.winograd import transform_kernel

ALGORITHMS = ("exact", "winograd")
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def prepare(algorithm: str, kernel: np.ndarray) -> Any:
    """What the algorithm makes of a kernel beforehand; None for nothing."""
    return jnp.asarray(transform_kernel(kernel)) if algorithm == "winograd" else None


@jax.jit
def forward(x: jax.Array, kernel: jax.Array, bias: jax.Array, prepared: Any) -> jax.Array:
    """The convolution as jaxstyle calls it."""
    return conv3x3_relu(x, kernel, bias, padding="zero", transformed=prepared)


@jax.jit
def both(x: jax.Array, kernel: jax.Array, bias: jax.Array, prepared: Any, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The convolution and its input gradient."""
    y, back = jax.vjp(lambda x: forward(x, kernel, bias, prepared), x)
    return y, back(dy)[0]


@jax.jit
def oracle(x: jax.Array, kernel: jax.Array, bias: jax.Array, dy: jax.Array, kept: jax.Array) -> tuple:
    """XLA's convolution and the gradient of the pixels that `kept` lets through, in the arguments' precision."""

    def convolve(x: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(x[None], kernel, (1, 1), "SAME", dimension_numbers=DIMENSIONS)[0] + bias

    y, back = jax.vjp(convolve, x)
    return jax.nn.relu(y), back(jnp.where(kept, dy, 0))[0]


def measure(names: list[str], shape: tuple[int, int, int], options: Any) -> dict[str, Any]:
    """One shape, and the layers that have it: seconds and errors of every algorithm."""
    edge, before, after = shape
    random = np.random.default_rng(0)
    x = np.maximum(random.standard_normal((edge, edge, before), np.float32), 0)
    kernel = random.standard_normal((3, 3, before, after), np.float32) * np.float32(np.sqrt(2 / (9 * before)))
    bias, dy = np.zeros(after, np.float32), random.standard_normal((edge, edge, after), np.float32)
    arguments = {each: (*map(jnp.asarray, (x, kernel, bias)), prepare(each, kernel)) for each in ALGORITHMS}
    calls: dict[str, Callable[[], Any]] = {}
    for each in ALGORITHMS:
        calls[f"{each} forward"] = partial(forward, *arguments[each])
        calls[f"{each} both"] = partial(both, *arguments[each], jnp.asarray(dy))
    seconds = take_turns(calls, options.rounds, options.turn)
    errors = {each: errors_of(arguments[each], dy) for each in ALGORITHMS}
    flops = 2 * 9 * edge * edge * before * after
    return {"layers": names, "shape": shape, "flops": flops, "seconds": seconds, "errors": errors}


def errors_of(arguments: tuple, dy: np.ndarray) -> dict[str, float]:
    """Relative L2 and the worst error over the largest value; the gradient through the same pixels of the ReLU."""
    y, dx = (np.asarray(array, np.float64) for array in both(*arguments, jnp.asarray(dy)))
    with jax.enable_x64(True):
        wide = [jnp.asarray(np.asarray(array), jnp.float64) for array in (*arguments[:3], dy)]
        exact = [np.asarray(array) for array in oracle(*wide, jnp.asarray(y > 0))]
    found = {}
    for name, got, wanted in (("forward", y, exact[0]), ("gradient", dx, exact[1])):
        found[f"{name} L2"] = float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
        found[f"{name} worst"] = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    return found


def take_turns(calls: dict[str, Callable[[], Any]], rounds: int, turn: float) -> dict[str, dict[str, float]]:
    """Seconds per call, alternating; a warm-up first says how many calls fill a turn."""
    counts = {}
    for name, call in calls.items():
        jax.block_until_ready(call())
        counts[name] = max(1, round(turn / max(clock(call, 1), 1e-6)))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            samples[name].append(clock(call, counts[name]))
    return {name: report.median_iqr(values) for name, values in samples.items()}


def clock(call: Callable[[], Any], count: int) -> float:
    """Seconds per call."""
    started = time.perf_counter()
    for _ in range(count):
        result = call()
    jax.block_until_ready(result)
    return (time.perf_counter() - started) / count


def peak(size: int, rounds: int) -> float:
    """GFLOP/s of a square float32 matrix product, the best of some."""
    a = jnp.asarray(np.random.default_rng(0).standard_normal((size, size), np.float32))
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(a, a))
    return 2 * size**3 / min(clock(lambda: multiply(a, a), 1) for _ in range(rounds)) / 1e9


def tables(layers: list[dict[str, Any]], gflops: float) -> list[str]:
    """Times and errors of each shape, and the sums over all layers."""
    names = list(layers[0]["seconds"])
    sums = {name: sum(len(e["layers"]) * e["seconds"][name]["median"] for e in layers) for name in names}
    header = ("layers", "shape", *(f"{name} ms" for name in sums), *(f"{each} GFLOP/s" for each in ALGORITHMS))
    rows = []
    for layer in layers:
        times = [layer["seconds"][name] for name in sums]
        speeds = [layer["flops"] / layer["seconds"][f"{each} forward"]["median"] / 1e9 for each in ALGORITHMS]
        ms = [report.spread({key: 1e3 * value for key, value in each.items()}) for each in times]
        rows.append((" ".join(layer["layers"]), layer["shape"], *ms, *speeds))
    rows.append(("all", "", *(1e3 * value for value in sums.values()), None, None))
    found = [f"Matrix product: {gflops:.0f} GFLOP/s.\n", report.table(header, rows), "## Errors against float64\n"]
    kinds = list(layers[0]["errors"]["exact"])
    header = ("layers", *(f"{each} {kind}" for each in ALGORITHMS for kind in kinds))
    rows = []
    for layer in layers:
        errors = (layer["errors"][each][kind] for each in ALGORITHMS for kind in kinds)
        rows.append((" ".join(layer["layers"]), *errors))
    return [*found, report.table(header, rows)]


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=256, help="edge of the picture")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turn", type=float, default=0.2, help="seconds of one turn")
    options = parser.parse_args()
    if options.quick:
        options.size, options.rounds, options.turn = 32, 2, 0.001
    named: dict[tuple[int, int, int], list[str]] = {}
    for name, shape in problem.shapes(options.size, 8 if options.quick else 1).items():
        named.setdefault(shape, []).append(f"conv{name}")
    if options.quick:
        named = dict(list(named.items())[:2])
    gflops = peak(256 if options.quick else 2048, 5)
    layers = [measure(names, shape, options) for shape, names in named.items()]
    result = {"matmul GFLOP/s": gflops, "layers": layers}
    question = "Which algorithm is fastest for each convolution of VGG19, and how exact is it?"
    report.write("conv_algorithms", question, result, tables(layers, gflops), options)


if __name__ == "__main__":
    main()
