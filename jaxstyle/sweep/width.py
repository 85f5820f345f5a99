"""How many cells run together."""

from collections.abc import Sequence

import jax

from jaxstyle.transfer.memory import BYTES_PER_PIXEL, available_memory

CPU_WIDTH = 4
"""The most lanes of a program on each CPU device: it paints them one after the other, and they end together."""
_CPU_PIXELS = 1 << 17  # of all lanes together: large pictures run alone, and each is saved as soon as it is done
_MOST = 64
_SHARE = 0.7  # of the free memory


def program_width(shape: tuple[int, int], cells: int, devices: Sequence[jax.Device]) -> int:
    """Lanes of a program on each device, for cells of (height, width) `shape`.

    On CPUs 4, and fewer for large pictures. On accelerators as many as there are cells and as the memory holds.
    """
    pixels = shape[0] * shape[1]
    width = max(1, min(CPU_WIDTH, _CPU_PIXELS // pixels))
    if devices[0].platform != "cpu":
        width = min(_MOST, max(2, 1 << (max(1, -(-cells // len(devices))) - 1).bit_length()))
    free, together = available_memory(), len(devices) if devices[0].platform == "cpu" else 1
    while free is not None and width > 1 and width * together * pixels * BYTES_PER_PIXEL > _SHARE * free:
        width //= 2
    return width
