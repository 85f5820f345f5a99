import jax
import numpy as np
import pytest

from jaxstyle.objective import presets
from jaxstyle.sweep import Grid, run_sweep
from jaxstyle.weights.random_features import dead_leaves

SHALLOW = presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture(scope="session")
def paintings() -> dict[str, np.ndarray]:
    """Pictures of 32x32 by name, in float32 [0, 1]."""
    random = np.random.default_rng(3)
    return {name: dead_leaves(random, 32).astype(np.float32) for name in "abxy"}


@pytest.fixture
def grid(paintings):
    """A grid of two contents and two styles, and whatever axes."""

    def make(contents="ab", styles="xy", **axes):
        axes = {"recipe": [SHALLOW], "steps": 3} | axes
        return Grid({name: paintings[name] for name in contents}, {name: paintings[name] for name in styles}, **axes)

    return make


@pytest.fixture
def sweep(embedded):
    """`run_sweep` on one device, without metrics."""

    def run(grid, out, **options):
        return run_sweep(grid, out, **{"model": embedded, "devices": jax.devices()[:1], "metrics": False} | options)

    return run
