"""Chooses how many cells run together."""

from collections.abc import Sequence

import jax

from jaxstyle.objective.plan import Plan
from jaxstyle.transfer.memory import (
    ACCELERATORS_BYTES_PER_PIXEL,
    BYTES_PER_PIXEL,
    available_memory,
    fits_counters,
)

CPU_WIDTH = 4
"""The most lanes on each CPU device. They run one after the other but finish together."""
_CPU_PIXELS = 1 << 17  # in all lanes together; so large pictures run alone, and each is saved as soon as it is done
_MOST = 64
_SHARE = 0.7  # of the free memory that the lanes may take


def program_width(
    shape: tuple[int, int],
    cells: int,
    devices: Sequence[jax.Device],
    plan: Plan = Plan(),  # noqa: B008
) -> int:
    """The number of lanes of a program on each device.

    On CPUs there are 4, and fewer for large pictures. On accelerators there are as many as the cells need, a power of
    two from 2 to 64. The number is halved until the lanes fit into the free memory, and their activations are not more
    numbers than the device can count, or one is left.

    Args:
        shape: (height, width) of the cells' results in pixels.
        cells: the number of cells.
        devices: the devices that the lanes are spread over.
        plan: how the cells are computed.
    """
    pixels = shape[0] * shape[1]
    width, each = max(1, min(CPU_WIDTH, _CPU_PIXELS // pixels)), BYTES_PER_PIXEL
    if devices[0].platform != "cpu":
        each = ACCELERATORS_BYTES_PER_PIXEL[plan.dtype]
        width = min(_MOST, max(2, 1 << (max(1, -(-cells // len(devices))) - 1).bit_length()))
    free, together = available_memory(), len(devices) if devices[0].platform == "cpu" else 1
    while width > 1 and not fits_counters(shape, lanes=width, plan=plan):
        width //= 2
    while free is not None and width > 1 and width * together * pixels * each > _SHARE * free:
        width //= 2
    return width
