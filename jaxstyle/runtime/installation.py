"""Makes sure that the installed JAX computes right numbers, in spite of known errors of XLA's compiler.

From jaxlib 0.10.2 on, XLA's CPU compiler uses a fusion for some convolutions that computes wrong numbers. For example,
a picture's target may be NaN. One XLA flag switches that fusion off. `import jaxstyle` sets the flag, which has an
effect only if JAX has not computed anything in the process yet. All functions that paint call `require_right_numbers`
first.
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
"""The XLA flag. Its empty value switches the fusion of convolutions off."""
FIRST, BEYOND = (0, 10, 2), (0, 13)
"""The range of jaxlib versions, without the last, that need the flag and are known to accept it.

A jaxlib that does not know a flag ends the process.
"""

_trusted = False


def keep_fusion_out() -> None:
    """Add the flag to XLA_FLAGS if it is needed and JAX has not computed anything yet; warn if it is too late."""
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
    """Check that JAX computes right numbers in this process.

    If this is not known from the version and the flag, known miscompilations are tested once, in about a second.

    Raises:
        InstallationError: a test for a known miscompilation fails.
    """
    if _trusted:
        return
    failed = [check.question for check in _known() if not check.passed]
    if failed:
        raise InstallationError(
            f"jaxlib {version('jaxlib')} computes wrong numbers in this process ({'; '.join(failed)}): {_WAY_OUT}"
        )


def _known() -> "list[Check]":
    import jax

    from jaxstyle.runtime.miscompilations import KNOWN

    with jax.default_matmul_precision("highest"):
        return [check() for check in KNOWN]


def _jaxlib() -> tuple[int, ...]:
    """The version of jaxlib as numbers, such as (0, 10, 1); () if it is not installed."""
    try:
        return tuple(int(part) for part in version("jaxlib").split(".")[:3] if part.isdecimal())
    except PackageNotFoundError:
        return ()


def _computes() -> bool:
    """Whether JAX has started a backend, so that flags come too late. The check itself starts none."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "_backends", None))
