"""Every public layout gives the same arrays, and everything missing, extra or misshapen is listed."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from weight_files import LAYOUTS, small_vgg19, state_dict, write_keras, write_legacy, write_npz, write_zip

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.networks.load import load_vgg19
from jaxstyle.weights import catalogue
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.entry import Entry
from jaxstyle.weights.layout import CAFFE, TORCHVISION, UNIT, Preprocessing, Weights
from jaxstyle.weights.load import convert, read_weights

ARRAYS = small_vgg19()


def same(weights: Weights, arrays: dict[str, np.ndarray] = ARRAYS) -> bool:
    """Bit for bit."""
    assert weights.arrays.keys() == arrays.keys()
    return all(weights.arrays[key].tobytes() == arrays[key].tobytes() for key in arrays)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_loads_bit_for_bit_and_converts(layout: str, tmp_path: Path):
    path = LAYOUTS[layout](tmp_path / "public", ARRAYS)
    weights = read_weights(path)
    assert same(weights)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (weights.name, weights.licence) == ("public", "")
    again = read_weights(convert(path, tmp_path / "own.safetensors") and tmp_path / "own.safetensors")
    assert same(again)
    for field in ("preprocessing", "padding", "pooling", "ceil_mode", "name", "sha256", "licence"):
        assert getattr(again, field) == getattr(weights, field), field


@pytest.mark.parametrize(
    ("layout", "preprocessing", "padding"),
    [
        ("keras-original", CAFFE, "zero"),
        ("zip-gatys", CAFFE, "zero"),
        ("legacy-torchvision", TORCHVISION, "zero"),
        ("npz", UNIT, "reflect"),
    ],
)
def test_what_a_layout_implies(layout: str, preprocessing: Preprocessing, padding: str, tmp_path: Path):
    weights = read_weights(LAYOUTS[layout](tmp_path / "x", ARRAYS))
    assert (weights.preprocessing, weights.padding, weights.pooling) == (preprocessing, padding, "max")
    assert weights.ceil_mode is False


def test_jcjohnson_is_known_by_its_name(tmp_path: Path):
    path = LAYOUTS["legacy-jcjohnson"](tmp_path / "vgg19-d01eb7cb.pth", ARRAYS)
    assert read_weights(path).preprocessing == CAFFE
    assert read_weights(shutil.copy(path, tmp_path / "other.pth")).preprocessing == TORCHVISION


@pytest.fixture
def public(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in torchvision's layout that the catalogue knows by its hash as a Caffe one, and its cache."""
    path = LAYOUTS["zip-torchvision"](tmp_path / "public.pth", ARRAYS)
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    entry = Entry(
        "jcjohnson", ("https://x/y.pth",), "y.pth", None, f"sha256-prefix:{prefix}", "L", "caffe", "torchvision"
    )
    monkeypatch.setattr(catalogue, "CATALOGUE", (entry,))
    monkeypatch.setattr("jaxstyle.weights.load.CATALOGUE", (entry,))
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    cache.mkdir()
    return path


def test_a_public_file_is_known_by_its_hash(public: Path):
    weights = read_weights(public)
    assert (weights.preprocessing, weights.name, weights.licence) == (CAFFE, "jcjohnson", "L")


def test_a_name_is_read_from_the_cache(public: Path, cache: Path):
    with pytest.raises(WeightsFileError, match="JAXSTYLE_OFFLINE"):
        read_weights("jcjohnson")
    shutil.copy(public, cache / "y.pth")
    assert same(read_weights("jcjohnson"))
    with (cache / "y.pth").open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        WeightsFileError, match=r"y.pth: is not the file 'jcjohnson'.*bytes with the sha256 .*delete it"
    ):
        read_weights("jcjohnson")


def test_options_outrank_the_file(tmp_path: Path):
    path = write_npz(tmp_path / "x.npz", ARRAYS)
    weights = read_weights(path, preprocessing="caffe", padding="replicate", pooling="average", ceil_mode=True)
    assert weights.preprocessing == CAFFE
    assert (weights.padding, weights.pooling, weights.ceil_mode) == ("replicate", "average", True)
    convert(path, tmp_path / "own", preprocessing=TORCHVISION, padding="zero")
    assert read_weights(tmp_path / "own").preprocessing == TORCHVISION
    assert read_weights(tmp_path / "own", preprocessing="none").preprocessing == UNIT
    with pytest.raises(SettingError, match="preprocessing: got 'cafe', expected one of caffe, torchvision, none"):
        read_weights(path, preprocessing="cafe")
    with pytest.raises(SettingError, match="padding: got 'same'"):
        read_weights(path, padding="same")  # type: ignore[arg-type]


def test_an_npz_without_preprocessing_must_be_told(tmp_path: Path):
    np.savez(tmp_path / "x.npz", **ARRAYS)
    with pytest.raises(WeightsError, match="pass preprocessing="):
        read_weights(tmp_path / "x.npz")
    assert read_weights(tmp_path / "x.npz", preprocessing="caffe").padding == "zero"


def test_other_floats_become_float32(tmp_path: Path):
    for dtype in (np.float16, np.float64):
        arrays = {key: array.astype(dtype) for key, array in ARRAYS.items()}
        expected = {key: array.astype(np.float32) for key, array in arrays.items()}
        assert same(read_weights(write_keras(tmp_path / "h5", arrays, variant="resave")), expected)
        assert same(read_weights(write_zip(tmp_path / "zip", state_dict(arrays))), expected)
        assert same(read_weights(write_legacy(tmp_path / "pickle", state_dict(arrays))), expected)
        assert same(read_weights(write_npz(tmp_path / "npz", arrays)), expected)


