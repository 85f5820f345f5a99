"""How a run is computed, apart from what is computed: which convolution, which precision, how much at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, get_args

import jax

from jaxstyle.errors import SettingError, is_whole, suggest
from jaxstyle.networks.conv import Conv
from jaxstyle.networks.vgg import Activations
from jaxstyle.optimize.optimizers import LBFGS, Optimizer

P = ParamSpec("P")
T = TypeVar("T")
Precision = Literal["auto", "fast", "exact"]
EXACT = "highest"
"""JAX's word for products of float32 numbers that are rounded as float32."""


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
        precision: how products of float32 numbers are rounded, where an accelerator can do it faster: "exact" as
            float32; "fast" as the accelerator likes it, on NVIDIA's GPUs to ten bits (TF32), on TPUs to seven
            (bfloat16), or as JAX's setting `jax_default_matmul_precision` says; "auto" is "exact" for L-BFGS, whose
            line search compares values with gradients, and else "fast". CPUs always compute exactly. The targets are
            always exact.

    Raises:
        SettingError: a setting that is none of these.
    """

    conv: Conv = "auto"
    dtype: Activations = "float32"
    remat: bool = False
    rows: int | None = None
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name, choices in (("conv", Conv), ("dtype", Activations), ("precision", Precision)):
            if getattr(self, name) not in get_args(choices):
                raise SettingError(
                    f"plan.{name}: got {getattr(self, name)!r}; {suggest(str(getattr(self, name)), get_args(choices))}"
                )
        if not isinstance(self.remat, bool):
            raise SettingError(f"plan.remat: got {self.remat!r}, expected True or False")
        if self.rows is not None and (not is_whole(self.rows, 16) or self.rows % 16):
            raise SettingError(f"plan.rows: got {self.rows!r}, expected a multiple of 16, or None for all rows at once")

    def matmul_precision(self, optimizer: Optimizer) -> str | None:
        """JAX's name for the precision of products in a run with this optimiser; None for what is set in JAX."""
        exact = self.precision == "exact" or (self.precision == "auto" and isinstance(optimizer, LBFGS))
        return EXACT if exact and jax.default_backend() != "cpu" else None


def exactly(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that products within it are exact, whatever is set in JAX."""

    @wraps(function)
    def wrapped(*arguments: P.args, **options: P.kwargs) -> T:
        with jax.default_matmul_precision(EXACT):
            return function(*arguments, **options)

    return wrapped
