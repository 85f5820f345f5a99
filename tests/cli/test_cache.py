"""What is kept between runs is shown and let go; nothing else is removed."""

import pytest

from jaxstyle.cli.main import main


@pytest.fixture
def cache(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("JAXSTYLE_HOME", str(home))
    (home / "programs" / "machine").mkdir(parents=True)
    for i in range(3):
        (home / "programs" / "machine" / f"p{i}").write_bytes(bytes(1_000_000))
    (home / "vgg19_imagenet_8bit.safetensors").write_bytes(bytes(2_000_000))
    (home / "mine.txt").write_bytes(bytes(500_000))
    return home


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main(["cache", *arguments])
    return exit.value.code or 0, capsys.readouterr().out


def test_it_is_shown(cache, capsys):
    code, out = run(capsys, "show")
    assert code == 0 and out.splitlines() == [
        str(cache),
        "programs        3 files       3.0 MB",
        "networks        2 files       2.5 MB",
    ]


def test_programs_go_and_networks_stay(cache, capsys):
    assert run(capsys, "clear") == (0, "3.0 MB removed\n")
    assert not (cache / "programs").exists() and (cache / "vgg19_imagenet_8bit.safetensors").exists()
    assert run(capsys, "clear") == (0, "0.0 MB removed\n")


def test_networks_go_where_that_is_asked_for(cache, capsys):
    assert run(capsys, "clear", "--networks") == (0, "5.0 MB removed\n")
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]


def test_a_link_is_removed_and_not_followed(cache, capsys, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_bytes(b"x")
    run(capsys, "clear")
    (cache / "programs").symlink_to(tmp_path / "other")
    assert run(capsys, "clear")[0] == 0
    assert (tmp_path / "other" / "x").exists() and not (cache / "programs").exists()


def test_without_a_cache_there_is_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "none"))
    assert run(capsys, "clear") == (0, "0.0 MB removed\n")
    assert "0 files" in run(capsys, "show")[1]
