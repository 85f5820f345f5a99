"""`jaxstyle doctor`: does this installation compute correctly? Known miscompilations, and a gradient against NumPy."""

import dataclasses
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxstyle import optimize
from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.objective import make_objective
from jaxstyle.optimizers import Adam
from jaxstyle.recipe import Recipe, Term
from jaxstyle.reference import objective_gradient
from jaxstyle.result import versions
from jaxstyle.vgg import VGG19
from jaxstyle.weights.layout import Weights
from jaxstyle.weights.random_features import dead_leaves, random_weights


class Check(NamedTuple):
    """One question to the installation: what it computes, the largest relative error found, and the largest allowed."""

    question: str
    error: float
    allowed: float

    @property
    def passed(self) -> bool:
        """False also where the error is NaN."""
        return bool(self.error <= self.allowed)


def captured_constant() -> Check:
    """A uniform kernel captured in a jit: jaxlib 0.10.2 on CPU answers anything, from nan to 1e27."""
    kernel = jnp.zeros((3, 3, 64, 64))
    picture = jnp.asarray(np.random.default_rng(0).random((1, 16, 16, 64)), jnp.float32)
    correlate = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    got = jax.jit(lambda x: correlate(x, kernel, (1, 1), "SAME").mean() + 1)(picture)
    return Check("convolution with a captured constant kernel", float(abs(got - 1)), 1e-6)


def long_reduction() -> Check:
    """A vmapped sum((M @ row)^2) from 32769 rows: jaxlib 0.10.2 on CPU answers wrong numbers."""
    random = np.random.default_rng(0)
    matrix, rows = random.standard_normal((3, 3)), random.standard_normal((32769, 3))
    single = jnp.asarray(matrix, jnp.float32)
    got = jax.jit(jax.vmap(lambda row: jnp.sum((single @ row) ** 2)))(jnp.asarray(rows, jnp.float32))
    expected = ((rows @ matrix.T) ** 2).sum(1)
    return Check("vmapped sum of squares over 32769 rows", _relative(got, expected), 0.01)


def vgg_gradient() -> Check:
    """Gradient of content, Gram and total variation through a whole VGG19, against NumPy float64."""
    objective, pictures = _small_objective()
    expected = objective_gradient(
        _zero_padded(),
        *pictures,
        content_layers={"relu4_2": 1.0},
        style_layers={"relu1_1": 1.0, "relu3_1": 1.0, "relu5_1": 1.0},
        total_variation=1.0,
    )[1]
    with jax.default_matmul_precision("highest"):
        got = jax.jit(jax.grad(lambda o, x: o(x)[0], 1))(objective, jnp.asarray(pictures[0], jnp.float32))
    return Check("gradient through VGG19 against NumPy float64", _relative(got, expected), 1e-3)


def loop_equals_steps() -> Check:
    """The compiled loop makes the image that its steps make one by one."""
    objective, (image, *_) = _small_objective()
    state = optimize.init(jnp.asarray(image, jnp.float32), Adam())
    looped = optimize.run(state, objective, Adam(), 4)[0].image
    single = jax.jit(optimize.step)
    for _ in range(4):
        state, _, _ = single(state, objective, Adam())
    return Check("four steps in a loop against four single steps", _relative(looped, np.asarray(state.image)), 1e-3)


CHECKS: tuple[Callable[[], Check], ...] = (captured_constant, long_reduction, vgg_gradient, loop_equals_steps)


def report() -> int:
    """Print a line for each check, device and version; 0 if every check passed, else 1."""
    checks = [check() for check in CHECKS]
    for check in checks:
        verdict = "ok  " if check.passed else "FAIL"
        print(f"{verdict}  {check.question}: error {check.error:.1e}, allowed {check.allowed:.0e}")
    for device in jax.devices():
        print(f"device  {device.platform} {device.id}: {device.device_kind}")
    print("version " + ", ".join(f"{name} {number}" for name, number in versions(jax.default_backend()).items()))
    print(f"system  {platform.platform()}")
    failed = sum(not check.passed for check in checks)
    if failed:
        jaxlib = f"this installation of jaxlib {version('jaxlib')} computes wrong numbers"
        print(f"{failed} of {len(checks)} checks failed: {jaxlib}; install another version", file=sys.stderr)
    return 1 if failed else 0


def _zero_padded() -> Weights:
    return dataclasses.replace(random_weights(), padding="zero", pooling="max")


def _small_objective() -> tuple:
    """An objective on 32x32 pictures, and its image, content and style."""
    random = np.random.default_rng(1)
    image, content, style = (dead_leaves(random, 32) for _ in range(3))
    recipe = Recipe(
        content=(Term(ContentLoss("relu4_2"), 1.0, relative=False),),
        style=tuple(Term(GramLoss(f"relu{n}_1"), 1.0, relative=False) for n in (1, 3, 5)),
        prior=(Term(TotalVariation(), 1.0, relative=False),),
    )
    kept, painted = jnp.asarray(content, jnp.float32), jnp.asarray(style, jnp.float32)
    return make_objective(VGG19(_zero_padded()), kept, painted, recipe), (image, content, style)


def _relative(got: object, expected: np.ndarray) -> float:
    """Largest error over the largest expected value."""
    return float(np.abs(np.asarray(got, np.float64) - expected).max() / np.abs(expected).max())
