"""Converts a sweep to the plain data that the page's script shows: numbers, texts, and indices into lists.

Names from the sweep, such as those of axes and losses, are items of lists, never keys.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from jaxstyle.sweep.report.cells import ReportCell, SweepReport
from jaxstyle.sweep.report.columns import Column, find_columns
from jaxstyle.sweep.report.inputs import ROLES, inputs_of

HISTORY_POINTS = 200_000
"""The most points of all cells' loss curves together, so that they stay a small part of the page of a large sweep."""


def make_payload(sweep: SweepReport) -> dict[str, Any]:
    """The data of everything that the page shows, except the pictures."""
    axes = _axes(sweep)
    columns = find_columns(sweep.cells)
    places = {name: {_key(value): i for i, value in enumerate(values)} for name, values in axes.items()}
    pool = SharedSettings()
    points = max(2, HISTORY_POINTS // max(1, len(sweep.cells)))
    inputs = {key: place for place, key in enumerate(sweep.inputs)}
    return {
        "title": sweep.folder.resolve().name,
        "axes": [{"name": name, "labels": [_label(value) for value in values]} for name, values in axes.items()],
        "columns": [column._asdict() for column in columns],
        "inputs": [{"name": entry.name} for entry in sweep.inputs.values()],
        "cells": [_cell(sweep, cell, places, columns, inputs, pool, points) for cell in sweep.cells],
        "pool": pool.values,
    }


class SharedSettings:
    """A list of settings' values in which values that several cells share are stored once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def add(self, settings: Mapping[str, Any]) -> list[list[Any]]:
        """Store the values of settings, and return [name, index of its value] for each setting."""
        return [[name, self._place(value)] for name, value in settings.items()]

    def _place(self, value: Any) -> int:
        place = self._places.setdefault(json.dumps(value), len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place


def command(folder: Path, id: str) -> str:
    """The command line that paints a cell again, quoted for a POSIX shell."""
    place = str(folder)
    return shlex.join(
        ["jaxstyle", "sweep", "cell", f"./{place}" if place.startswith("-") else place, id, "-o", f"{id}.png"]
    )


def _cell(
    sweep: SweepReport,
    cell: ReportCell,
    places: Mapping[str, Mapping[str, int]],
    columns: list[Column],
    inputs: Mapping[str, int],
    pool: SharedSettings,
    points: int,
) -> dict[str, Any]:
    record = cell.record
    hashes = {role: inputs_of(record, cell.axes, role, sweep.inputs) for role in ROLES}
    return {
        "id": cell.id,
        "axes": [places[name][_key(cell.axes[name])] if name in cell.axes else -1 for name in places],
        "status": record.status,
        "error": record.error,
        "content": inputs[hashes["content"][0]] if hashes["content"] else -1,
        "styles": [inputs[key] for key in hashes["style"]],
        "size": record.size,
        "values": [column.value(record) for column in columns],
        "history": [[name, _thin(values, points)] for name, values in record.history.items()],
        "settings": pool.add({**record.settings, **record.extra}),
        "command": command(sweep.folder, cell.id) if record.status != "unreadable" else "",
    }


def _axes(sweep: SweepReport) -> dict[str, list[Any]]:
    """{axis: values}: the declared axes and values, then those that occur only in cells."""
    axes: dict[str, dict[str, Any]] = {name: {} for name in sweep.axes}
    declared = ((name, value) for name, values in sweep.axes.items() for value in values)
    for name, value in chain(declared, *(cell.axes.items() for cell in sweep.cells)):
        axes.setdefault(name, {}).setdefault(_key(value), value)
    return {name: list(values.values()) for name, values in axes.items()}


def _key(value: Any) -> str:
    """The text that identifies a value: 1 and 1.0 have the same; 1, true and "1" have different ones."""
    return json.dumps(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def _label(value: Any) -> str:
    if isinstance(value, list):
        return " + ".join(value)
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value)


def _thin(values: list[float | None], points: int) -> list[float | None]:
    """At most `points` evenly spaced values, with the first and the last, rounded to four digits."""
    count = min(points, len(values))
    chosen: Iterable[float | None] = (values[i * (len(values) - 1) // max(1, count - 1)] for i in range(count))
    return [None if value is None else float(f"{value:.4g}") for value in chosen]
