import json

import numpy as np
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.sweep.cells import read_cells
from jaxstyle.sweep.folder import SweepFolder


@pytest.fixture
def folder(tmp_path):
    made = SweepFolder(tmp_path / "sweep")
    made.make()
    return made


def test_records_that_are_torn_are_not_finished(folder):
    folder.write_record({"id": "ab", "status": "done"})
    assert folder.record("ab")["status"] == "done"
    for text in ("", '{"id": "ab", "sta', "[]", '{"id": "other"}', "[" * 100_000):
        (folder.path / "records" / "ab.json").write_text(text, encoding="utf-8")
        assert folder.record("ab") is None


def test_results_are_a_line_each(folder):
    for cell in ("a", "b"):
        folder.write_record({"id": cell, "status": "done", "error": "two\nlines"})
    lines = folder.write_results(["b", "none", "a"]).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["b", "a"]


def test_checkpoints_come_back(folder):
    arrays = {"state/0": np.arange(6.0), "level": np.asarray(1)}
    folder.save_checkpoint({"a": arrays, "b": arrays})
    known = folder.checkpoints()
    assert set(known) == {"a", "b"}
    np.testing.assert_array_equal(folder.load_checkpoint(known["a"], "a")["state/0"], arrays["state/0"])
    folder.write_record({"id": "a", "status": "done"})
    folder.clear(["a"])
    assert set(folder.checkpoints()) == {"a", "b"}  # b needs it
    folder.write_record({"id": "b", "status": "done"})
    folder.clear(["b"])
    assert folder.checkpoints() == {}


@pytest.mark.parametrize("length", [0, 30, 60, 150])
def test_damaged_checkpoints_are_left_out(folder, length):
    folder.save_checkpoint({"a": {"level": np.asarray(1)}})
    path = folder.path / "checkpoints" / "a.npz"
    path.write_bytes(path.read_bytes()[:length])
    known = folder.checkpoints()
    assert "a" not in known or folder.load_checkpoint(known["a"], "a") in (None, {})


def test_checkpoints_hold_no_code(folder, caplog):
    np.savez(folder.path / "checkpoints" / "a.npz", **{"a/level": np.asarray([print], object)})
    assert folder.load_checkpoint(folder.checkpoints()["a"], "a") is None
    assert "begin again" in caplog.text


def test_a_claim_is_one_process_s(folder):
    handle = folder.claim("a")
    assert handle is not None
    assert folder.claim("a") is None
    folder.release(handle)
    with folder.locked("a") as held:
        assert held


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 2, "cells": []}',
        '{"format": 1}',
        '{"format": 1, "cells": [1], "inputs": {}, "recipes": {}}',
        '{"format": 1, "cells": [], "inputs": [], "recipes": {}}',
        '{"format": 1, "cells": [], "inputs": {"a": 3}, "recipes": {}}',
    ],
)
def test_what_is_no_sweep_is_said(folder, text):
    (folder.path / "sweep.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=r"sweep\.json"):
        read_cells(folder)


def test_no_sweep_at_all(tmp_path):
    with pytest.raises(SettingError, match="is no sweep"):
        read_cells(SweepFolder(tmp_path))
