"""One call from pictures to a finished picture: `stylize`."""

from jaxstyle.transfer.api import Progress, stylize
from jaxstyle.transfer.memory import choose_plan, estimate_memory
from jaxstyle.transfer.result import Result

__all__ = ["Progress", "Result", "choose_plan", "estimate_memory", "stylize"]
