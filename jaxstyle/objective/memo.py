"""A cache of function results, so that what many runs need of the same picture is computed once."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax

Once = Callable[..., Any]
"""A caller: `once(function, *arguments)` returns `function(*arguments)`. `call` calls it, a `Memo` caches results."""


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function without a cache: `function(*arguments)`."""
    return function(*arguments)


class Memo:
    """Cache of the results of pure functions: the last used ones, up to `limit` bytes of arrays.

    Arguments that can be hashed are the same when they are equal; others, arrays above all, when they are the same
    object. The newest result is kept even if it alone exceeds the limit.
    """

    def __init__(self, limit: int = 1 << 30):
        self.limit, self.size = limit, 0
        self._found: OrderedDict[tuple, tuple[tuple, Any, int]] = OrderedDict()

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `function(*arguments)`, from the cache if it was called so before. Do not change the result."""
        key = (function, *map(_key, arguments))
        if key not in self._found:
            value = function(*arguments)
            size = sum(getattr(leaf, "nbytes", 0) for leaf in jax.tree.leaves(value))
            # The arguments are kept too: another object could get the id of one that is gone.
            self._found[key] = arguments, value, size
            self.size += size
            while self.size > self.limit and len(self._found) > 1:
                self.size -= self._found.popitem(last=False)[1][2]
        self._found.move_to_end(key)
        return self._found[key][1]


def _key(argument: Any) -> Any:
    if isinstance(argument, tuple) and not hasattr(argument, "_fields"):
        return tuple(map(_key, argument))
    try:
        hash(argument)
    except TypeError:
        return "id", id(argument)
    return type(argument), argument
