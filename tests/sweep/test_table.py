"""sweep.json from a stranger: every part of a wrong type is named."""

from pathlib import Path

import pytest

from jaxstyle.errors import SettingError
from jaxstyle.sweep.table import FORMAT, check_table

CELL = {
    "id": "0123abcd",
    "axes": {"seed": 1},
    "content": "a",
    "styles": ["b", "c"],
    "recipe": "r",
    "size": 64,
    "style_scale": 1.0,
    "seed": 1,
    "blend": [1.0, 2],
    "init": "a",
}
TABLE = {
    "format": FORMAT,
    "cells": [CELL, CELL | {"size": None, "blend": None, "init": None, "style_scale": 2, "styles": []}],
    "inputs": {"a": {"name": "a.png", "path": "/a.png"}, "b": {"array": "b.npy"}, "c": {"path": "c.png"}},
    "recipes": {"r": {}},
    "axes": {"seed": [1]},
    "model": {},
    "plan": {},
}
CHANGES = [
    ({"cells": {}}, "cells"),
    ({"cells": [[]]}, r"cell 0 \(no object\)"),
    ({"inputs": []}, "inputs"),
    ({"inputs": {"a": {"path": ["x"]}}}, "input 'a'"),
    ({"inputs": {"a": {}}}, "input 'a'"),
    ({"recipes": {"a": 3}}, "recipe 'a'"),
    ({"axes": {"seed": 3}}, "axis 'seed'"),
    ({"model": None}, "model"),
    ({"plan": 3}, "plan"),
    ({"inputs": {"a": {"path": ""}}}, "input 'a'"),
    ({"cells": 3, "model": 3, "plan": 3, "axes": 3}, "cells, axes, model and 1 more$"),
]
OF_CELLS = {
    "id": ["", "../../x", "G", 3, None, "a" * 65, ["a"]],
    "axes": [[], 3],
    "content": ["nowhere", 3, ["a"]],
    "styles": ["x", [3], [["a"]], ["nowhere"]],
    "recipe": ["nowhere", 3, {}],
    "size": ["64", [64], 64.5, True],
    "style_scale": ["1", None, []],
    "seed": ["1", None, 1.5],
    "blend": ["1", ["1"], [[1]], {}, [-1]],
    "init": [3, ["a"], "nowhere"],
}


def check(table):
    check_table(table, Path("sweep.json"))


def test_a_sound_table_is_taken():
    check(TABLE)
    check(TABLE | {"cells": [], "inputs": {}, "recipes": {}, "axes": {}})


@pytest.mark.parametrize("format", [None, 0, 2, "1"])
def test_another_format_is_no_sweep(format):
    with pytest.raises(SettingError, match=r"^sweep.json: is no sweep of format 1$"):
        check(TABLE | {"format": format})


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_part_of_a_wrong_type(change, message):
    with pytest.raises(SettingError, match=f"^sweep.json: is not whole: no usable {message}"):
        check(TABLE | change)


@pytest.mark.parametrize("name", OF_CELLS)
def test_a_cell_with_a_part_of_a_wrong_type(name):
    for value in OF_CELLS[name]:
        with pytest.raises(SettingError, match=r"no usable cell 1 \("):
            check(TABLE | {"cells": [CELL, CELL | {name: value}]})
    with pytest.raises(SettingError, match=rf"no usable cell 0 \({name}"):
        check(TABLE | {"cells": [{key: value for key, value in CELL.items() if key != name}]})


def test_an_id_has_64_signs_at_most():
    check(TABLE | {"cells": [CELL | {"id": "a" * 64}]})
