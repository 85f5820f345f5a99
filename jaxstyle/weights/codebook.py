"""Kernels of 8 bits: each is a table of at most 256 numbers and a code, a number's place in the table, for each weight.

A VGG19 takes 20 MB so, where float32 takes 80.
"""

import numpy as np
from jaxtyping import Float, UInt8

from jaxstyle.errors import WeightsError

SIZE = 256
"""The most numbers of a table."""
ROUNDS = 50
"""Iterations of k-means, which has settled by then."""


def encode(kernel: Float[np.ndarray, "*shape"]) -> tuple[UInt8[np.ndarray, "*shape"], Float[np.ndarray, " n"]]:
    """Codes and table of a kernel: exact where it has at most 256 different numbers, else by k-means.

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
    """The kernel, `table[codes]`. Raises WeightsError where a code of the array called `name` has no place in it."""
    if codes.size and int(codes.max()) >= len(table):
        raise WeightsError(f"{name[:80]} has the code {codes.max()}, but its table has {len(table)} numbers")
    return table[codes]


def _cluster(ordered: Float[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    """Lloyd's k-means on numbers in ascending order, where a cluster is a range and its mean a difference of sums."""
    sums = np.concatenate([[0.0], ordered.cumsum()])
    # The best places are as dense as the cube root of the numbers' density (Panter & Dite 1951).
    counts, edges = np.histogram(ordered, SIZE)
    shares = np.cbrt(counts).cumsum()
    means = np.interp((np.arange(SIZE) + 0.5) * shares[-1] / SIZE, shares, edges[1:])
    for _ in range(ROUNDS):
        ends = np.searchsorted(ordered, (means[1:] + means[:-1]) / 2)
        ends = np.concatenate([[0], ends, [len(ordered)]])
        counts = np.diff(ends)
        # A cluster of nothing keeps its place.
        means = np.where(counts > 0, np.diff(sums[ends]) / counts.clip(1), means)
    return np.unique(means)
