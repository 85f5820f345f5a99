"""Work done ahead in a background thread: the next level's targets and program, while this level runs."""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any, Generic, TypeVar

import jax

T = TypeVar("T")

# JAX keeps these settings per thread. Other values would make other arrays, or programs that no cache finds again.
_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "jax_enable_x64": jax.enable_x64,
    "jax_default_device": jax.default_device,
    "jax_default_matmul_precision": jax.default_matmul_precision,
    "jax_numpy_dtype_promotion": jax.numpy_dtype_promotion,
    "jax_numpy_rank_promotion": jax.numpy_rank_promotion,
}


class Ahead(Generic[T]):
    """Calls a function in a background thread, with the JAX settings of the thread that makes this object.

    Leaving the context does not wait for the thread, and drops its result. Only the end of the process waits for the
    thread, because a compiler that is torn down at work would crash.

    Args:
        work: the function to call. Its argument is a function that says whether the result is still wanted, to be asked
            between parts of the work.
    """

    def __init__(self, work: Callable[[Callable[[], bool]], T]):
        self._work, self._left = work, Event()
        self._settings = {name: getattr(jax.config, name) for name in _SETTINGS}
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> "Ahead[T]":
        return self

    def __exit__(self, *error: object) -> None:
        self._left.set()

    def start(self) -> None:
        """Start the thread, unless it has been started."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="jaxstyle-ahead")
            self._thread.start()

    def result(self) -> T:
        """Wait for the function and return its value. Raises what the function raised."""
        self.start()
        assert self._thread is not None
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                for name, value in self._settings.items():
                    stack.enter_context(_SETTINGS[name](value))
                self._value.append(self._work(lambda: not self._left.is_set()))
        except BaseException as error:  # raised again by `result`, in the thread that asked
            self._error = error
