"""The optimisers and their settings: optax's Adam and L-BFGS, their learning rates leaves of a pytree."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import optax

from jaxstyle.optimize.lbfgs import lbfgs

PIXELS = 255.0
"""The published codes without a line search optimise pixels of 0 to 255."""


@partial(jax.tree_util.register_dataclass, data_fields=["learning_rate"], meta_fields=["b1", "b2", "eps"])
@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015). The learning rate is in units of pixel values, a leaf: changing it does not re-trace."""

    learning_rate: float = 0.02
    b1: float = 0.9
    b2: float = 0.99
    eps: float = 1e-8
    kind: ClassVar[str] = "adam"

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        scale = optax.scale_by_adam(self.b1, self.b2, self.eps)
        return optax.with_extra_args_support(optax.chain(scale, optax.scale_by_learning_rate(self.learning_rate)))


@partial(jax.tree_util.register_dataclass, data_fields=["learning_rate"], meta_fields=["memory", "line_search"])
@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS (Liu & Nocedal 1989).

    With `line_search` each step tries step sizes until the strong Wolfe conditions hold (about two to three
    evaluations) and `learning_rate` is not used. Without, each step is `learning_rate` times the quasi-Newton
    direction, one evaluation, as in neural-style and Gatys' code (`jaxstyle.optimize.lbfgs`).
    """

    learning_rate: float = 1.0
    memory: int = 10
    line_search: bool = True
    kind: ClassVar[str] = "lbfgs"

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        if self.line_search:
            return optax.lbfgs(memory_size=self.memory)
        return lbfgs(self.learning_rate, self.memory, unit=PIXELS)


Optimizer = Adam | LBFGS
OPTIMIZERS: dict[str, type[Optimizer]] = {optimizer.kind: optimizer for optimizer in (Adam, LBFGS)}
