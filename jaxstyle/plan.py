"""How a run is computed, apart from what is computed: which convolution, which precision, how much at a time."""

from dataclasses import dataclass
from typing import Literal

Conv = Literal["auto", "winograd", "exact"]
Activations = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Plan:
    """An execution plan: it changes time, memory and rounding, never what is asked of the picture.

    Attributes:
        conv: "winograd" multiplies less and rounds more; "exact" is the plain convolution; "auto" takes Winograd's on
            CPU, for the layers where it wins.
        dtype: of the network's weights and activations; the picture, statistics and losses stay float32.
        remat: keep the activations of one block of the network at a time and compute them again for the gradient.
        rows: rows of the picture that pass through the network at a time, a multiple of 16; None for all at once.
    """

    conv: Conv = "auto"
    dtype: Activations = "float32"
    remat: bool = False
    rows: int | None = None
