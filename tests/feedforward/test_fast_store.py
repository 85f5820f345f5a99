import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.feedforward.store import read_network, require_shapes, write_network

ARRAYS = {
    "a/kernel": np.arange(36, dtype=np.float32).reshape(3, 3, 2, 2),
    "a/bias": np.array([0.5, -2], np.float16),
    "b": np.array([-128, 127, 3], np.int8),
    "epsilon": np.float32(1e-3).reshape(()),
}


def _rewrite(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> Path:
    safetensors.numpy.save_file(arrays, path, metadata=metadata)
    return path


def test_round_trip(tmp_path: Path):
    path = write_network(tmp_path / "x.safetensors", "adain", ARRAYS, {"licence": "MIT", "name": "näme"})
    kind, arrays, metadata = read_network(path, "adain")
    assert (kind, metadata) == ("adain", {"licence": "MIT", "name": "näme"})
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array, strict=True)
    assert [child.name for child in tmp_path.iterdir()] == ["x.safetensors"]


def test_the_safetensors_library_agrees(tmp_path: Path):
    found = safetensors.numpy.load_file(write_network(tmp_path / "x", "wct", ARRAYS, {}))
    assert {name: array.dtype for name, array in found.items()} == {name: a.dtype for name, a in ARRAYS.items()}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_float64_becomes_float32(tmp_path: Path):
    path = write_network(tmp_path / "x", "wct", {"a": np.array([1 / 3, 2])}, {})
    np.testing.assert_array_equal(read_network(path)[1]["a"], np.array([1 / 3, 2], np.float32), strict=True)


@pytest.mark.parametrize(
    ("arrays", "metadata", "match"),
    [
        (
            {"a": np.ones(2, np.float32)},
            {"format": "pt"},
            "the format 'pt' in its metadata, expected 'jaxstyle-fast-1'",
        ),
        ({"a": np.ones(2, np.float32)}, {"format": "jaxstyle-fast-1"}, "not a feed-forward network"),
        ({"a": np.ones(2, np.float32)}, {"format": "jaxstyle-fast-1", "kind": "wct"}, "kind 'wct', expected 'adain'"),
        ({"a": np.array([1, np.nan], np.float16)}, {"format": "jaxstyle-fast-1", "kind": "adain"}, "a is not finite"),
        ({"a": np.ones(2)}, {"format": "jaxstyle-fast-1", "kind": "adain"}, "'a' is F64, expected one of F32, F16, I8"),
        ({"a": np.ones((2, 0), np.float32)}, {"format": "jaxstyle-fast-1", "kind": "adain"}, "malformed shape"),
    ],
)
def test_others_are_refused(arrays: dict, metadata: dict[str, str], match: str, tmp_path: Path):
    path = _rewrite(tmp_path / "x", arrays, metadata)
    with pytest.raises(WeightsError, match=match) as caught:
        read_network(path, "adain")
    assert str(caught.value).startswith(f"{path}: ")


def test_damage_is_one_clear_error(tmp_path: Path):
    data = write_network(tmp_path / "x", "adain", ARRAYS, {}).read_bytes()
    for size in (0, 4, 9, 100, len(data) - 1):
        (tmp_path / "x").write_bytes(data[:size])
        with pytest.raises(WeightsError, match="safetensors: "):
            read_network(tmp_path / "x")
    with pytest.raises(WeightsFileError, match="cannot be opened"):
        read_network(tmp_path / "missing")


def test_too_many_arrays(tmp_path: Path):
    header = {f"{i:x}": {"dtype": "I8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(1001)}
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + bytes(1001))
    with pytest.raises(WeightsError, match="1001 arrays, expected at most 1000"):
        read_network(tmp_path / "x")


def test_where_it_cannot_be_written(tmp_path: Path):
    with pytest.raises(WeightsFileError, match="cannot be written"):
        write_network(tmp_path / "missing" / "x", "adain", ARRAYS, {})
    with pytest.raises(SettingError, match="metadata: 'kind'"):
        write_network(tmp_path / "x", "adain", ARRAYS, {"kind": "wct"})


def test_require_shapes():
    expected = {"a": (1, 2), "b": (3,)}
    require_shapes({"b": (3,), "a": (1, 2)}, expected, "a network")
    with pytest.raises(
        WeightsError, match=r"not a network: a is \(2, 1\), expected \(1, 2\); b is missing, expected \(3,\)"
    ):
        require_shapes({"a": (2, 1)}, expected, "a network")
    with pytest.raises(WeightsError, match=r"not a network: c is \(1,\), expected none"):
        require_shapes(expected | {"c": (1,)}, expected, "a network")
