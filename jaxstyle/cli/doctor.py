"""The command `jaxstyle doctor`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass


@dataclass
class DoctorCommand:
    """Check that this installation computes correctly, and list its devices and versions."""

    def run(self) -> int:
        """Exit code 0 when every check passes, else 1."""
        from jaxstyle.cli.run_doctor import report

        return report()
