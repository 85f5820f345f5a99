"""Compiled programs are let go after a while: each size of picture has its own, and XLA keeps them for good."""

from collections.abc import Hashable

from jaxstyle.networks import conv, vgg, winograd
from jaxstyle.objective import targets
from jaxstyle.optimize import loop, pyramid

MOST = 16
"""Shapes of pictures whose programs are kept: some ten megabytes each."""
_seen: dict[Hashable, None] = {}


def remember(shapes: Hashable) -> None:
    """Note that a run of pictures of such shapes begins; with too many, the programs of all before are let go.

    Only jaxstyle's own programs are, never those of the user's functions. What is on the disk is found again.
    """
    if shapes not in _seen and len(_seen) >= MOST:
        for module in (conv, winograd, vgg, targets, loop, pyramid):
            for value in vars(module).values():
                if callable(clear := getattr(value, "clear_cache", None)):
                    clear()
        _seen.clear()
    _seen[shapes] = None
