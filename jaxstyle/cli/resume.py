"""The command `jaxstyle resume`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass

from jaxstyle.cli.rerun import FromRecord


@dataclass
class ResumeCommand(FromRecord):
    """Go on with a run of `stylize --keep-state` that was interrupted, and replace its picture by the finished one.

    The finished picture is the same, bit for bit, as without the interruption.
    """

    def run(self) -> int:
        """Exit code, as for `jaxstyle stylize`."""
        from jaxstyle.cli.run_resume import run_resume

        return run_resume(self)
