"""Any state dict: both of torch's layouts, strides, and files that are damaged, hostile or something else."""

import pickle
import zipfile

import numpy as np
import pytest
from weight_files import state_pickle, write_legacy, write_zip

from jaxstyle.errors import WeightsError, WeightsFileError
from jaxstyle.weights.state_dict import read_state_dict

STATE = {"a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2), "b": np.arange(3, dtype=np.float64)}


@pytest.mark.parametrize("rebuild", ["v1", "v2", "parameter"])
@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_any_state_dict(write, rebuild, tmp_path):
    shapes = {}
    found = read_state_dict(write(tmp_path / "x.pth", STATE, rebuild=rebuild), lambda s: shapes.update(s) or s)
    assert shapes == {name: array.shape for name, array in STATE.items()}
    for name, array in STATE.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array)


def test_strides_are_followed_and_nothing_else_is_read(tmp_path):
    state = {"a": np.asfortranarray(STATE["a.weight"]), "hostile": np.full(3, np.nan, np.float32)}
    np.testing.assert_array_equal(
        read_state_dict(write_zip(tmp_path / "x.pth", state), lambda _: ["a"])["a"], state["a"]
    )
    with pytest.raises(WeightsError, match="hostile is not finite"):
        read_state_dict(tmp_path / "x.pth", lambda s: s)


class Attack:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_no_pickle_is_run(write, tmp_path, capsys):
    path = write(tmp_path / "x.pth", STATE, other=pickle.dumps({"a.weight": Attack()}, 2))
    with pytest.raises(WeightsError, match="its pickle asks for"):
        read_state_dict(path, lambda s: s)
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_damaged_files(write, tmp_path):
    whole = write(tmp_path / "x.pth", STATE).read_bytes()
    for share in (0.3, 0.7, 0.97):
        (tmp_path / "cut.pth").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(WeightsError, match=r"cut\.pth: "):
            read_state_dict(tmp_path / "cut.pth", lambda s: s)


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(WeightsFileError, match="cannot be opened"):
        read_state_dict(tmp_path / "none.pth", lambda s: s)
    (tmp_path / "page.pth").write_text("<html>404</html>", encoding="utf-8")
    with pytest.raises(WeightsError, match="a web page: the download failed"):
        read_state_dict(tmp_path / "page.pth", lambda s: s)
    with pytest.raises(WeightsError, match="expected a state dict"):
        read_state_dict(write_zip(tmp_path / "list.pth", {}, other=pickle.dumps([1, 2], 2)), lambda s: s)
    with zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", state_pickle(STATE, legacy=False))
    with pytest.raises(WeightsError, match="compressed members"):
        read_state_dict(tmp_path / "packed.pth", lambda s: s)
    path = write_zip(tmp_path / "short.pth", STATE | {"a.weight": np.zeros(24, np.float32)})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "other.pth", "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info)[: 40 if info.filename.endswith("data/0") else None])
    with pytest.raises(WeightsError, match="has 40 bytes, expected 96"):
        read_state_dict(tmp_path / "other.pth", lambda s: s)
