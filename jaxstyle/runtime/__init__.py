"""Set-up of a process before it computes: heap, cache of compiled programs, checks of JAX, several devices."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {"keep_heap": "heap", "keep_programs": "compile_cache", "split_rows": "sharding"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'jaxstyle.runtime' has no attribute {name!r}")
    return getattr(import_module(f"jaxstyle.runtime.{_HOME[name]}"), name)


if TYPE_CHECKING:
    from jaxstyle.runtime.compile_cache import keep_programs as keep_programs
    from jaxstyle.runtime.heap import keep_heap as keep_heap
    from jaxstyle.runtime.sharding import split_rows as split_rows
