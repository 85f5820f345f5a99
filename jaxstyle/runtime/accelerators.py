"""Finds accelerators that are in the machine, whether or not JAX computes on them, and says what keeps it from them."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NEEDED = {"cuda13": (580, 0), "cuda12": (525, 60)}
"""{extra of jaxstyle: oldest driver of NVIDIA that runs the CUDA of JAX's plugin}, the best first."""
CROWDED = 0.5
"""Share of a GPU's memory in use by others from which a warning is given."""
_QUERY = ("--query-gpu=name,driver_version,memory.used,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """A GPU as NVIDIA's tool describes it.

    Attributes:
        name: name of the model.
        driver: version of the driver, such as (580, 65, 6).
        used: memory in use, in MiB.
        total: its memory, in MiB.
    """

    name: str
    driver: tuple[int, ...]
    used: int
    total: int


def nvidia_gpus() -> list[Gpu]:
    """The NVIDIA GPUs that `nvidia-smi` lists; none where it is missing or fails."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        done = subprocess.run(
            [tool, *_QUERY], capture_output=True, encoding="utf-8", errors="replace", timeout=10, check=True
        )
        return [_gpu(line) for line in done.stdout.splitlines() if line.strip()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _gpu(line: str) -> Gpu:
    name, driver, used, total = (part.strip() for part in line.split(","))
    return Gpu(name, tuple(int(part) for part in driver.split(".")), int(used), int(total))


def unused_accelerator(backend: str, devices: Path = Path("/dev")) -> str | None:
    """Say which accelerator of the machine JAX does not compute on, and what to type; None if there is none.

    Args:
        backend: what JAX computes on, `jax.default_backend()`.
        devices: the folder of the system's device files.
    """
    if backend != "cpu" or os.environ.get("JAX_PLATFORMS", "").startswith("cpu"):
        return None
    gpus = nvidia_gpus()
    if gpus or (devices / "nvidia0").exists():
        return _nvidia(gpus)
    # Newer TPUs are behind vfio, as other passed-through devices are; their machines set variables too.
    named = any(name in os.environ for name in ("TPU_NAME", "TPU_ACCELERATOR_TYPE"))
    if (devices / "accel0").exists() or ((devices / "vfio/0").exists() and named):
        return "this machine seems to have a TPU, but JAX computes on the CPU: pip install 'jaxstyle[tpu]'"
    if (devices / "kfd").exists():
        return "this machine has an AMD GPU, but JAX computes on the CPU: see JAX's page on installation for ROCm"
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "JAX has no maintained backend for Apple's GPUs, so it computes on the CPU"
    return None


def _nvidia(gpus: list[Gpu]) -> str:
    name = gpus[0].name if gpus else "an NVIDIA GPU"
    said = f"this machine has {name}, but JAX computes on the CPU"
    if not gpus:
        return f"{said}: nvidia-smi does not answer, so its driver is missing or broken"
    fitting = next((extra for extra, oldest in NEEDED.items() if gpus[0].driver >= oldest), None)
    if fitting is None:
        needed = ".".join(map(str, NEEDED["cuda12"]))
        return f"{said}: its driver {'.'.join(map(str, gpus[0].driver))} is too old; JAX needs {needed} or newer"
    if (plugin := _plugin()) is not None:
        return f"{said}, although {plugin} is installed; JAX says why with JAX_PLATFORMS=cuda"
    return f"{said}: pip install 'jaxstyle[{fitting}]'"


def _plugin() -> str | None:
    for name in ("jax-cuda13-plugin", "jax-cuda12-plugin"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return None


def crowded_memory(backend: str) -> str | None:
    """Say that other processes hold most of the first GPU's memory; None if they do not, or JAX computes elsewhere.

    Ask before JAX computes anything: from then on JAX itself holds most of the memory.
    """
    gpus = nvidia_gpus() if backend == "gpu" else []
    if not gpus or gpus[0].used < CROWDED * gpus[0].total:
        return None
    used, total = (f"{size / 1024:.0f} GiB" for size in (gpus[0].used, gpus[0].total))
    return (
        f"{gpus[0].name}: {used} of its {total} are in use by other processes; "
        "XLA_PYTHON_CLIENT_PREALLOCATE=false takes only what is needed of the rest, "
        "CUDA_VISIBLE_DEVICES=1 another GPU"
    )
