"""The pictures that a sweep started from: which there are, and which a cell had."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jaxstyle.sweep.report.records import Record

ROLES = {"content": "content", "style": "styles"}
"""What a role's pictures are called in the settings; as an axis they have the role's own name."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Input(NamedTuple):
    """A content or style picture.

    Attributes:
        name: of its file; "" for an array.
        thumbnail: path of a small copy, relative to the sweep's folder, unchecked; None if there is none.
    """

    name: str
    thumbnail: Any


def find_inputs(records: Iterable[Record], table: Any) -> dict[str, Input]:
    """{hash: input} of all that records name, then of what only the sweep's own table has a thumbnail of."""
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
    """Hashes of a cell's pictures: as its record says; without one, those that bear the name on its axis."""
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