def test_channels_last_strides(tmp_path: Path):
    state = state_dict(ARRAYS)
    strided = {
        key: array.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if array.ndim == 4 else array
        for key, array in state.items()
    }
    assert strided["features.0.weight"].strides != state["features.0.weight"].strides
    path = write_zip(tmp_path / "x", {key: _physical(array) for key, array in strided.items()})
    assert same(read_weights(path))


class _physical(np.ndarray):
    """An array whose bytes are those of its memory, as a torch storage's are."""

    def __new__(cls, array: np.ndarray) -> "_physical":
        return array.view(cls)

    def tobytes(self, order: str = "C") -> bytes:  # type: ignore[override]
        memory = np.lib.stride_tricks.as_strided(np.asarray(self), (self.size,), (self.itemsize,))
        return memory.tobytes()


def test_everything_wrong_is_listed(tmp_path: Path):
    state = state_dict(ARRAYS, names="gatys")
    del state["conv3_4.bias"]
    state["conv9_9.weight"] = np.zeros((1,), np.float32)
    state["conv2_1.bias"] = np.zeros((7,), np.float32)
    with pytest.raises(WeightsError) as caught:
        read_weights(write_zip(tmp_path / "x.pth", state))
    for part in ("x.pth: not a VGG19", "missing conv3_4/bias", "unknown conv9_9.weight", "conv2_1/bias has shape (7,)"):
        assert part in str(caught.value)


def test_public_layouts_must_be_whole(tmp_path: Path):
    arrays = {key: array for key, array in ARRAYS.items() if not key.startswith("conv5_4")}
    assert len(read_weights(write_npz(tmp_path / "x.npz", arrays)).layers) == 15
    with pytest.raises(WeightsError, match="missing conv5_4/kernel; missing conv5_4/bias"):
        read_weights(write_zip(tmp_path / "x.pth", state_dict(arrays | _zeros("conv5_4"))) and _without(tmp_path))


def _zeros(name: str) -> dict[str, np.ndarray]:
    return {f"{name}/kernel": ARRAYS[f"{name}/kernel"], f"{name}/bias": ARRAYS[f"{name}/bias"]}


def _without(folder: Path) -> Path:
    state = {key: array for key, array in state_dict(ARRAYS).items() if not key.startswith("features.34.")}
    return write_zip(folder / "y.pth", state)


def test_numbers_that_are_not_finite(tmp_path: Path):
    arrays = ARRAYS | {"conv2_1/bias": np.full_like(ARRAYS["conv2_1/bias"], np.nan)}
    with pytest.raises(WeightsError, match=r"x.h5: .*conv2_1/bias is not finite"):
        read_weights(write_keras(tmp_path / "x.h5", arrays))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"<!DOCTYPE html>", "a web page"),
        (b"MATLAB 5.0 MAT-file", "MATLAB"),
        (b"\x89PNG\r\n\x1a\n", "begins with.*expected Keras"),
        (b"\x89HDF\r\n\x1a\n", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "damaged|pickle"),
    ],
)
def test_what_is_no_weights_file(content: bytes, match: str, tmp_path: Path):
    (tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(WeightsError, match=match):
        read_weights(tmp_path / "x.h5")


def test_names_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=r"neither a file nor a name.*did you mean 'imagenet'"):
        read_weights("imagenets")
    with pytest.raises(WeightsFileError, match="no such file"):
        read_weights("weights.h5")
    with pytest.raises(WeightsFileError, match="no such file"):
        read_weights(Path("imagenet"))
    write_keras(tmp_path / "mine", ARRAYS)
    assert same(read_weights("mine"))
    with pytest.raises(WeightsFileError, match="did you mean 'mine'"):
        read_weights("./mines")
    with pytest.raises(WeightsFileError, match=r"folder .* cannot be read"):
        read_weights("nowhere/x.h5")


def test_the_embedded_network_needs_no_file():
    assert len(read_weights("embedded").layers) == 16


def test_vgg19_takes_the_weights(tmp_path: Path):
    model = load_vgg19(write_keras(tmp_path / "x.h5", ARRAYS), pooling="average", ceil_mode=True)
    assert (model.name, model.pooling, model.ceil_mode) == ("x", "average", True)
    np.testing.assert_array_equal(np.asarray(model.conv1_1.kernel[...]), ARRAYS["conv1_1/kernel"])


def test_reading_starts_no_jax(tmp_path: Path):
    path = write_keras(tmp_path / "x.h5", ARRAYS)
    read = f"from jaxstyle.weights.load import read_weights; read_weights({str(path)!r})"
    code = f"{read}; import sys; print({{'jax', 'h5py'}} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, encoding="utf-8").strip() == "set()"


def test_real_weights(shared: Path):
    real = read_weights(shared / "vgg_normalised/vgg19_normalised_conv1_1_to_conv3_1.npz", ceil_mode=True)
    assert real.layers[-1] == "conv3_1"
    np.testing.assert_allclose(real.preprocessing.matrix, CAFFE.matrix)
    np.testing.assert_allclose(real.preprocessing.offset, CAFFE.offset, rtol=1e-6)
    for level in range(1, 6):
        small = read_weights(shared / f"small_vgg19/se{level}.npz")
        assert small.layers[-1] == f"conv{level}_1"
        assert f"conv{level}_1_aux/kernel" in small.arrays
        with pytest.raises(WeightsError, match="not a VGG19"):
            read_weights(shared / f"small_vgg19/sd{level}.npz", preprocessing="none")


def test_the_catalogue_agrees_with_the_layouts():
    assert find("torchvision").preprocessing == "torchvision"
    assert find("imagenet").preprocessing == find("jcjohnson").preprocessing == "caffe"
