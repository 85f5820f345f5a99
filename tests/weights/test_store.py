import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from weight_files import small_vgg19

from jaxstyle.errors import WeightsError, WeightsFileError
from jaxstyle.weights.layout import CAFFE, Preprocessing, Weights
from jaxstyle.weights.load import read_weights
from jaxstyle.weights.store import check_vgg19, pack, unpack, write_weights
from jaxstyle.weights.tensors import read_tensors

WEIGHTS = Weights(small_vgg19(), CAFFE, "reflect", "l2", True, name="näme", sha256="12ab", licence="CC BY 4.0")


def test_round_trip(tmp_path: Path):
    path = write_weights(tmp_path / "x.safetensors", WEIGHTS)
    again = read_weights(path)
    assert all(again.arrays[key].tobytes() == array.tobytes() for key, array in WEIGHTS.arrays.items())
    for field in ("preprocessing", "padding", "pooling", "ceil_mode", "name", "sha256", "licence"):
        assert getattr(again, field) == getattr(WEIGHTS, field)
    assert os.listdir(tmp_path) == ["x.safetensors"]  # noqa: PTH208


def test_the_safetensors_library_reads_it(tmp_path: Path):
    found = safetensors.numpy.load_file(write_weights(tmp_path / "x", WEIGHTS))
    assert found.keys() == WEIGHTS.arrays.keys()
    for key, array in found.items():
        np.testing.assert_array_equal(array, WEIGHTS.arrays[key])


def test_it_reads_the_safetensors_library(tmp_path: Path):
    safetensors.numpy.save_file(dict(WEIGHTS.arrays), tmp_path / "x", metadata={"format": "pt"})
    with (tmp_path / "x").open("rb") as file:
        found, metadata = read_tensors(file, check_vgg19)
    assert metadata == {"format": "pt"}
    for key, array in found.items():
        np.testing.assert_array_equal(array, WEIGHTS.arrays[key])
    with pytest.raises(WeightsError, match="the format 'pt' in its metadata, expected 'jaxstyle-vgg19-1'"):
        read_weights(tmp_path / "x")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=12, max_size=12))
def test_preprocessing_keeps_its_bits(values: list[float]):
    preprocessing = Preprocessing.affine(np.reshape(values[:9], (3, 3)), np.array(values[9:]))
    assert unpack(pack(preprocessing)) == preprocessing


@pytest.mark.parametrize("text", ["", "1", "[]", "{}", '{"matrix": 1, "offset": 2}', "[" * 100_000, '{"matrix": NaN}'])
def test_unpack_refuses(text: str):
    with pytest.raises(WeightsError, match="preprocessing"):
        unpack(text)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"padding": "same"}, "padding"),
        ({"ceil_mode": "yes"}, "ceil_mode"),
        ({"preprocessing": "{}"}, "3x3 matrix"),
        ({"licence": None}, "lacks licence"),
        ({"format": "jaxstyle-vgg19-2"}, "expected 'jaxstyle-vgg19-1'"),
    ],
)
def test_metadata_is_checked(change: dict[str, str | None], match: str, tmp_path: Path):
    data = write_weights(tmp_path / "x", WEIGHTS).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] |= change
    header["__metadata__"] = {key: value for key, value in header["__metadata__"].items() if value is not None}
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    with pytest.raises(WeightsError, match=match):
        read_weights(tmp_path / "x")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_weights(tmp_path / "x", WEIGHTS)
    before = path.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxstyle.files.os.fsync", full)
    with pytest.raises(WeightsFileError, match="No space left"):
        write_weights(path, WEIGHTS)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208


def test_where_nothing_can_be_written(tmp_path: Path):
    with pytest.raises(WeightsFileError, match="cannot be written"):
        write_weights(tmp_path / "missing/x", WEIGHTS)
    with pytest.raises(WeightsFileError, match="cannot be written"):
        write_weights(tmp_path, WEIGHTS)
