"""Writes what is kept of a finished cell: its picture, and its record, one JSON object with all facts about it."""

import hashlib
import io
import math
import time
from typing import Any

import jax
import numpy as np
from PIL import Image

from jaxstyle.image import fit, resize, save_image, to_pil
from jaxstyle.sweep.cells import Cell
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.transfer.result import Result, versions
from jaxstyle.transfer.run import Run

MOST_POINTS = 100
"""The most points of a loss curve in a record."""
THUMBNAIL = 512
"""Long edge in pixels of the small copies of content and style pictures that a report shows."""


def write_finished(folder: SweepFolder, cell: Cell, run: Run, result: Result, about: dict[str, Any]) -> None:
    """Write a cell's picture and small copies of its inputs, then its record, which makes the cell finished.

    Args:
        folder: the sweep's folder.
        cell: the cell.
        run: the cell's run.
        result: the run's result.
        about: further facts to add to the record.
    """
    path = save_image(
        folder.at(f"images/{cell.id}.png"),
        result.image,
        alpha=result.alpha,
        recipe=result.settings | {"cell": {"id": cell.id, "axes": cell.axes}},
    )
    for described, rgb in zip(
        [result.settings["content"], *result.settings["styles"]], [run.picture.rgb, *run.inputs.styles], strict=True
    ):
        _write_thumbnail(folder, described["sha256"], rgb)
    losses = {name: _number(column[-1]) for name, column in result.history.items() if len(column)}
    height, width = result.image.shape[:2]
    folder.write_record(
        _record(cell, result.status)
        | {
            "settings": result.settings,
            "error": result.hint,
            "image": f"images/{cell.id}.png",
            "image_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size": [width, height],
            "losses": losses,
            "history": _thinned(result.history),
        }
        | about
    )


def write_failed(folder: SweepFolder, cell: Cell, error: Exception) -> None:
    """Write the record of a cell that cannot be painted, with the error's message."""
    folder.write_record(_record(cell, "failed") | {"error": str(error)})


def _record(cell: Cell, status: str) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    common = {"id": cell.id, "status": status, "error": None, "axes": cell.axes, "finished": now}
    empty: dict[str, Any] = {"image": None, "losses": {}, "history": {}, "metrics": {}}
    return common | empty | {"versions": versions(jax.default_backend())}


def _thinned(history: dict[str, np.ndarray]) -> dict[str, list]:
    """At most `MOST_POINTS` evenly spaced points of a history, with the first and the last, and their step numbers."""
    steps = len(next(iter(history.values()), ()))
    kept = np.unique(np.linspace(0, max(0, steps - 1), min(steps, MOST_POINTS)).round().astype(int))
    return {"step": [int(k) for k in kept]} | {
        name: [_number(column[k]) for k in kept] for name, column in history.items()
    }


def _number(value: Any) -> float | None:
    """The number as a float; None if it is not finite, because JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def _write_thumbnail(folder: SweepFolder, sha256: str, rgb: np.ndarray) -> None:
    name = f"inputs/{sha256[:16]}.jpg"
    if (folder.path / name).exists():
        return
    shape = fit(rgb.shape[:2], min(THUMBNAIL, max(rgb.shape[:2])))
    buffer = io.BytesIO()
    image: Image.Image = to_pil(resize(rgb, shape))
    image.save(buffer, "JPEG", quality=85)
    folder.write(name, buffer.getvalue())
