"""Frees compiled programs after a while. Each size of picture has its own, and XLA would keep them for good."""

from collections.abc import Hashable

from jaxstyle.networks import conv, pooling, vgg, winograd
from jaxstyle.objective import targets
from jaxstyle.optimize import loop, pyramid, state

MOST = 16
"""The most sets of picture shapes whose programs are kept: some ten megabytes for each."""
_seen: dict[Hashable, None] = {}


def remember(shapes: Hashable) -> None:
    """Note that a run with pictures of these shapes begins; after too many different ones, free all earlier programs.

    Only jaxstyle's own programs are freed, never those of the user's functions. The cache on disk keeps its programs.
    """
    if shapes not in _seen and len(_seen) >= MOST:
        for module in (conv, pooling, winograd, vgg, targets, loop, state, pyramid):
            for value in vars(module).values():
                if hasattr(value, "clear_cache") and not isinstance(value, type):
                    value.clear_cache()
        _seen.clear()
    _seen[shapes] = None
