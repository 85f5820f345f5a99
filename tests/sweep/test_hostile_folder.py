"""A sweep's folder from a stranger: it neither hangs nor exhausts, and touches nothing outside."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from jaxstyle.cli.main import main
from jaxstyle.errors import JaxstyleError, SettingError
from jaxstyle.image import read_picture
from jaxstyle.sweep.cells import Stored, read_cells
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.transfer.state_file import read_npy

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture
def finished(grid, sweep, tmp_path):
    """A sweep of two cells, and what it is in memory."""
    sweep(grid(contents="ab", styles="x", steps=1), tmp_path / "sweep")
    folder = SweepFolder(tmp_path / "sweep")
    return folder, folder.read(), [cell.id for cell in read_cells(folder)]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return exit.value.code or 0, captured.out + captured.err


def rewrite(folder, table):
    (folder.path / "sweep.json").write_text(json.dumps(table), encoding="utf-8")


@pytest.mark.parametrize("name", ["sweep.json", "records/ID.json", "checkpoints/a.npz"])
def test_pipes_are_not_waited_for(finished, capsys, name):
    folder, _, (cell, _) = finished
    path = folder.path / name.replace("ID", cell)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    code, said = run(capsys, "sweep", "status", folder.path)
    assert "fault in jaxstyle" not in said
    assert (code, "not a regular file" in said) == ((2, True) if name == "sweep.json" else (0, False))
    assert (folder.record(cell) is None) == name.startswith("records")
    assert folder.checkpoints() == {}


@pytest.mark.parametrize("name", ["images", "records", "checkpoints", "locks"])
def test_a_folder_that_is_a_link_is_not_used(finished, tmp_path, capsys, name):
    """Else `retry` would delete, lock, and write pictures elsewhere."""
    folder, _, (cell, _) = finished
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for each in (folder.path / name).iterdir():
        (elsewhere / each.name).write_bytes(each.read_bytes())
        each.unlink()
    (elsewhere / f"{cell}.json").write_text("mine", encoding="utf-8")
    (folder.path / name).rmdir()
    (folder.path / name).symlink_to(elsewhere)
    if name != "records":
        folder_record = folder.path / "records" / f"{cell}.json"
        folder_record.write_text(
            json.dumps(json.loads(folder_record.read_text(encoding="utf-8")) | {"status": "failed"}), encoding="utf-8"
        )
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    code, said = run(capsys, "sweep", "retry", folder.path, "--model", "embedded")
    assert code == 2 and "a link where a folder is expected" in said
    assert before == {path.name: path.read_bytes() for path in elsewhere.iterdir()}


def test_files_that_are_links_are_not_followed(finished, tmp_path):
    folder, _, (cell, other) = finished
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"id": cell, "status": "done"}), encoding="utf-8")
    record = folder.path / "records" / f"{cell}.json"
    record.unlink()
    record.symlink_to(secret)
    assert folder.record(cell) is None and folder.record(other) is not None
    folder.write_record({"id": cell, "status": "failed"})
    assert json.loads(secret.read_text(encoding="utf-8"))["status"] == "done", (
        "the link is replaced, not what it leads to"
    )
    lock = folder.path / "locks" / f"{cell}.lock"
    lock.symlink_to(tmp_path / "made")
    with pytest.raises(SettingError, match=r"lock cannot be used \(a link"):
        folder.claim(cell)
    assert not (tmp_path / "made").exists()
    array = folder.path / "inputs" / "x.npy"
    array.symlink_to(secret)
    with pytest.raises(JaxstyleError, match="a link"):
        read_picture(Stored(folder.path, "inputs/x.npy"), name="content")


def test_checkpoints_do_not_inflate(finished, caplog):
    folder, _, (cell, _) = finished
    path = folder.path / "checkpoints" / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{cell}/image.npy", bytes(30_000_000))
    assert folder.checkpoints() == {} and folder.load_checkpoint(path, cell) is None
    assert "compressed members, which a checkpoint never has" in caplog.text
    folder.clear([cell])
    assert path.exists()


def npy(shape, dtype="<f4", data=b"", fortran=False):
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": fortran, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


@pytest.mark.parametrize("shape", [(10**12,), (2**31, 2**31, 2**31), (3,)])
def test_arrays_are_no_larger_than_their_files(shape):
    data = npy(shape)
    with pytest.raises(ValueError, match="declares an array"):
        read_npy(io.BytesIO(data), len(data))


def test_arrays_are_what_numpy_reads():
    for array in (np.arange(6.0).reshape(2, 3), np.float32(3), np.zeros((0, 3)), np.asfortranarray(np.ones((3, 2)))):
        file = io.BytesIO()
        np.save(file, array)
        size = file.tell()
        file.seek(0)
        got = read_npy(file, size)
        np.testing.assert_array_equal(got, array)
        assert got.dtype == np.asarray(array).dtype and got.flags.writeable
    objects = io.BytesIO()
    np.save(objects, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="declares an array"):
        read_npy(io.BytesIO(objects.getvalue()), 1000)


@pytest.mark.parametrize("change", [{"cells": [[]]}, {"inputs": []}, {"axes": {"seed": 3}}, {"plan": 3}])
def test_a_table_of_wrong_types_is_no_fault_of_ours(finished, capsys, change):
    folder, table, _ = finished
    rewrite(folder, table | change)
    for command in ("status", "retry"):
        code, said = run(capsys, "sweep", command, folder.path)
        assert code == 2 and "is not whole: no usable" in said and "fault in jaxstyle" not in said


def test_what_a_record_says_does_not_command_the_terminal(finished, capsys):
    folder, table, (cell, _) = finished
    record = folder.record(cell) | {"status": "failed", "error": "\x1b]0;title\x07\x9b2J\r\nhello"}
    folder.write_record(record)
    code, said = run(capsys, "sweep", "status", folder.path)
    assert code == 0 and "\\x1b]0;title\\x07\\x9b2J hello" in said and "\x1b" not in said
    folder.write_record(record | {"status": "\x1b[31m"})
    assert folder.record(cell) is None
    rewrite(folder, table | {"model": {"name": "\x1b[2J"}})
    code, said = run(capsys, "sweep", "retry", folder.path)
    assert code == 2 and "\x1b" not in said
