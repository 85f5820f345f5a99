"""`jaxstyle sweep` and `jaxstyle report`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitSubcommandPrefixes, Positional, arg, subcommand

Output = Annotated[Path, arg(aliases=("-o",))]


@dataclass
class SweepRun:
    """Paint every combination of a grid's contents, styles and settings; go on where an earlier call ended."""

    grid: Annotated[Positional[Path], arg(metavar="GRID.toml")]
    """Which pictures and settings, see docs/sweeps.md."""
    output: Output
    """The folder to write into; made where it is missing."""
    weights: str | None = None
    """The VGG19, as for `jaxstyle stylize`; the grid's, else its default, when not given."""
    batch: int | None = None
    """Cells at a time; as many as run well and fit into the memory when not given."""
    shard: str | None = None
    """K/N: only every N-th cell, from the K-th on, counted from 1: for N machines that share the folder."""
    ray: str | None = None
    """Address of a Ray cluster that does the work, or "local" for one on this machine (extra: cluster)."""
    conv: Literal["auto", "winograd", "exact"] = "auto"
    """As for `jaxstyle stylize`."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """As for `jaxstyle stylize`."""
    metrics: Literal["on", "off"] = "on"
    """Measure every result."""
    checkpoint: float | None = None
    """Seconds between two savings of where the running cells are. By default 30; not with --ray."""
    resume: Literal["on", "off"] = "on"
    """off: refuse a folder that has finished cells."""

    def run(self) -> int:
        """Exit code 0; 1 where a cell failed or became infinite; 75 where it was interrupted and can go on."""
        from jaxstyle.cli.run_sweep import run_grid

        return run_grid(self)


@dataclass
class SweepStatus:
    """Count a sweep's cells, and name those that failed."""

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
    """Do the cells again that failed or became infinite, and those that were not finished."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")]
    """The folder of the sweep."""
    weights: str | None = None
    """The weights file, where its name does not tell."""
    batch: int | None = None
    """Cells at a time."""

    def run(self) -> int:
        """As `jaxstyle sweep run`."""
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
    weights: str | None = None
    """The weights file, where its name does not tell."""

    def run(self) -> int:
        """Exit code 0 where it is the same or there was none, 1 where it differs."""
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
        """The chosen command's exit code."""
        return self.command.run()


@dataclass
class ReportCommand:
    """Write a sweep as one HTML page: contact sheet, filters, before and after, curves, metrics."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")]
    """The folder of the sweep; it may still be running."""
    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """The page to write, DIR/report.html when not given; or a .csv, a row for each cell."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.sweep.report import write_csv, write_report

        if self.output is not None and self.output.suffix.lower() == ".csv":
            print(write_csv(self.folder, self.output))
        else:
            print(write_report(self.folder, self.output))
        return 0
