"""Work done ahead in a background thread: the next level's targets and program, while this level runs."""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any, Generic, TypeVar

import jax

T = TypeVar("T")

# JAX keeps these for each thread; another value would make other arrays, or programs that are not found again.
_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "jax_enable_x64": jax.enable_x64,
    "jax_default_device": jax.default_device,
    "jax_default_matmul_precision": jax.default_matmul_precision,
    "jax_numpy_dtype_promotion": jax.numpy_dtype_promotion,
    "jax_numpy_rank_promotion": jax.numpy_rank_promotion,
}


class Ahead(Generic[T]):
    """Calls a function in a thread, with the JAX settings of the thread that made this.

    Leaving it as a context waits for nothing: what has begun ends unheard. Only the end of the process waits for it,
    as a compiler torn down at work would crash.

    Args:
        work: the function; it is given a function that says whether the result is still wanted, to be asked between
            its parts.
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
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="jaxstyle-ahead")
            self._thread.start()

    def result(self) -> T:
        """Wait for it. Raises what the function raised."""
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
