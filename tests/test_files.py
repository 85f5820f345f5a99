"""Files that appear whole or not at all, and inputs that are not written over."""

import contextlib
import os
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxstyle import files
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.files import inside, open_inside, read_inside, refuse_overwriting, write_atomically
from jaxstyle.image.write import check_target


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), write_atomically(target) as file:
        file.write(b"half")
        1 / 0  # noqa: B018
    assert target.read_bytes() == b"old" and [*tmp_path.iterdir()] == [target]
    with write_atomically(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new" and [*tmp_path.iterdir()] == [target]


@pytest.mark.parametrize("name", ["a.png", "sub/../a.png", "link.png", "hard.png"])
def test_an_input_is_known_by_whatever_name(tmp_path, name):
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.png").symlink_to(path)
    (tmp_path / "hard.png").hardlink_to(path)
    with pytest.raises(SettingError, match=r"--output: .* is also read from, and would be lost"):
        refuse_overwriting(tmp_path / name, [None, path])
    with pytest.raises(SettingError, match="--save-every"):
        refuse_overwriting(str(tmp_path / name), ["noise", str(path)], "--save-every")


def test_what_is_no_file_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("b.png").write_bytes(b"x")
    Path("a.png").write_bytes(b"x")
    refuse_overwriting("b.png", [None, "imagenet", 3, Path("missing.png"), "a.png"])
    refuse_overwriting("missing.png", ["missing.png", "a.png"])


def test_inside_a_folder_no_link_is_followed(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "a" / "b").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "x").write_bytes(b"secret")
    (root / "a" / "b" / "x").write_bytes(b"12345")
    assert read_inside(root, "a/b/x", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_inside(root, "a/b/x", 4)
    (root / "l").symlink_to(elsewhere)
    (root / "a" / "l").symlink_to(elsewhere)
    (root / "a" / "x").symlink_to(elsewhere / "x")
    for name in ("l/x", "a/l/x"):
        with pytest.raises(OSError, match="a link where a folder is expected"):
            inside(root, name)
    with pytest.raises(OSError, match="a link, which may lead out of the folder"):
        read_inside(root, "a/x", 10)
    assert inside(root, "a/x") == root / "a" / "x", "to be removed or replaced, which does not follow it"
    for name in ("../elsewhere/x", "a/../../elsewhere/x", str(elsewhere / "x")):
        with pytest.raises(OSError, match="leads out of the folder"):
            inside(root, name)
    (tmp_path / "alias").symlink_to(root)
    assert read_inside(tmp_path / "alias", "a/b/x", 5) == b"12345", "the folder itself may be given by a link"


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_pipes_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="not a regular file"):
            read_inside(tmp_path, name, 10)
    with pytest.raises(FileNotFoundError):
        read_inside(tmp_path, "missing", 10)


def test_a_new_file_is_made_as_one_may_write_it(tmp_path):
    handle = open_inside(tmp_path, "new.lock", os.O_RDWR | os.O_CREAT)
    os.close(handle)
    assert (tmp_path / "new.lock").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    found = os.umask(0)
    os.umask(found)
    return found


@pytest.fixture(params=["fcntl", "msvcrt"])
def system(request, monkeypatch):
    """Where locks are the system's own, and where they are Windows'; the latter is imitated."""
    if request.param == "msvcrt":
        own = files.fcntl

        def locking(handle, mode, size):
            assert (mode, size) == (2, 1) and os.lseek(handle, 0, os.SEEK_CUR) == 0
            try:
                own.flock(handle, own.LOCK_EX | own.LOCK_NB)
            except BlockingIOError:
                raise PermissionError(13, "locked") from None

        monkeypatch.setattr(files, "fcntl", None)
        monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    return request.param


def test_a_lock_is_held_by_one_until_its_file_is_closed(system, tmp_path):
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert files.lock(first, wait=False)
    assert not files.lock(second, wait=False)
    closing = threading.Timer(0.2, os.close, [first])
    closing.start()
    assert files.lock(second, wait=True)
    closing.join()
    os.close(second)


@pytest.mark.parametrize(("held", "written"), [(2, True), (3, False)])
def test_a_file_that_another_program_has_open(monkeypatch, tmp_path, held, written):
    """As on Windows, where it cannot be renamed over."""
    rename, refused = Path.replace, []

    def replace(part, path):
        if len(refused) < held:
            refused.append(path)
            raise PermissionError(13, "in use")
        return rename(part, path)

    monkeypatch.setattr(files, "TRIALS", 3)
    monkeypatch.setattr(Path, "replace", replace)
    with (
        contextlib.nullcontext() if written else pytest.raises(PermissionError),
        write_atomically(tmp_path / "a") as file,
    ):
        file.write(b"new")
    assert [path.name for path in tmp_path.iterdir()] == (["a"] if written else [])


def test_names_that_some_system_takes_for_one():
    assert files.same_name("Bild.PNG") == files.same_name("bild.png") != files.same_name("bilt.png")
    assert files.same_name("\u00c4.png") == files.same_name("a\u0308.png"), "an accent in one sign or in two"
    assert files.same_path(Path("x/A.png")) == files.same_path(Path("x/y/../a.png")) != files.same_path(Path("X/A.png"))


BAD_NAMES = {
    "NUL": "for a device",
    "con.png": "for a device",
    "lpt9.tar.png": "for a device",
    "aux .png": "for a device",
    "a:b.png": "no : in the name",
    "what?.png": r"no \? in the name",
    "a.png.": "drops a dot or space",
    "a.png ": "drops a dot or space",
}


@pytest.mark.parametrize(("name", "why"), BAD_NAMES.items())
def test_names_that_windows_would_not_keep(monkeypatch, tmp_path, name, why):
    with write_atomically(tmp_path / name) as file:
        file.write(b"here they are names like others")
    monkeypatch.setattr(files, "WINDOWS", True)
    with pytest.raises(OSError, match=why), write_atomically(tmp_path / name):
        raise AssertionError("nothing is written")
    with pytest.raises(ImageFileError, match=f"{re.escape(name)}: cannot be written .Windows.*{why}"):
        check_target(tmp_path / name, [Path(name).suffix])


@pytest.mark.parametrize("name", ["null.png", "com.png", "com10.png", "console.png", ".hidden", "a.b.png", "ü.png"])
def test_names_that_windows_keeps(monkeypatch, tmp_path, name):
    monkeypatch.setattr(files, "WINDOWS", True)
    with write_atomically(tmp_path / name) as file:
        file.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("windows", [True, False])
def test_a_path_too_long_for_windows(monkeypatch, tmp_path, windows):
    def missing(path, mode):
        raise FileNotFoundError(2, "no such file", str(path))

    folder = tmp_path.joinpath(*["x" * 50] * 5)
    folder.mkdir(parents=True)
    monkeypatch.setattr(files, "WINDOWS", windows)
    monkeypatch.setattr(Path, "open", missing)
    with pytest.raises(OSError, match=r"the path has \d{3} characters" if windows else "no such file"):
        write_atomically(folder / "a.png").__enter__()
    with pytest.raises(FileNotFoundError, match="no such file"):
        write_atomically(tmp_path / "missing" / ("x" * 250)).__enter__()
