"""Strict where users are not: four devices, no silent broadcasting, shapes and types checked, warnings are errors."""

import atexit
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

# Compilation is most of the time: the workers share what one has compiled. Not the next run: it may be on another
# kind of processor.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    PROGRAMS = tempfile.TemporaryDirectory(prefix="jaxstyle-tests-", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = PROGRAMS.name
    atexit.register(PROGRAMS.cleanup)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Most of what the tests compile runs once: a third of the time goes where LLVM does not optimise it.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# XLA's older code generator compiles the suite in two thirds of the time; jaxlib 0.11 has but the newer one. Tests that
# are about every bit are marked: tests/runtime/test_users_compiler.py runs them with the one that users have.
USERS_COMPILER = "JAXSTYLE_TESTS_USERS_COMPILER"
OLDER = "--xla_cpu_use_fusion_emitters=false "
OLDER = OLDER if version("jaxlib").startswith("0.10.") and USERS_COMPILER not in os.environ else ""
os.environ["XLA_FLAGS"] = f"{OLDER}--xla_force_host_platform_device_count=4 {os.environ.get('XLA_FLAGS', '')}"
sys.path.insert(0, str(Path(__file__).parent))

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_rank_promotion", "raise")
CHECKED = (
    "networks",
    "losses",
    "objective.objective",
    "objective.banded",
    "objective.targets",
    "objective.memo",
    "optimize.loop",
    *(f"transfer.{name}" for name in ("api", "background", "inputs", "job", "memory", "painting", "result", "run")),
    "feedforward",
    "sweep",
    "metrics",
    "preprocess.strokes",
    "runtime.sharding",
    "runtime.reference",
    "cli.figures",
)
install_import_hook(
    [f"jaxstyle.{module}" for module in CHECKED], "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

import jax.numpy as jnp
import jaxtyping
import numpy as np

from jaxstyle.networks.load import load_vgg19
from jaxstyle.networks.vgg import VGG19
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.random_features import dead_leaves, random_weights

SHARED = Path(__file__).parents[2] / "shared" / "data"
IMAGENET = find("imagenet-8bit")
IMAGENET_PATH = IMAGENET.path  # in the user's own cache: some tests have another


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="is run by tests/runtime/test_users_compiler.py")
    for item in items if OLDER else []:
        if item.get_closest_marker("users_compiler"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real networks, goldens and paintings beside a checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the real networks and pictures of ../shared/data, which are not here")
    return SHARED


@pytest.fixture(scope="session")
def imagenet() -> VGG19:
    """VGG19 trained on ImageNet, as `make test` fetches it."""
    if not IMAGENET_PATH.is_file():
        pytest.skip("needs the real network: `jaxstyle weights fetch imagenet-8bit`")
    return load_vgg19(IMAGENET_PATH)


@pytest.fixture(scope="session")
def embedded() -> VGG19:
    return VGG19(random_weights())


@pytest.fixture(scope="session")
def pictures() -> tuple[jax.Array, jax.Array, jax.Array]:
    """Three 32x32 pictures in [0, 1]."""
    random = np.random.default_rng(7)
    return tuple(jnp.asarray(dead_leaves(random, 32), jnp.float32) for _ in range(3))


@pytest.fixture
def x64():
    """float64 in JAX for the length of a test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def optimized():
    """Programs as users have them, by LLVM's optimiser: where float64 takes longer to run than to compile."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] == "1")


@pytest.fixture
def unchecked():
    """What users have: no types are checked at run time but by jaxstyle itself."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
