"""The commands `jaxstyle sweep` and `jaxstyle report`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitSubcommandPrefixes, Positional, arg, subcommand

Output = Annotated[Path, arg(aliases=("-o",))]


@dataclass
class SweepRun:
    """Paint every combination of a grid's contents, styles and settings; go on where an earlier call ended."""

    grid: Annotated[Positional[Path], arg(metavar="GRID.toml")]
    """The file that lists pictures and settings, see docs/sweeps.md."""
    output: Output
    """The folder to write into. It is made if it is missing."""
    model: str | None = None
    """The feature network, as for `jaxstyle stylize`. By default that of the grid file, else the default there."""
    batch: int | None = None
    """The most cells to paint at a time. By default as many as run well and fit into the memory."""
    shard: str | None = None
    """K/N: paint only every N-th cell, beginning with the K-th (from 1). For N machines that share the folder."""
    ray: str | None = None
    """Address of a Ray cluster that does the work, or "local" for one on this machine (extra: cluster)."""
    conv: Literal["auto", "winograd", "exact"] = "auto"
    """Algorithm of the convolutions, as for `jaxstyle stylize`."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the network, as for `jaxstyle stylize`."""
    precision: Literal["auto", "fast", "exact"] = "auto"
    """How accelerators round products of float32 numbers, as for `jaxstyle stylize`."""
    metrics: Literal["on", "off"] = "on"
    """on: measure every result, see docs/metrics.md."""
    checkpoint: float | None = None
    """Seconds between two checkpoints of the running cells. By default 30; not with --ray."""
    resume: Literal["on", "off"] = "on"
    """on: go on with the sweep in the folder. off: refuse a folder that has finished cells."""

    def run(self) -> int:
        """Exit code 0; 1 if a cell failed, became infinite or improved nothing; 75 if interrupted and able to go on."""
        from jaxstyle.cli.run_sweep import run_grid

        return run_grid(self)


@dataclass
class SweepStatus:
    """Count a sweep's cells by status, and list those that failed."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")]
    """The folder of the sweep."""
    json: bool = False
    """Print the counts as JSON."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.cli.run_sweep import run_status

        return run_status(self)


@dataclass
class SweepRetry:
    """Paint the cells again that failed or became infinite, and those that are not finished yet."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")]
    """The folder of the sweep."""
    model: str | None = None
    """The network's file, if it cannot be found by its name."""
    batch: int | None = None
    """The most cells to paint at a time, as for `jaxstyle sweep run`."""

    def run(self) -> int:
        """Exit code, as for `jaxstyle sweep run`."""
        from jaxstyle.cli.run_sweep import run_retry

        return run_retry(self)


@dataclass
class SweepCell:
    """Make one cell's picture again, as the sweep made it, and say whether it is the same."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")]
    """The folder of the sweep."""
    cell: Annotated[Positional[str], arg(metavar="ID")]
    """The cell's id, or the beginning of it."""
    output: Output
    """Where to write the picture: .png, .jpg, .webp or .tiff."""
    model: str | None = None
    """The network's file, if it cannot be found by its name."""

    def run(self) -> int:
        """Exit code 0 if it is the same or the sweep has no picture of it, 1 if it differs."""
        from jaxstyle.cli.run_sweep import run_cell

        return run_cell(self)


@dataclass
class SweepCommand:
    """Paint whole grids of pictures and settings in batches, resumable."""

    command: OmitSubcommandPrefixes[
        Annotated[SweepRun, subcommand("run")]
        | Annotated[SweepStatus, subcommand("status")]
        | Annotated[SweepRetry, subcommand("retry")]
        | Annotated[SweepCell, subcommand("cell")]
    ]

    def run(self) -> int:
        """Run the chosen subcommand and return its exit code."""
        return self.command.run()


@dataclass
class ReportCommand:
    """Write a sweep as one HTML page: contact sheet, filters, before and after, curves, metrics."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")]
    """The folder of the sweep; it may still be running."""
    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """The page to write, by default DIR/report.html; or a .csv file for a table with a row for each cell."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.sweep.report import write_csv, write_report

        if self.output is not None and self.output.suffix.lower() == ".csv":
            print(write_csv(self.folder, self.output))
        else:
            print(write_report(self.folder, self.output))
        return 0
