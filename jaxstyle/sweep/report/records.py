"""Reads and checks the records of cells, which may be damaged or written by a stranger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxstyle.sweep.folder import STATUSES
from jaxstyle.sweep.untrusted import read_json

MAX_NAMES = 100
"""The most losses, and the most metrics, that a record may have; each becomes a column of the report."""
MAX_POINTS = 10_000
"""The most points of a loss curve in a record."""

Numbers = Mapping[str, float | None]


@dataclass(frozen=True)
class Record:
    """The checked content of a cell's record.

    Attributes:
        status: "done", "no better", "not finite", "failed", "pending" or "unreadable".
        error: what went wrong, or "".
        settings: the settings of the run: recipe, seed, inputs, versions.
        image: path of the result, relative to the sweep's folder, unchecked; None if there is none.
        size: (width, height) of the result in pixels.
        losses: {"total" or term: its last value}.
        metrics: {metric: value}.
        history: {"total" or term: its values}, and the numbers of their steps as "step"; all lists of one length.
        seconds: how long the cell took.
        extra: further entries that the report shows with the settings.
    """

    status: str
    error: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    image: Any = None
    size: tuple[int, int] | None = None
    losses: Numbers = field(default_factory=dict)
    metrics: Numbers = field(default_factory=dict)
    history: Mapping[str, list[float | None]] = field(default_factory=dict)
    seconds: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_record(folder: Path, id: str) -> Record:
    """Read the record of the cell `id`. Its status is "pending" if there is none, "unreadable" if it is damaged."""
    name = f"records/{id}.json"
    if not (folder / name).exists():
        return Record("pending")
    try:
        return _record(read_json(folder, name), id)
    except OSError as error:
        return Record("unreadable", f"the record {name} cannot be used: {error.strerror or error}")
    except ValueError as error:
        return Record("unreadable", f"the record {name} cannot be used: {error}")


def _record(data: dict[str, Any], id: str) -> Record:
    if data.get("id") != id or data.get("status") not in STATUSES:
        raise ValueError(
            f"got id {data.get('id')!r:.80} and status {data.get('status')!r:.80}, expected those of a run"
        )
    return Record(
        status=data["status"],
        error=_text(data, "error"),
        settings=_object(data, "settings"),
        image=data.get("image"),
        size=_size(data.get("size")),
        losses=_numbers(data, "losses"),
        metrics=_numbers(data, "metrics"),
        history=_history(data),
        seconds=_number(data.get("seconds"), "seconds"),
        extra={key: data[key] for key in ("batch", "image_sha256") if key in data},
    )


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict | None):
        raise ValueError(f"{name}: got a {type(value).__name__}, expected an object")
    return value or {}


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str | None):
        raise ValueError(f"{name}: got a {type(value).__name__}, expected a text")
    return value or ""


def _number(value: Any, name: str) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise ValueError(f"{name}: got a {type(value).__name__}, expected a number")
    return value


def _numbers(data: dict[str, Any], name: str) -> dict[str, float | None]:
    values = _object(data, name)
    if len(values) > MAX_NAMES:
        raise ValueError(f"{name}: got {len(values)} values, expected at most {MAX_NAMES}")
    return {key: _number(value, f"{name}[{key!r:.80}]") for key, value in values.items()}


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(type(edge) is int and edge > 0 for edge in value):
        raise ValueError(f"size: got {value!r:.80}, expected [width, height]")
    return value[0], value[1]


def _history(data: dict[str, Any]) -> dict[str, list[float | None]]:
    history = _object(data, "history")
    lengths = {len(values) if isinstance(values, list) else -1 for values in history.values()}
    if not history:
        return {}
    if len(history) > MAX_NAMES or len(lengths) != 1 or not 0 <= min(lengths) <= MAX_POINTS or "step" not in history:
        raise ValueError(f"history: expected step and at most {MAX_NAMES} losses as lists of one length")
    return {key: [_number(value, "history") for value in values] for key, values in history.items()}
