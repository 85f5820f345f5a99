"""Traced programs kept on disk between runs of the command line: a second start traces nothing.

JAX's own cache finds what it compiled by the traced program, and tracing is half of a start. Here traced programs are
found by what JAX tells them apart by within a process (the arguments' tree with its static parts, shapes and types),
and by what else may change between two processes: our sources, others' versions, and the settings of JAX. What was
compiled of them stays JAX's to keep: XLA cannot write again what it once read (jaxlib 0.10.1: it will not run).
"""

import hashlib
import inspect
import pickle
from collections.abc import Callable
from functools import cache, update_wrapper
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import jax
from jax import export

from jaxstyle import compilation
from jaxstyle.durable import write_atomically

P = ParamSpec("P")
R = TypeVar("R")
Trace = tuple[Callable[..., Any], list[Any]]
"""A function of leaves to leaves, and a list whose last is the tree of these, at the latest once it was called."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


class Program(NamedTuple):
    """From the leaves of the arguments to the leaves of what the function gives, and the tree of those."""

    run: jax.stages.Compiled
    tree: Any


class Kept(Generic[P, R]):
    """`jax.jit` of a function; once `keep_programs` was called, its traces are looked for in that folder, and kept.

    Args:
        function: a pure function of pytrees, and of this package: no other sources are looked at.
        static_argnames: as for `jax.jit`.
        compiler_options: as for `jax.jit`.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        static_argnames: tuple[str, ...] = (),
        compiler_options: dict[str, Any] | None = None,
    ):
        update_wrapper(self, function)
        self._function, self._static, self._options = function, static_argnames, compiler_options
        self._jitted = jax.jit(function, static_argnames=static_argnames, compiler_options=compiler_options)
        self._signature, self._name = inspect.signature(function), f"{function.__module__}.{function.__name__}"
        self._programs: dict[Any, Program] = {}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """As the function."""
        static, dynamic = self._arguments(args, kwargs)
        if not _is_kept(dynamic):
            return self._jitted(*args, **kwargs)
        program = self._program(static, dynamic)
        return jax.tree.unflatten(program.tree, program.run(*jax.tree.leaves(dynamic)))

    def compile(self, *args: P.args, **kwargs: P.kwargs) -> jax.stages.Compiled:
        """The program of such a call, which then finds it ready; arrays may be of `jax.ShapeDtypeStruct`."""
        static, dynamic = self._arguments(args, kwargs)
        if not _is_kept(dynamic):
            return self._jitted.lower(*args, **kwargs).compile()
        return self._program(static, dynamic).run

    def _arguments(self, args: tuple, kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The static arguments, and the others."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parts: tuple[dict[str, Any], dict[str, Any]] = {}, {}
        for name, value in bound.arguments.items():
            parts[name not in self._static][name] = value
        return parts

    def _program(self, static: dict[str, Any], dynamic: dict[str, Any]) -> Program:
        leaves, tree = jax.tree.flatten(dynamic)
        key = tree, tuple(static.items()), tuple(map(_kind, leaves))
        if key not in self._programs:
            path = self._path(key)
            call, trees = (path and _read(path)) or self._trace(static, tree, leaves, path)

            def program(*leaves: Any) -> Any:
                return call(*leaves)

            program.__name__ = self._function.__name__  # by which JAX names its files
            compiled = jax.jit(program, compiler_options=self._options).lower(*leaves).compile()
            self._programs[key] = Program(compiled, trees[-1])
        return self._programs[key]

    def _trace(self, static: dict[str, Any], tree: Any, leaves: list[Any], path: Path | None) -> Trace:
        trees: list[Any] = []
        function: Callable[..., R] = self._function

        def flat(*leaves: Any) -> list[Any]:
            given, tree_given = jax.tree.flatten(function(**jax.tree.unflatten(tree, leaves), **static))
            trees.append(tree_given)
            return given

        try:
            traced = export.export(jax.jit(flat))(*leaves)
        except Exception:  # it is no such program, or it is wrong: tracing it again tells
            return flat, trees
        if path is not None:
            _write(path, traced, trees[-1])
        return traced.call, trees

    def _path(self, key: tuple) -> Path | None:
        """The program's file; None where a part of the key has a meaning in this process only."""
        told, folder = repr((self._options, key)), compilation.folder()
        if folder is None or " at 0x" in told:
            return None
        digest = hashlib.sha256("\n".join((told, _sources(), _settings())).encode()).hexdigest()
        return folder / f"{self._name}-{digest}-trace"


def _is_kept(dynamic: dict[str, Any]) -> bool:
    """Not as a part of another program, nor on other devices than the first."""
    return compilation.folder() is not None and all(map(_is_plain, jax.tree.leaves(dynamic)))


def _is_plain(leaf: Any) -> bool:
    """Whether the leaf is a number, a description, or an array where JAX puts arrays if nothing is said."""
    if isinstance(leaf, jax.core.Tracer):
        return False
    return not isinstance(leaf, jax.Array) or leaf.devices() == {jax.devices()[0]}


def _kind(leaf: Any) -> tuple[tuple[int, ...], str, bool]:
    """What a program depends on of an argument."""
    aval = leaf if isinstance(leaf, jax.ShapeDtypeStruct) else jax.typeof(leaf)
    return tuple(aval.shape), str(aval.dtype), bool(aval.weak_type)


def _read(path: Path) -> Trace | None:
    """What `_write` wrote; None where there is nothing of the kind."""
    try:
        # Pickle may run code, as may the programs that JAX keeps in this folder: it is the user's alone.
        traced, tree = pickle.loads(path.read_bytes())
        return export.deserialize(bytearray(traced)).call, [tree]
    except Exception:  # whatever a broken file leads to, it is made again
        return None


def _write(path: Path, traced: export.Exported, tree: Any) -> None:
    try:
        written = pickle.dumps((bytes(traced.serialize()), tree))
        with write_atomically(path) as file:
            file.write(written)
    except Exception:  # not of every tree, nor to every disk: then the next start traces again
        return


@cache
def _sources() -> str:
    """What this package is made of, and the versions of what it calls."""
    digest, root = hashlib.sha256(), Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return " ".join([digest.hexdigest(), *map(version, PACKAGES)])


def _settings() -> str:
    """What JAX is set to, but for where it keeps things."""
    values = {name: value for name, value in jax.config.values.items() if "cache" not in name}
    return repr((jax.default_backend(), sorted(values.items())))
