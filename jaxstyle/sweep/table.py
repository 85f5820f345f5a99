"""Checks the content of `sweep.json`, which comes from a folder that a stranger may have written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxstyle.errors import SettingError, is_number

FORMAT = 1
HEX = set("0123456789abcdef")
"""The characters of a cell's id."""
_TABLE = {"cells": list, "inputs": dict, "recipes": dict, "axes": dict, "model": dict, "plan": dict}
_CELL: dict[str, Any] = {
    "id": str,
    "axes": dict,
    "content": str,
    "styles": list,
    "recipe": str,
    "size": int | None,
    "style_scale": int | float,
    "seed": int,
    "blend": list | None,
    "init": str | None,
}


def check_table(table: Mapping[str, Any], path: Path) -> None:
    """Raise SettingError if the table is not a sweep's, or an entry is missing or of the wrong type.

    Values such as sizes are checked only when a cell is painted, so that a bad cell does not affect the others.

    Args:
        table: the content of `sweep.json`.
        path: the path of the file, for error messages.
    """
    if table.get("format") != FORMAT:
        raise SettingError(f"{path}: is no sweep of format {FORMAT}")
    wrong = [name for name, kind in _TABLE.items() if not isinstance(table.get(name), kind)]
    wrong += [f"input {key[:20]!r}" for key, entry in _items(table, "inputs") if not _is_input(entry)]
    wrong += [f"recipe {key[:20]!r}" for key, entry in _items(table, "recipes") if not isinstance(entry, dict)]
    wrong += [f"axis {key[:20]!r}" for key, values in _items(table, "axes") if not isinstance(values, list)]
    cells = table.get("cells")
    for number, cell in enumerate(cells if isinstance(cells, list) and not wrong else []):
        if (problem := _problem(cell, table)) is not None:
            wrong.append(f"cell {number} ({problem})")
            break
    if wrong:
        more = f" and {len(wrong) - 3} more" if wrong[3:] else ""
        raise SettingError(f"{path}: is not whole: no usable {', '.join(wrong[:3])}{more}")


def _items(table: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    value = table.get(name)
    return [*value.items()] if isinstance(value, dict) else []


def _is_input(entry: Any) -> bool:
    if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
        return False
    return bool(entry.get("path") or entry.get("array"))


def _problem(cell: Any, table: Mapping[str, Any]) -> str | None:
    """A short name of what is wrong with a cell; None if the cell is usable."""
    if not isinstance(cell, dict):
        return "no object"
    for name, kind in _CELL.items():
        if name not in cell or not isinstance(cell[name], kind) or isinstance(cell[name], bool):
            return name
    if not cell["id"] or set(cell["id"]) - HEX or len(cell["id"]) > 64:
        return "id"
    if not all(is_number(share, 0) for share in cell["blend"] or ()):
        return "blend"
    inputs = [cell["content"], *cell["styles"], *([] if cell["init"] is None else [cell["init"]])]
    if not all(isinstance(key, str) and key in table["inputs"] for key in inputs):
        return "pictures"
    return None if cell["recipe"] in table["recipes"] else "recipe"
