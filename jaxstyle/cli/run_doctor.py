"""What `jaxstyle doctor` does: check for known miscompilations, and compare a gradient with one by NumPy."""

import dataclasses
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np

from jaxstyle import optimize
from jaxstyle.cli.cache import sizes
from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import EXACT
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.runtime.accelerators import crowded_memory, unused_accelerator
from jaxstyle.runtime.miscompilations import KNOWN, Check, relative_error
from jaxstyle.runtime.reference import objective_gradient
from jaxstyle.transfer.result import versions
from jaxstyle.weights.entry import cache_dir
from jaxstyle.weights.layout import Weights
from jaxstyle.weights.random_features import dead_leaves, random_weights


def vgg_gradient() -> Check:
    """Compare a gradient of content, Gram and total variation losses through a whole VGG19 with NumPy in float64."""
    objective, pictures = _small_objective()
    expected = objective_gradient(
        _zero_padded(),
        *pictures,
        content_layers={"relu4_2": 1.0},
        style_layers={"relu1_1": 1.0, "relu3_1": 1.0, "relu5_1": 1.0},
        total_variation=1.0,
    )[1]
    got = jax.jit(jax.grad(lambda o, x: o(x)[0], 1))(objective, jnp.asarray(pictures[0], jnp.float32))
    return Check("gradient through VGG19 against NumPy float64", relative_error(got, expected), 1e-3)


def loop_equals_steps() -> Check:
    """Compare the image of the compiled loop with that of the same steps run one by one."""
    objective, (image, *_) = _small_objective()
    state = optimize.init(jnp.asarray(image, jnp.float32), Adam())
    looped = optimize.run(state, objective, Adam(), 4)[0].parameters
    single = jax.jit(optimize.step)
    for _ in range(4):
        state, _, _ = single(state, objective, Adam())
    return Check(
        "four steps in a loop against four single steps", relative_error(looped, np.asarray(state.parameters)), 1e-3
    )


CHECKS: tuple[Callable[[], Check], ...] = (*KNOWN, vgg_gradient, loop_equals_steps)


def report() -> int:
    """Print the checks, the devices and the versions; return 0 if every check passed, else 1."""
    crowded = crowded_memory(jax.default_backend())
    with jax.default_matmul_precision(EXACT):  # rounded to ten bits, as on GPUs by default, two programs may differ
        checks = [check() for check in CHECKS]
    for check in checks:
        verdict = "ok  " if check.passed else "FAIL"
        print(f"{verdict}  {check.question}: error {check.error:.1e}, allowed {check.allowed:.0e}")
    for device in jax.devices():
        print(f"device  {device.platform} {device.id}: {device.device_kind}")
    for hint in (unused_accelerator(jax.default_backend()), crowded):
        if hint is not None:
            print(f"hint    {hint}")
    print("version " + ", ".join(f"{name} {number}" for name, number in versions(jax.default_backend()).items()))
    print(f"system  {platform.platform()}")
    kept = ", ".join(f"{part} {size / 1e6:.0f} MB" for part, (_, size) in sizes().items())
    print(f"cache   {cache_dir()}: {kept}")
    if flags := os.environ.get("XLA_FLAGS"):
        print(f"flags   XLA_FLAGS={flags}")
    failed = sum(not check.passed for check in checks)
    if failed:
        jaxlib = f"this installation of jaxlib {version('jaxlib')} computes wrong numbers"
        print(f"{failed} of {len(checks)} checks failed: {jaxlib}; install another version", file=sys.stderr)
    return 1 if failed else 0


def _zero_padded() -> Weights:
    return dataclasses.replace(random_weights(), padding="zero", pooling="max")


def _small_objective() -> tuple:
    """An objective on random pictures of 32x32 pixels, and (image, content, style)."""
    random = np.random.default_rng(1)
    image, content, style = (dead_leaves(random, 32) for _ in range(3))
    recipe = Recipe(
        content=(Term(ContentLoss("relu4_2"), 1.0, relative=False),),
        style=tuple(Term(GramLoss(f"relu{n}_1"), 1.0, relative=False) for n in (1, 3, 5)),
        prior=(Term(TotalVariation(), 1.0, relative=False),),
    )
    kept, painted = jnp.asarray(content, jnp.float32), jnp.asarray(style, jnp.float32)
    return make_objective(VGG19(_zero_padded()), kept, painted, recipe), (image, content, style)
