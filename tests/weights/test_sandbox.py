import os
import stat
import sys
from pathlib import Path

import pytest
from weight_files import small_vgg19, write_keras

from jaxstyle.errors import WeightsError, WeightsFileError
from jaxstyle.weights import sandbox
from jaxstyle.weights.load import read_weights


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_keras(tmp_path / "x.h5", small_vgg19())


def _interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another program in Python's place."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize(
    ("script", "match"),
    [
        ("kill -SEGV $$", r"signal 11.*damaged or hostile"),
        ("kill -PROF $$", "takes longer to read"),
        ("exit 3", "exit status 3"),
        ("""printf '\\033[31m {"error": 1' >&2""", r"failed \(exit status 0\): \\x1b\[31m"),
        ("""echo '{"error": null}' >&2""", "declares a header of 0 bytes"),
        ("""echo '{"error": null}' >&2; echo '........{}'""", "safetensors"),
        ("""echo '{"error": "sp\\u001bam"}' >&2""", r"sp\\x1bam"),
        ("head -c 1000000 /dev/zero >&2", "failed"),
    ],
)
def test_the_child_is_not_trusted(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, match: str):
    _interpreter(tmp_path, monkeypatch, script)
    with pytest.raises(WeightsError, match=match) as caught:
        read_weights(good)
    assert str(caught.value).startswith(f"{good}: ")
    assert str(caught.value).isprintable()


def test_the_clock_is_the_last_resort(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _interpreter(tmp_path, monkeypatch, "exec sleep 60")
    with pytest.raises(WeightsError, match="not read after"), good.open("rb") as file:
        sandbox._run(["h5", "1"], file, file, file, seconds=0.2)


def test_no_interpreter(good: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WeightsFileError, match="cannot be run"):
        read_weights(good)


def test_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HDF5_PLUGIN_PATH", "/tmp")
    monkeypatch.setenv("SECRET", "x")
    found = sandbox._environment()
    assert "SECRET" not in found
    assert "HDF5_PLUGIN_PATH" not in found
    assert found["HDF5_PLUGIN_PRELOAD"] == "::"
    assert found["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_file(good: Path):
    good.chmod(0)
    with pytest.raises(WeightsFileError, match="Permission denied"):
        read_weights(good)
