"""Programs that some versions of XLA compile to wrong numbers, each with the right answer."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


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
    """A uniform kernel captured in a jit: jaxlib 0.10.2 and later on CPU answer anything, from nan to 1e27."""
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
    return Check("vmapped sum of squares over 32769 rows", relative_error(got, expected), 0.01)


KNOWN: tuple[Callable[[], Check], ...] = (captured_constant, long_reduction)


def relative_error(got: object, expected: np.ndarray) -> float:
    """Largest error over the largest expected value."""
    return float(np.abs(np.asarray(got, np.float64) - expected).max() / np.abs(expected).max())
