"""Accelerators of a machine, with a made-up nvidia-smi and made-up device files."""

import pytest

from jaxstyle.cli import shown
from jaxstyle.runtime import accelerators
from jaxstyle.runtime.accelerators import crowded_memory, nvidia_gpus, unused_accelerator

H100 = "NVIDIA H100 80GB HBM3, 580.65.06, 40960, 81559"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without accelerators; called with the output of nvidia-smi, one with that GPU."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "dev").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)

    def install(output, code=0):
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {code}\n", encoding="utf-8")
        tool.chmod(0o755)

    install.devices = tmp_path / "dev"
    return install


def test_none(machine):
    assert nvidia_gpus() == [] and unused_accelerator("cpu", machine.devices) is None
    assert crowded_memory("gpu") is None


def test_gpus_are_read(machine):
    machine(f"{H100}\nNVIDIA T4, 535.1, 1, 16000")
    first, second = nvidia_gpus()
    assert (first.name, first.driver, first.used, first.total) == ("NVIDIA H100 80GB HBM3", (580, 65, 6), 40960, 81559)
    assert second.driver == (535, 1)


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("580.0", "this machine has X, but JAX computes on the CPU: pip install 'jaxstyle[cuda13]'"),
        ("579.99", "pip install 'jaxstyle[cuda12]'"),
        ("525.60.13", "pip install 'jaxstyle[cuda12]'"),
        ("470.1", "its driver 470.1 is too old; JAX needs 525.60 or newer"),
    ],
)
def test_a_gpu_that_jax_does_not_use(machine, driver, expected):
    machine(f"X, {driver}, 0, 1000")
    assert unused_accelerator("cpu", machine.devices).endswith(expected)
    assert unused_accelerator("gpu", machine.devices) is None


def test_a_plugin_that_does_not_work(machine, monkeypatch):
    machine("X, 580.1, 0, 1000")
    monkeypatch.setattr(accelerators, "version", lambda name: "0.10.2")
    assert "although jax-cuda13-plugin 0.10.2 is installed" in unused_accelerator("cpu", machine.devices)


@pytest.mark.parametrize("output, code", [("", 0), ("No devices were found", 0), (H100, 9)])
def test_a_tool_that_does_not_answer(machine, output, code):
    machine(output, code)
    assert nvidia_gpus() == [] and unused_accelerator("cpu", machine.devices) is None
    (machine.devices / "nvidia0").touch()
    assert unused_accelerator("cpu", machine.devices).endswith("its driver is missing or broken")


def test_who_chose_the_cpu_is_told_nothing(machine, monkeypatch):
    machine(H100)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert unused_accelerator("cpu", machine.devices) is None


@pytest.mark.parametrize(
    ("device", "said"), [("accel0", "jaxstyle[tpu]"), ("vfio/0", "jaxstyle[tpu]"), ("kfd", "ROCm")]
)
def test_other_accelerators(machine, device, said, monkeypatch):
    if device == "vfio/0":
        monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5e-8")
    (machine.devices / device).parent.mkdir(exist_ok=True)
    (machine.devices / device).touch()
    assert said in unused_accelerator("cpu", machine.devices)


def test_apple(machine, monkeypatch):
    monkeypatch.setattr(accelerators.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(accelerators.platform, "machine", lambda: "arm64")
    assert unused_accelerator("cpu", machine.devices).startswith("JAX has no maintained backend for Apple's GPUs")


@pytest.mark.parametrize(("used", "told"), [(499, False), (500, True)])
def test_memory_that_others_hold(machine, used, told):
    machine(f"X, 580.1, {used}, 1000")
    assert (crowded_memory("gpu") is not None) == told
    assert crowded_memory("cpu") is None


def test_it_is_noted(machine, capsys):
    machine(H100)
    shown.note_accelerator()
    said = "jaxstyle: this machine has NVIDIA H100 80GB HBM3, but JAX computes on the CPU: "
    assert capsys.readouterr().err == said + "pip install 'jaxstyle[cuda13]'\n"
