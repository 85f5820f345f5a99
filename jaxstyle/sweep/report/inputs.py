"""Finds the content and style pictures of a sweep, and those of each cell."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jaxstyle.sweep.report.records import Record

ROLES = {"content": "content", "style": "styles"}
"""{role, which is also the name of its axis: the name of its pictures in a record's settings}."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Input(NamedTuple):
    """A content or style picture.

    Attributes:
        name: the name of its file; "" for an array.
        thumbnail: path of a small copy, relative to the sweep's folder, unchecked; None if there is none.
    """

    name: str
    thumbnail: Any


def find_inputs(records: Iterable[Record], table: Any) -> dict[str, Input]:
    """{SHA-256: input} of all pictures in the records, then of those that only `table` has a thumbnail of.

    Args:
        records: the records of all cells.
        table: the "inputs" of `sweep.json`, unchecked.
    """
    found: dict[str, Input] = {}
    for record in records:
        for role in ROLES:
            for entry in _described(record, role):
                found.setdefault(entry["sha256"], Input(_name(entry), f"inputs/{entry['sha256'][:16]}.jpg"))
    for key, entry in table.items() if isinstance(table, dict) else ():
        if isinstance(entry, dict) and "thumbnail" in entry:
            found.setdefault(key, Input(_name(entry), entry["thumbnail"]))
    return found


def inputs_of(record: Record, axes: Mapping[str, Any], role: str, inputs: Mapping[str, Input]) -> list[str]:
    """The SHA-256 hashes of a cell's pictures in a role.

    They come from its record or, without one, from the inputs whose names are the cell's value on the role's axis.

    Args:
        record: the cell's record.
        axes: the cell's {axis: value}.
        role: "content" or "style".
        inputs: all pictures of the sweep, from `find_inputs`.
    """
    hashes = [entry["sha256"] for entry in _described(record, role)]
    if hashes:
        return hashes
    value = axes.get(role)
    first = {entry.name: key for key, entry in reversed([*inputs.items()])}
    return [first[name] for name in (value if isinstance(value, list) else [value]) if name and name in first]


def _described(record: Record, role: str) -> Iterator[dict[str, Any]]:
    value = record.settings.get(ROLES[role])
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and _SHA256.fullmatch(entry["sha256"]):
            yield entry


def _name(entry: Mapping[str, Any]) -> str:
    name = entry.get("name")
    return name if isinstance(name, str) else ""
