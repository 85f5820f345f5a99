"""Files that appear whole or not at all, and inputs that are not written over."""

from pathlib import Path

import pytest

from jaxstyle.errors import SettingError
from jaxstyle.files import refuse_overwriting, write_atomically


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
