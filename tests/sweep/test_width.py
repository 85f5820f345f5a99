"""How many cells run together, on CPUs and on accelerators of made-up memory."""

from types import SimpleNamespace

import pytest

from jaxstyle.objective.plan import Plan
from jaxstyle.sweep import width
from jaxstyle.sweep.width import program_width
from jaxstyle.transfer import memory

pytestmark = pytest.mark.usefixtures("unchecked")
CPU, GPU = (SimpleNamespace(platform=name) for name in ("cpu", "gpu"))


@pytest.fixture
def free(monkeypatch):
    """Sets the free memory in GiB, and what JAX says it computes on."""

    def free(gib, backend="cpu"):
        monkeypatch.setattr(width, "available_memory", lambda: None if gib is None else int(gib * 2**30))
        monkeypatch.setattr(memory.jax, "default_backend", lambda: backend)

    return free


@pytest.mark.parametrize(
    ("edge", "cells", "gib", "lanes"),
    [(128, 100, 8, 4), (128, 1, 8, 4), (256, 100, 8, 2), (512, 100, 8, 1), (128, 100, 0.3, 1), (128, 100, None, 4)],
)
def test_on_a_cpu(free, edge, cells, gib, lanes):
    free(gib)
    assert program_width((edge, edge), cells, [CPU]) == lanes


def test_cpu_devices_share_the_memory(free):
    free(1)
    assert program_width((128, 128), 100, [CPU]) == 4
    assert program_width((128, 128), 100, [CPU] * 4) == 1


@pytest.mark.parametrize(
    ("edge", "cells", "gib", "dtype", "lanes"),
    [
        (512, 100, 72, "float32", 64),
        (512, 10, 72, "float32", 16),
        (512, 1, 72, "float32", 2),
        (512, 100, 12, "float32", 8),
        (512, 100, 12, "bfloat16", 16),
        (1024, 100, 500, "bfloat16", 16),  # 2^31 numbers would be 32 lanes
        (1024, 100, None, "float32", 16),
    ],
)
def test_on_an_accelerator(free, edge, cells, gib, dtype, lanes):
    free(gib, "gpu")
    assert program_width((edge, edge), cells, [GPU], Plan(dtype=dtype)) == lanes


def test_devices_share_the_cells(free):
    free(72, "gpu")
    assert program_width((256, 256), 64, [GPU] * 4) == 16
