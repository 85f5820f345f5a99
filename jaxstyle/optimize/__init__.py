"""Optimisation: the loop that turns a State into a new State and an Info, the optimisers, coarse-to-fine pyramids."""

from jaxstyle.optimize.loop import CAPACITY, chunks, compile_run, run, run_plain
from jaxstyle.optimize.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, Optax, Optimizer, RMSprop
from jaxstyle.optimize.parametrization import PARAMETRIZATIONS, Fourier, LaplacianPyramid, Parametrization, Pixels
from jaxstyle.optimize.program import COMPILER_OPTIONS, Program
from jaxstyle.optimize.pyramid import Pyramid, grow
from jaxstyle.optimize.quasi_newton import lbfgs
from jaxstyle.optimize.state import Evaluate, Info, State, init, step

__all__ = [
    "CAPACITY",
    "COMPILER_OPTIONS",
    "LBFGS",
    "OPTIMIZERS",
    "PARAMETRIZATIONS",
    "SGD",
    "Adam",
    "Evaluate",
    "Fourier",
    "Info",
    "LaplacianPyramid",
    "Optax",
    "Optimizer",
    "Parametrization",
    "Pixels",
    "Program",
    "Pyramid",
    "RMSprop",
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
