"""Train the network that is shipped with jaxstyle, and write it as float16.

    python weights/train_embedded.py [--steps 1600] [--output jaxstyle/weights/embedded.safetensors]

A VGG19 of reduced widths learns from scratch from pictures made up by programs and from the photographs that
scikit-image ships, by `pretext`'s tasks. No other network takes part. Afterwards normalisation is folded into
kernels and biases, and each layer scaled to a mean activation of 1 on the photographs. The same command gives the same
file on the same platform, number of cores and versions; the file says which.
"""

import argparse
import hashlib
import json
import platform
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pretext
from made_up import made_up
from photographs import photographs, tiles

from jaxstyle.image import resize
from jaxstyle.weights.layout import CONVOLUTIONS, Weights
from jaxstyle.weights.random_features import INPUT
from jaxstyle.weights.store import write_weights

MADE_UP, TILE = 1600, 96
RATE, DECAY = 3e-3, 1e-3
PHOTOGRAPH = 256  # pixels a side, for calibration
LICENCE = "MIT"
DATA = "made-up pictures of weights/made_up.py; scikit-image's photographs, CC0 or public domain"


def main() -> None:
    """Train, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--output", type=Path, default=Path("jaxstyle/weights/embedded.safetensors"))
    options = parser.parse_args()
    started = time.perf_counter()
    banks = jnp.stack([made_up(seed, TILE) for seed in range(MADE_UP)]), jnp.asarray(tiles(TILE))
    parameters, log = train(banks, options.steps)
    arrays = calibrated(parameters, banks)
    summary = {
        "steps": options.steps,
        "pictures": f"{len(banks[0])} made-up, {len(banks[1])} tiles of photographs",
        "seconds": round(time.perf_counter() - started),
        "platform": f"{platform.machine()}, {jax.devices()[0].platform}, {len(jax.devices())} device",
        "versions": {"jax": jax.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "log": log,
    }
    print(write(options.output, arrays, summary))


def train(banks: tuple[jax.Array, jax.Array], steps: int) -> tuple[pretext.Parameters, list[dict[str, Any]]]:
    """AdamW, the rate warmed up and then lowered along a cosine; the parameters, and ten lines of how it went."""
    warm = min(30, steps // 10)
    rate = optax.warmup_cosine_decay_schedule(0.0, RATE, warm, steps, RATE / 50)
    optimizer = optax.adamw(rate, weight_decay=DECAY)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(parameters: Any, state: Any, key: jax.Array, banks: Any) -> tuple[Any, Any, jax.Array, Any]:
        value_and_gradient = jax.value_and_grad(pretext.loss, has_aux=True)
        (value, found), gradient = value_and_gradient(parameters, pretext.sample(key, *banks))
        updates, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, value, found

    parameters = pretext.init(jax.random.key(0))
    state, key, log, since = optimizer.init(parameters), jax.random.key(1), [], []
    for number, report in zip(range(steps), reporting(steps), strict=True):
        parameters, state, value, found = step(parameters, state, jax.random.fold_in(key, number), banks)
        since.append((value, found))
        if report:
            log.append(summed_up(number + 1, since))
            print(json.dumps(log[-1]), file=sys.stderr, flush=True)
            since = []
    return parameters, log


def reporting(steps: int) -> Iterator[bool]:
    """Whether to report after each step: ten times in all."""
    return ((10 * (n + 1)) // steps > (10 * n) // steps for n in range(steps))


def summed_up(step: int, since: list[Any]) -> dict[str, Any]:
    """Means since the last report: the loss; of each head, the pairs told apart, what it cannot redraw, its variety."""
    value = float(np.mean([float(value) for value, _ in since]))
    heads = {name: np.mean([np.asarray(found[name], float) for _, found in since], 0).round(3) for name in since[0][1]}
    return {"step": step, "loss": round(value, 3), "heads": {name: each.tolist() for name, each in heads.items()}}


def calibrated(parameters: pretext.Parameters, banks: tuple[jax.Array, jax.Array]) -> dict[str, np.ndarray]:
    """Kernels and biases, as float16: batch normalisation folded in, then a mean activation of 1 on photographs.

    Normalisation is by tiles of both banks, each layer seeing what the rounded ones before it give.
    """
    made, real = banks
    some = np.concatenate([np.asarray(made[::40]), np.asarray(real[:: max(1, len(real) // 40)])])
    x, arrays = inputs(some / 255), {}
    whole = inputs(np.stack([resize(square(picture), (PHOTOGRAPH, PHOTOGRAPH)) for picture in photographs()]))
    for name in CONVOLUTIONS:
        if pretext.starts_block(name):
            x, whole = pretext.pooled(x), pretext.pooled(whole)
        kernel, scale, shift = (parameters[name][key] for key in ("kernel", "scale", "shift"))
        y = pretext.convolve(x, kernel)
        factor = scale * jax.lax.rsqrt(y.var((0, 1, 2)) + 1e-5)
        kernel, bias = kernel * factor, shift - y.mean((0, 1, 2)) * factor
        mean = jax.nn.relu(pretext.convolve(whole, kernel) + bias).mean()
        kernel, bias = ((each / mean).astype(jnp.float16) for each in (kernel, bias))
        arrays |= {f"{name}/kernel": np.asarray(kernel), f"{name}/bias": np.asarray(bias)}
        x, whole = (jax.nn.relu(pretext.convolve(each, kernel.astype(jnp.float32)) + bias) for each in (x, whole))
    return arrays


def inputs(pictures: np.ndarray) -> jax.Array:
    """What the first layer takes."""
    return jnp.asarray(pictures, jnp.float32) @ jnp.asarray(INPUT.matrix) + jnp.asarray(INPUT.offset)


def square(picture: np.ndarray) -> np.ndarray:
    """Its middle."""
    edge = min(picture.shape[:2])
    top, left = (picture.shape[0] - edge) // 2, (picture.shape[1] - edge) // 2
    return picture[top : top + edge, left : left + edge].astype(np.float32)


def write(path: Path, arrays: dict[str, np.ndarray], summary: dict[str, Any]) -> str:
    """The file, with how it came about in its metadata; the hash of its numbers."""
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
    wide = {name: array.astype(np.float32) for name, array in arrays.items()}
    weights = Weights(wide, INPUT, "reflect", "average", name="embedded", sha256=digest, licence=LICENCE)
    notes = {"data": DATA, "command": "python weights/train_embedded.py", "training": json.dumps(summary)}
    write_weights(path, weights, bits=16, notes=notes)
    return f"{path}: {path.stat().st_size / 1e6:.2f} MB, numbers' sha256 {digest}"


if __name__ == "__main__":
    main()
