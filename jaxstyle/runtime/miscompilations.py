"""Tests for known miscompilations: programs that some versions of XLA compile to wrong numbers."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Check(NamedTuple):
    """The outcome of a test: what was computed, the largest relative error found, and the largest error allowed."""

    question: str
    error: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the error is at most the allowed one; False if the error is NaN."""
        return bool(self.error <= self.allowed)


def captured_constant() -> Check:
    """Test a convolution whose kernel, all zeros, is a constant captured in a jit.

    On CPU, jaxlib 0.10.2 and later give arbitrary results, from NaN to 1e27.
    """
    kernel = jnp.zeros((3, 3, 64, 64), jnp.float32)
    picture = jnp.asarray(np.random.default_rng(0).random((1, 16, 16, 64)), jnp.float32)
    correlate = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    got = jax.jit(lambda x: correlate(x, kernel, (1, 1), "SAME").mean() + 1)(picture)
    return Check("convolution with a captured constant kernel", float(abs(got - 1)), 1e-6)


def long_reduction() -> Check:
    """Test a vmapped sum((M @ row)^2) over 32769 rows, for which jaxlib 0.10.2 on CPU gives wrong numbers."""
    random = np.random.default_rng(0)
    matrix, rows = random.standard_normal((3, 3)), random.standard_normal((32769, 3))
    single = jnp.asarray(matrix, jnp.float32)
    got = jax.jit(jax.vmap(lambda row: jnp.sum((single @ row) ** 2)))(jnp.asarray(rows, jnp.float32))
    expected = ((rows @ matrix.T) ** 2).sum(1)
    return Check("vmapped sum of squares over 32769 rows", relative_error(got, expected), 0.01)


KNOWN: tuple[Callable[[], Check], ...] = (captured_constant, long_reduction)


def relative_error(got: object, expected: np.ndarray) -> float:
    """The largest absolute error, divided by the largest absolute expected value."""
    return float(np.abs(np.asarray(got, np.float64) - expected).max() / np.abs(expected).max())
