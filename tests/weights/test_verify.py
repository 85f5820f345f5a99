import hashlib
from pathlib import Path

import pytest
from weight_files import small_vgg19, write_legacy, write_npz
from weight_files import state_dict as state

from jaxstyle.errors import WeightsError, WeightsFileError
from jaxstyle.weights.load import convert
from jaxstyle.weights.verify import verify


def test_a_file_of_ones_own(tmp_path: Path):
    path = write_npz(tmp_path / "x.npz", small_vgg19())
    found = verify(path)
    assert (found.path, found.format, found.size) == (path, "zip", path.stat().st_size)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.entry, found.matches) == (None, None)
    assert len(found.weights.layers) == 16


def test_a_converted_file_remembers_its_source(tmp_path: Path):
    path = write_npz(tmp_path / "x.npz", small_vgg19())
    convert(path, tmp_path / "y")
    found = verify(tmp_path / "y")
    assert found.format == "safetensors"
    assert found.sha256 != found.weights.sha256 == verify(path).sha256


def test_a_false_name(tmp_path: Path):
    found = verify(write_legacy(tmp_path / "vgg19-dcbb9e9d.pth", state(small_vgg19())))
    assert found.entry is not None
    assert (found.entry.name, found.matches) == ("torchvision", False)


def test_names():
    with pytest.raises(WeightsFileError, match="weights fetch imagenet"):
        verify("imagenet")
    assert verify("embedded").path is None


def test_a_bad_file(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"bad")
    with pytest.raises(WeightsError, match="x: begins with"):
        verify(tmp_path / "x")
