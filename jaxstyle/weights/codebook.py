"""8-bit kernels: a table of at most 256 numbers, and for each weight a code, which is the place of its number there.

A VGG19 takes 20 MB in this form and 80 MB in float32.
"""

import numpy as np
from jaxtyping import Float, UInt8

from jaxstyle.errors import WeightsError

SIZE = 256
"""The most numbers in a table."""
ROUNDS = 50
"""Iterations of k-means. It has converged by then."""


def encode(kernel: Float[np.ndarray, "*shape"]) -> tuple[UInt8[np.ndarray, "*shape"], Float[np.ndarray, " n"]]:
    """Encode a kernel as codes and a table: exactly if it has at most 256 different numbers, else by k-means.

    Args:
        kernel: float32, of any shape.

    Returns:
        (codes, table), the table in ascending order, so that equal kernels give equal bytes.
    """
    table, codes = np.unique(kernel, return_inverse=True)
    if len(table) > SIZE:
        table = _cluster(np.sort(kernel, axis=None).astype(np.float64)).astype(np.float32)
        codes = np.searchsorted((table[1:] + table[:-1]) / 2, kernel)
    return codes.reshape(kernel.shape).astype(np.uint8), table


def decode(
    name: str, codes: UInt8[np.ndarray, "*shape"], table: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "*shape"]:
    """The kernel, `table[codes]`. Raises WeightsError, which gives `name`, if a code is outside the table."""
    if codes.size and int(codes.max()) >= len(table):
        raise WeightsError(f"{name[:80]} has the code {codes.max()}, but its table has {len(table)} numbers")
    return table[codes]


def _cluster(ordered: Float[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    """The means that Lloyd's k-means finds for numbers in ascending order, where every cluster is a range."""
    sums = np.concatenate([[0.0], ordered.cumsum()])
    # The best means are as dense as the cube root of the numbers' density (Panter & Dite 1951): begin with those.
    counts, edges = np.histogram(ordered, SIZE)
    shares = np.cbrt(counts).cumsum()
    means = np.interp((np.arange(SIZE) + 0.5) * shares[-1] / SIZE, shares, edges[1:])
    for _ in range(ROUNDS):
        ends = np.searchsorted(ordered, (means[1:] + means[:-1]) / 2)
        ends = np.concatenate([[0], ends, [len(ordered)]])
        counts = np.diff(ends)
        # An empty cluster keeps its mean.
        means = np.where(counts > 0, np.diff(sums[ends]) / counts.clip(1), means)
    return np.unique(means)
