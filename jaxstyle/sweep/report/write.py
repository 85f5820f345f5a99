"""Writes the report of a sweep's folder as one HTML file."""

import json
import os
from pathlib import Path
from typing import Any

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.files import write_atomically
from jaxstyle.image import check_target
from jaxstyle.sweep.report.cells import SweepReport, read_sweep
from jaxstyle.sweep.report.payload import make_payload
from jaxstyle.sweep.report.render import render
from jaxstyle.sweep.report.thumbnails import make_thumbnails

MAX_BYTES = 55_000_000
"""The target size of a report in bytes. The pictures share what the other data leaves, but at least a quarter."""


def write_report(folder: str | os.PathLike, output: str | os.PathLike | None = None) -> Path:
    """Write the sweep in `folder` as one self-contained HTML file, and return its path.

    Pictures are embedded at a long edge of 512 pixels. Above about 500 pictures they are smaller (256 pixels for
    2,000), so that the file stays below 60 MB. The page needs no network, and nothing in the sweep can run in it.

    >>> write_report("sweeps/weights")
    PosixPath('sweeps/weights/report.html')

    Args:
        folder: the folder that `jaxstyle sweep run` or `run_sweep` wrote; the sweep may still be running.
        output: the file to write, with the suffix .html or .htm; by default report.html in `folder`.

    Raises:
        SettingError: `folder` is not a sweep's folder.
        ImageFileError: the report cannot be written.
    """
    place = Path(folder)
    if not place.is_dir():
        raise SettingError(f"folder: got {str(place)!r}, which is no folder; expected that of `jaxstyle sweep run`")
    sweep = read_sweep(place)
    target = check_target(place / "report.html" if output is None else output, (".html", ".htm"))
    page = render(_with_pictures(sweep, make_payload(sweep)))
    try:
        with write_atomically(target) as file:
            file.write(page)
    except OSError as error:
        raise ImageFileError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def _with_pictures(sweep: SweepReport, payload: dict[str, Any]) -> dict[str, Any]:
    """Add to each input and cell of the payload its picture, or the reason why it has none."""
    names = [entry.thumbnail for entry in sweep.inputs.values()] + [cell.record.image for cell in sweep.cells]
    budget = max(MAX_BYTES - len(json.dumps(payload)), MAX_BYTES // 4)
    entries = payload["inputs"] + payload["cells"]
    for entry, thumbnail in zip(entries, make_thumbnails(sweep.folder, names, budget), strict=True):
        entry.setdefault("size", thumbnail.size)
        entry |= {"picture": thumbnail.uri, "fault": thumbnail.fault}
    return payload
