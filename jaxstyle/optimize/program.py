"""Compiles a function with options that suit the backend, which is not known before something runs."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import jax
from jax.extend.backend import get_backend

COMPILER_OPTIONS: dict[str, dict[str, Any]] = {
    # XLA's usual scheduler prefers concurrency, which takes up to half as much memory again, and no less time here.
    "cpu": {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"},
    # The whole loop becomes one CUDA graph. Else each step is some sixty launches, and waits for the host.
    "cuda": {
        "xla_gpu_enable_command_buffer": "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL,DYNAMIC_SLICE_FUSION,"
        "CONVOLUTION,WHILE"
    },
}
"""{backend: options of XLA's compiler for a whole run as one program}."""


class Program:
    """A function that is compiled when it is called, with `COMPILER_OPTIONS` of the backend in use.

    JAX takes no options for a part of a program: within another function that is compiled they would be an error.

    Args:
        function: the function.
        settings: further arguments of `jax.jit`.
    """

    def __init__(self, function: Callable[..., Any], **settings: Any):
        self._function, self._settings = function, settings
        update_wrapper(self, function)
        self._jitted: dict[str, Any] = {}

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function, compiled for the backend in use."""
        return self.jitted()(*arguments, **options)

    def lower(self, *arguments: Any, **options: Any) -> jax.stages.Lowered:
        """Trace the function for arguments that may be `jax.ShapeDtypeStruct`s."""
        return self.jitted().lower(*arguments, **options)

    def clear_cache(self) -> None:
        """Free the compiled programs."""
        for jitted in self._jitted.values():
            jitted.clear_cache()

    def jitted(self) -> Any:
        """The function as `jax.jit` makes it for the backend in use."""
        name = platform()
        if name not in self._jitted:
            options = COMPILER_OPTIONS.get(name)
            self._jitted[name] = jax.jit(self._function, compiler_options=options, **self._settings)
        return self._jitted[name]


def platform() -> str:
    """The platform that JAX computes on: "cpu", "cuda", "rocm", "tpu"."""
    backend = get_backend()
    return next((name for name in ("cuda", "rocm") if name in backend.platform_version.lower()), backend.platform)
