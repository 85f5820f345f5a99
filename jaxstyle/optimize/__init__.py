"""The engine: State in, State and Info out; the optimisers, and painting from coarse to fine."""

from jaxstyle.optimize.lbfgs import lbfgs
from jaxstyle.optimize.loop import (
    CAPACITY,
    LESS_MEMORY,
    Evaluate,
    Info,
    State,
    chunks,
    compile_run,
    init,
    run,
    run_plain,
    step,
)
from jaxstyle.optimize.optimizers import LBFGS, OPTIMIZERS, Adam, Optax, Optimizer
from jaxstyle.optimize.pyramid import Pyramid, grow

__all__ = [
    "CAPACITY",
    "LBFGS",
    "LESS_MEMORY",
    "OPTIMIZERS",
    "Adam",
    "Evaluate",
    "Info",
    "Optax",
    "Optimizer",
    "Pyramid",
    "State",
    "chunks",
    "compile_run",
    "grow",
    "init",
    "lbfgs",
    "run",
    "run_plain",
    "step",
]
