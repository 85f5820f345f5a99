"""`jaxstyle resume`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass

from jaxstyle.cli.rerun import FromRecord


@dataclass
class ResumeCommand(FromRecord):
    """Go on with a picture that was interrupted under `stylize --keep-state`, and write it in its place.

    The finished picture has the bits that it would have without the interruption.
    """

    def run(self) -> int:
        """Exit code as of `jaxstyle stylize`."""
        from jaxstyle.cli.run_resume import run_resume

        return run_resume(self)
