"""Whether this installation of JAX computes right: XLA's known miscompilations, kept out or refused.

From jaxlib 0.10.2 on, XLA's CPU compiler hands some convolutions to a fusion that computes wrong numbers: a picture's
target may be NaN. One XLA flag switches that fusion off. `import jaxstyle` sets it, which has an effect only before JAX
has computed anything in the process; whatever paints asks `require_right_numbers` first.
"""

import os
import sys
import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from jaxstyle.errors import InstallationError

if TYPE_CHECKING:
    from jaxstyle.runtime.miscompilations import Check

FLAG = "--xla_cpu_experimental_ynn_fusion_type="
"""With nothing after it: no convolution is fused in that way."""
FIRST, BEYOND = (0, 10, 2), (0, 13)
"""The jaxlibs that need the flag and are known to know it. One that does not know a flag ends the process."""

_trusted = False


def keep_fusion_out() -> None:
    """Set the flag in XLA_FLAGS where it is needed and can still help; warn where it is too late."""
    global _trusted
    number = _jaxlib()
    if number < FIRST:
        _trusted = True
        return
    flags = os.environ.get("XLA_FLAGS", "")
    if number < BEYOND and FLAG[:-1] not in flags and not _computes():
        flags = os.environ["XLA_FLAGS"] = f"{flags} {FLAG}".strip()
    elif FLAG[:-1] not in flags and _computes() and sys.modules["jax"].default_backend() == "cpu":
        warnings.warn(f"jaxlib {version('jaxlib')} computes wrong numbers on CPU here: {_WAY_OUT}", stacklevel=3)
    _trusted = not _computes() and FLAG in flags.split()


_WAY_OUT = (
    f"import jaxstyle before JAX computes anything, or start Python with XLA_FLAGS={FLAG} (nothing after the equals "
    "sign); `jaxstyle doctor` shows what is wrong"
)


@cache
def require_right_numbers() -> None:
    """Return where this process is known to compute right, else try it, in about a second.

    Raises:
        InstallationError: a known miscompilation is there.
    """
    if _trusted:
        return
    failed = [check.question for check in _known() if not check.passed]
    if failed:
        raise InstallationError(
            f"jaxlib {version('jaxlib')} computes wrong numbers in this process ({'; '.join(failed)}): {_WAY_OUT}"
        )


def _known() -> "list[Check]":
    from jaxstyle.runtime.miscompilations import KNOWN

    return [check() for check in KNOWN]


def _jaxlib() -> tuple[int, ...]:
    """Its version as numbers, () where it is not installed."""
    try:
        return tuple(int(part) for part in version("jaxlib").split(".")[:3] if part.isdecimal())
    except PackageNotFoundError:
        return ()


def _computes() -> bool:
    """Whether JAX has a backend already, so that flags come too late. Starts nothing."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "_backends", None))
