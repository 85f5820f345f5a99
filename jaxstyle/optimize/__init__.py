"""Optimisation: the loop that turns a State into a new State and an Info, the optimisers, coarse-to-fine pyramids."""

from jaxstyle.optimize.loop import (
    CAPACITY,
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
from jaxstyle.optimize.program import COMPILER_OPTIONS, Program
from jaxstyle.optimize.pyramid import Pyramid, grow
from jaxstyle.optimize.quasi_newton import lbfgs

__all__ = [
    "CAPACITY",
    "COMPILER_OPTIONS",
    "LBFGS",
    "OPTIMIZERS",
    "Adam",
    "Evaluate",
    "Info",
    "Optax",
    "Optimizer",
    "Program",
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
