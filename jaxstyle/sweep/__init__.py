"""Sweeps: contents x styles x settings, painted in batches by one compiled program on every device, and resumable.

>>> grid = Grid(["cat.jpg", "dog.jpg"], ["waves.jpg"], style_weight=[1, 10], seed=[0, 1], size=256, steps=200)
>>> run_sweep(grid, "out", model="imagenet").counts
{'done': 8}
"""

from jaxstyle.sweep.axes import AXES as AXES
from jaxstyle.sweep.grid import Grid as Grid
from jaxstyle.sweep.painter import SweepProgress as SweepProgress
from jaxstyle.sweep.run import Summary as Summary
from jaxstyle.sweep.run import run_sweep as run_sweep
