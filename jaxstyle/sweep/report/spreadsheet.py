"""Writes a sweep as CSV, one row per cell, for spreadsheets and pandas."""

import csv
import io
import os
from pathlib import Path
from typing import Any

from jaxstyle.errors import ImageFileError
from jaxstyle.files import write_atomically
from jaxstyle.image import check_target
from jaxstyle.sweep.report.cells import ReportCell, read_sweep
from jaxstyle.sweep.report.columns import find_columns

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(folder: str | os.PathLike, output: str | os.PathLike) -> Path:
    """Write one row per cell of a sweep as CSV, and return the path of the file.

    The columns are the id, the axes, status, width and height in pixels, metrics, last losses and seconds. Numbers are
    written in full. Missing values are empty. A text that a spreadsheet would take for a formula gets an apostrophe in
    front.

    Args:
        folder: the sweep's folder.
        output: the file to write, with the suffix .csv.

    Raises:
        SettingError: `folder` is not a sweep's folder. ImageFileError: the file cannot be written.
    """
    sweep = read_sweep(Path(folder))
    target = check_target(output, (".csv",))
    columns = find_columns(sweep.cells)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(as_cell, ["id", *sweep.axes, "status", "width", "height", *(c.name for c in columns)]))
    for cell in sweep.cells:
        axes = [as_cell(cell.axes.get(name)) for name in sweep.axes]
        writer.writerow([cell.id, *axes, *_facts(cell), *(column.value(cell.record) for column in columns)])
    try:
        with write_atomically(target) as file:
            file.write(text.getvalue().encode())
    except OSError as error:
        raise ImageFileError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def _facts(cell: ReportCell) -> list[Any]:
    width, height = cell.record.size or (None, None)
    return [cell.record.status, width, height]


def as_cell(value: Any) -> Any:
    """A value as a spreadsheet may have it: numbers and None as they are, everything else as text."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = " + ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
