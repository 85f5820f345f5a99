"""Compiler options of the backend in use."""

import jax
import jax.numpy as jnp
import pytest

from jaxstyle.optimize import program as module
from jaxstyle.optimize.program import COMPILER_OPTIONS, Program, platform


@pytest.fixture
def program():
    return Program(lambda x, *, n: x * n, static_argnames="n")


def test_a_program_computes_what_the_function_does(program):
    assert platform() == "cpu"
    assert float(program(jnp.ones(()), n=3)) == 3
    assert program.lower(jax.ShapeDtypeStruct((2,), jnp.float32), n=3).compile()(jnp.ones(2)).tolist() == [3, 3]
    assert program.jitted() is program.jitted() and program.jitted()._cache_size() == 1
    program.clear_cache()
    assert program.jitted()._cache_size() == 0


def test_nothing_is_asked_of_the_backend_before_a_call(monkeypatch):
    monkeypatch.setattr(module, "platform", lambda: pytest.fail("asked"))
    Program(lambda x: x)


@pytest.mark.parametrize(
    ("version", "name"),
    [("cuda 13000", "cuda"), ("rocm 60300", "rocm"), ("PJRT C API\nTFRT TPU v5e", "tpu"), ("cpu", "cpu")],
)
def test_each_backend_has_its_options(monkeypatch, program, version, name):
    backend = type("Backend", (), {"platform": name if name in ("tpu", "cpu") else "gpu", "platform_version": version})
    given = []
    monkeypatch.setattr(module, "get_backend", lambda: backend)
    monkeypatch.setattr(module.jax, "jit", lambda function, **options: given.append(options) or function)
    assert platform() == name and program(2, n=3) == 6
    assert given == [{"compiler_options": COMPILER_OPTIONS.get(name), "static_argnames": "n"}]


def test_the_loop_is_one_cuda_graph_and_cpus_take_less_memory():
    assert COMPILER_OPTIONS.keys() == {"cpu", "cuda"}
    assert {"CONVOLUTION", "WHILE"} <= set(COMPILER_OPTIONS["cuda"]["xla_gpu_enable_command_buffer"].split(","))
