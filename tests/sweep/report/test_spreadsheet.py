"""A sweep as CSV: what the records say, number by number, and nothing that a spreadsheet would run."""

import csv
import json

import pytest

from jaxstyle.cli.main import main
from jaxstyle.errors import ImageFileError
from jaxstyle.sweep.report import write_csv
from jaxstyle.sweep.table import FORMAT

AXES = {"content": ["a.png", "=1+1"], "seed": [0, 1], "shift": [-0.5], "blend": [[1.0, 2.0]], "dark": [True]}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "sweep"
    (place / "records").mkdir(parents=True)
    cells = [
        {"id": f"{i:04x}", "axes": {"content": AXES["content"][i % 2], "seed": i // 2, "shift": -0.5, "dark": True}}
        for i in range(4)
    ]
    (place / "sweep.json").write_text(
        json.dumps({"format": FORMAT, "axes": AXES, "cells": cells, "inputs": {}}), encoding="utf-8"
    )
    for i, cell in enumerate(cells[:3]):
        record = cell | {"status": "done", "seconds": 1.5 + i, "size": [64, 48], "metrics": {"ssim": 1 / (i + 3)}}
        (place / "records" / f"{cell['id']}.json").write_text(
            json.dumps(record | {"losses": {"total": 1e-9 * i}}), encoding="utf-8"
        )
    return place


def test_rows_are_the_cells(folder, tmp_path):
    path = write_csv(folder, tmp_path / "out.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", *AXES, "status", "width", "height", "ssim", "total", "seconds"]
    assert [row["id"] for row in rows] == ["0000", "0001", "0002", "0003"]
    assert [row["status"] for row in rows] == ["done", "done", "done", "pending"]
    assert [float(row["ssim"]) for row in rows[:3]] == [1 / 3, 1 / 4, 1 / 5]
    assert [float(row["total"]) for row in rows[:3]] == [0.0, 1e-9, 2e-9]
    assert [row["seconds"] for row in rows] == ["1.5", "2.5", "3.5", ""]
    assert (rows[0]["width"], rows[0]["height"], rows[3]["width"]) == ("64", "48", "")
    assert (rows[2]["seed"], rows[0]["shift"], rows[0]["dark"], rows[0]["blend"]) == ("1", "-0.5", "True", "")


def test_no_text_is_a_formula(folder, tmp_path):
    with write_csv(folder, tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        assert [row["content"] for row in csv.DictReader(file)] == ["a.png", "'=1+1", "a.png", "'=1+1"]


def test_the_command_takes_the_suffix_for_it(folder, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["report", str(folder), "-o", str(tmp_path / "x.CSV")])
    assert not exit.value.code and capsys.readouterr().out.strip() == str(tmp_path / "x.CSV")
    assert (tmp_path / "x.CSV").read_text(encoding="utf-8").startswith("id,content,seed,")
    with pytest.raises(ImageFileError, match=r"expected one of .csv"):
        write_csv(folder, tmp_path / "x.txt")
