"""The command `jaxstyle doctor`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass


@dataclass
class DoctorCommand:
    """Check that this installation computes correctly, and list its devices and versions."""

    bench: bool = False
    """Also time a step of the default recipe at 256 pixels, in less than a minute, beside machines that are known."""

    def run(self) -> int:
        """Exit code 0 when every check passes, else 1."""
        from jaxstyle.cli.run_doctor import report

        code = report()
        if self.bench:
            from jaxstyle.cli.run_bench import report_speed

            report_speed()
        return code
