import os
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import pytest

from jaxstyle import save_image
from jaxstyle.runtime import compile_cache
from jaxstyle.runtime.compile_cache import keep_programs


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache of its own; JAX's settings and the filters of warnings are put back."""
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "home"))
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.setattr(compile_cache, "_folder", None)
    with warnings.catch_warnings():
        yield tmp_path / "home"
    for name, value in before.items():
        jax.config.update(name, value)


def test_the_folder_is_in_the_cache_and_for_this_machine_and_version_alone(home, monkeypatch):
    folder = keep_programs()
    assert folder.is_dir() and folder.parent == home / "programs" and jax.__version__ in folder.name
    assert jax.config.jax_compilation_cache_dir == str(folder)
    assert keep_programs() == folder
    monkeypatch.setattr(compile_cache, "_processor", lambda: "another with other instructions")
    assert keep_programs() not in (folder, None)


def test_the_processor_is_told_by_what_it_can_do():
    told = compile_cache._processor()
    assert told == compile_cache._processor()
    if sys.platform == "linux":
        assert "flags" in told or "Features" in told


def test_importing_the_library_keeps_nothing():
    program = "import jaxstyle, jax; jaxstyle.stylize; assert jax.config.jax_compilation_cache_dir is None"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_a_folder_that_cannot_be_made_or_that_others_may_write_to_is_not_used(home):
    home.write_text("no folder", encoding="utf-8")
    assert keep_programs() is None
    home.unlink()
    folder = keep_programs()
    jax.config.update("jax_compilation_cache_dir", None)
    if hasattr(os, "getuid"):
        folder.chmod(0o777)
        assert keep_programs() is None and jax.config.jax_compilation_cache_dir is None


def test_no_more_than_so_many_bytes_and_the_oldest_go_first(home, monkeypatch):
    monkeypatch.setattr(compile_cache, "MAX_BYTES", 250)
    folder = keep_programs()
    for age, name in enumerate(("new", "older", "oldest")):
        (folder / name).write_bytes(bytes(100))
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    keep_programs()
    assert sorted(path.name for path in folder.iterdir()) == ["new", "older"]


def test_a_second_process_finds_the_programs_and_a_broken_one_stops_nothing(home, tmp_path, pictures):
    for name, picture in zip(("content", "style"), pictures, strict=False):
        save_image(tmp_path / f"{name}.png", picture)
    command = [sys.executable, "-m", "jaxstyle", "stylize", "content.png", "style.png", "-o", "out.png"]
    command += ["--model", "embedded", "--recipe", str(Path(__file__).parents[1] / "shallow.toml"), "--steps", "1"]

    def paint():
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True, encoding="utf-8"
        ).stderr

    def found():
        return {path: path.stat().st_mtime_ns for path in home.glob("programs/*/*run-*")}

    paint()
    kept = found()
    assert sorted(path.name.split("-")[0] for path in kept) == ["jit_run"]
    first = (tmp_path / "out.png").read_bytes()
    said = paint()
    assert found() == kept
    assert all(line.startswith("step ") for line in said.splitlines()), said
    assert (tmp_path / "out.png").read_bytes() == first
    for path in kept:
        path.write_bytes(b"broken")
    said = paint()
    assert all(line.startswith("step ") for line in said.splitlines()), said
    assert (tmp_path / "out.png").read_bytes() == first
