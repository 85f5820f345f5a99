"""Optimisation: the loop that turns a State into a new State and an Info, the optimisers, coarse-to-fine pyramids."""

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
from jaxstyle.optimize.quasi_newton import lbfgs

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
