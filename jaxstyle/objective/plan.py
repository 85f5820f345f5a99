"""How a run is computed, apart from what is computed: which convolution, which precision, how much at a time."""

from dataclasses import dataclass
from typing import get_args

from jaxstyle.errors import SettingError, is_whole, suggest
from jaxstyle.networks.conv import Conv
from jaxstyle.networks.vgg import Activations


@dataclass(frozen=True)
class Plan:
    """Execution plan: it changes a run's time, memory and rounding, never its objective.

    Attributes:
        conv: "winograd" is an algorithm with fewer multiplications and larger rounding errors; "exact" is the plain
            convolution; "auto" uses Winograd's algorithm on CPU, for the layers where it is faster.
        dtype: dtype of the network's weights and activations, "float32" or "bfloat16". The picture, statistics and
            losses stay float32.
        remat: whether to keep the activations of only one block of the network at a time, and compute them again for
            the gradient. For accelerators: XLA undoes it on CPU.
        rows: number of rows of the picture that pass through the network at a time, a multiple of 16; None for all.

    Raises:
        SettingError: a setting that is none of these.
    """

    conv: Conv = "auto"
    dtype: Activations = "float32"
    remat: bool = False
    rows: int | None = None

    def __post_init__(self) -> None:
        for name, choices in (("conv", get_args(Conv)), ("dtype", get_args(Activations))):
            if getattr(self, name) not in choices:
                raise SettingError(
                    f"plan.{name}: got {getattr(self, name)!r}; {suggest(str(getattr(self, name)), choices)}"
                )
        if not isinstance(self.remat, bool):
            raise SettingError(f"plan.remat: got {self.remat!r}, expected True or False")
        if self.rows is not None and (not is_whole(self.rows, 16) or self.rows % 16):
            raise SettingError(f"plan.rows: got {self.rows!r}, expected a multiple of 16, or None for all rows at once")
