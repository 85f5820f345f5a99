"""Reads a sweep's folder into a list of cells, each with its record, or the reason why that cannot be used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxstyle.errors import SettingError
from jaxstyle.sweep.report.inputs import Input, find_inputs
from jaxstyle.sweep.report.records import Record, read_record
from jaxstyle.sweep.table import FORMAT
from jaxstyle.sweep.untrusted import MAX_TABLE, read_json

_ID = re.compile(r"\w[\w-]{0,63}", re.ASCII)
_SCALAR = str | int | float | bool | None


@dataclass(frozen=True)
class ReportCell:
    """One cell of the sweep.

    Attributes:
        id: the id that its files are named after.
        axes: {axis: value}, its place in the grid.
        record: its record, with the status "pending" if there is none, "unreadable" if it is damaged.
    """

    id: str
    axes: Mapping[str, Any]
    record: Record


@dataclass(frozen=True)
class SweepReport:
    """Everything that a report shows, except the pictures.

    Attributes:
        folder: the sweep's folder.
        axes: {axis: values}, as `sweep.json` declares them.
        cells: the cells, in the order of `sweep.json`.
        inputs: the content and style pictures, by SHA-256.
    """

    folder: Path
    axes: Mapping[str, list[Any]]
    cells: list[ReportCell]
    inputs: Mapping[str, Input] = field(default_factory=dict)


def read_sweep(folder: Path) -> SweepReport:
    """Read `sweep.json` and the records of `folder`; a damaged cell or input is listed as such and raises no error.

    Raises:
        SettingError: `folder` holds no sweep, or one of an unknown format.
    """
    grid = _read_grid(folder)
    axes = {name: [*filter(_is_axis, values)] for name, values in grid["axes"].items() if isinstance(values, list)}
    cells = [_cell(folder, number, cell) for number, cell in enumerate(grid["cells"])]
    return SweepReport(folder, axes, cells, find_inputs((cell.record for cell in cells), grid.get("inputs")))


def _read_grid(folder: Path) -> dict[str, Any]:
    path = folder / "sweep.json"
    if not path.exists():
        raise SettingError(
            f"folder: got {str(folder)!r}, which has no sweep.json; expected the folder of `jaxstyle sweep run`"
        )
    try:
        grid = read_json(folder, "sweep.json", most=MAX_TABLE)
    except (ValueError, OSError) as error:
        raise SettingError(f"{path}: {error}; run the sweep again to write it") from error
    usable = isinstance(grid.get("axes"), dict) and isinstance(grid.get("cells"), list)
    if grid.get("format") != FORMAT or not usable:
        raise SettingError(
            f"{path}: got format {grid.get('format')!r:.80}, expected {FORMAT} with axes and cells; "
            "is this jaxstyle older than the sweep?"
        )
    return grid


def _cell(folder: Path, number: int, cell: Any) -> ReportCell:
    """Make the `ReportCell` of an entry of `sweep.json`; an unusable entry becomes an unreadable cell in its place."""
    id, axes = (cell.get("id"), cell.get("axes")) if isinstance(cell, dict) else (None, None)
    if not isinstance(id, str) or not _ID.fullmatch(id) or not isinstance(axes, dict):
        return ReportCell(
            f"cell-{number}", {}, Record("unreadable", "sweep.json has no usable id and axes for this cell")
        )
    if not all(_is_axis(value) for value in axes.values()):
        return ReportCell(id, {}, Record("unreadable", "an axis of this cell is not a text, number, or list of texts"))
    return ReportCell(id, axes, read_record(folder, id))


def _is_axis(value: Any) -> bool:
    return isinstance(value, _SCALAR) or (isinstance(value, list) and all(isinstance(part, str) for part in value))
