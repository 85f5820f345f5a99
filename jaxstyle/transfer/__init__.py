"""One call from pictures to a finished picture: `stylize`. Names are loaded on first use: `settings` needs no JAX."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Interrupted": "result",
    "Progress": "progress",
    "Result": "result",
    "Settings": "settings",
    "choose_plan": "memory",
    "estimate_memory": "memory",
    "make_objective": "objective",
    "stylize": "api",
    "write_state": "state_file",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'jaxstyle.transfer' has no attribute {name!r}")
    return getattr(import_module(f"jaxstyle.transfer.{_HOME[name]}"), name)


if TYPE_CHECKING:
    from jaxstyle.transfer.api import stylize as stylize
    from jaxstyle.transfer.memory import choose_plan as choose_plan
    from jaxstyle.transfer.memory import estimate_memory as estimate_memory
    from jaxstyle.transfer.objective import make_objective as make_objective
    from jaxstyle.transfer.progress import Progress as Progress
    from jaxstyle.transfer.result import Interrupted as Interrupted
    from jaxstyle.transfer.result import Result as Result
    from jaxstyle.transfer.settings import Settings as Settings
    from jaxstyle.transfer.state_file import write_state as write_state
