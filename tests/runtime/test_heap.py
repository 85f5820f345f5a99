import subprocess
import sys

import pytest

from jaxstyle.runtime import heap
from jaxstyle.transfer import memory

PROGRAM = """
import resource
from jaxstyle.runtime.heap import keep_heap
import numpy as np
if {keep}:
    assert keep_heap()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(1 << 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the setting is glibc's")
def test_the_second_buffer_costs_no_page_faults():
    def faults(keep):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(keep=keep)], capture_output=True, text=True, encoding="utf-8"
        )
        assert run.returncode == 0, run.stderr
        return int(run.stdout)

    assert faults(keep=True) < 0.1 * faults(keep=False)


def test_elsewhere_it_says_so(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not heap.keep_heap()


@pytest.mark.parametrize(("free", "kept"), [(1 << 40, True), (1 << 30, False), (None, False)])
def test_kept_for_pictures_small_beside_the_memory(monkeypatch, free, kept):
    asked = []
    monkeypatch.setattr(memory, "available_memory", lambda: free)
    monkeypatch.setattr(memory, "keep_heap", lambda: asked.append(True))
    memory.keep_heap_for((512, 512))
    assert bool(asked) is kept
