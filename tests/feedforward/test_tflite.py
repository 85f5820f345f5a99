import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tflite_files import predictor, small_transformer, tflite_bytes, write_tflite

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.feedforward import tflite
from jaxstyle.feedforward.magenta_file import read_part
from jaxstyle.feedforward.magenta_layout import predictor_shapes, transformer_shapes
from jaxstyle.weights.catalogue import digest, find
from jaxstyle.weights.load import read_weights

SMALL = small_transformer()
KERNEL = "transformer/contract/conv1/weights"


@pytest.mark.parametrize("type", ["float32", "float16", "int8"])
def test_every_type_gives_the_same_numbers(type: str, tmp_path: Path):
    path = write_tflite(tmp_path / "transfer.tflite", SMALL, type)
    with path.open("rb") as file:
        found = tflite.read(file)
    assert found.layout == "transfer"
    assert found.arrays.keys() == SMALL.keys()
    for name, array in SMALL.items():
        np.testing.assert_array_equal(found.arrays[name], array, strict=True)


def test_integers_with_one_scale_or_one_by_channel():
    raw = np.arange(6, dtype=np.int8).reshape(1, 2, 3)
    np.testing.assert_array_equal(tflite._widened(raw, _quantization([0.5], [-2])), (raw + 2) / 2)
    by_channel = tflite._widened(raw, _quantization([1, 2, 4], [0, 1, 0], axis=2))
    np.testing.assert_array_equal(by_channel, [[[0, 0, 8], [3, 6, 20]]])
    with pytest.raises(WeightsError, match=r"2 scales for the shape \(1, 2, 3\)"):
        tflite._widened(raw, _quantization([1, 2], [0, 0], axis=2))
    with pytest.raises(WeightsError, match="0 scales"):
        tflite._widened(raw, None)


def _quantization(scale: list[float], zero: list[int], axis: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        ScaleLength=lambda: len(scale),
        ScaleAsNumpy=lambda: np.array(scale),
        ZeroPointLength=lambda: len(zero),
        ZeroPointAsNumpy=lambda: np.array(zero),
        QuantizedDimension=lambda: axis,
    )


def test_the_predictor_through_the_sandbox(tmp_path: Path):
    arrays = predictor()
    found = read_part(write_tflite(tmp_path / "predict.tflite", arrays, "int8"), "predict")
    assert {name: array.shape for name, array in found.items()} == predictor_shapes()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_each_network_in_its_place(tmp_path: Path):
    path = write_tflite(tmp_path / "transfer.tflite", SMALL)
    with pytest.raises(WeightsError, match=r"not Magenta's style predictor: conv/kernel is missing"):
        read_part(path, "predict")
    with pytest.raises(WeightsError, match=r"a TFLite file, not a VGG19: `jaxstyle.feedforward.load_magenta`"):
        read_weights(path)


def test_other_networks(tmp_path: Path):
    path = tmp_path / "other.tflite"
    kernel, bias = np.ones((4, 3, 3, 3)), np.ones(4)
    cases = {
        "it has a convolution 'resnet/weights'": [("resnet/weights", kernel, bias, False)],
        "contract/conv1/kernel is (3, 3, 3, 4), expected (9, 9, 3, 4)": [(KERNEL, kernel, bias, False)],
        "occurs twice": [(KERNEL, kernel, bias, False)] * 2,
        "not Magenta's transformer": [],
    }
    for message, layers in cases.items():
        path.write_bytes(tflite_bytes(layers, "float32"))
        with pytest.raises(WeightsError) as caught:
            read_part(path, "transfer")
        assert message in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")


def test_wrong_width_inside(tmp_path: Path):
    arrays = SMALL | {"residual3/conv1/kernel": np.ones((3, 3, 4, 5), np.float32)}
    with pytest.raises(WeightsError, match=r"residual3/conv1/kernel is \(3, 3, 4, 5\), expected \(3, 3, 4, 4\)"):
        read_part(write_tflite(tmp_path / "x.tflite", arrays), "transfer")
    arrays = SMALL | {"contract/conv2/bias": np.ones(2, np.float32)}
    with pytest.raises(WeightsError, match=r"contract/conv2/bias is \(2,\), expected \(3,\)"):
        read_part(write_tflite(tmp_path / "x.tflite", arrays), "transfer")


def test_not_finite(tmp_path: Path):
    arrays = SMALL | {"contract/conv1/bias": np.array([1, np.inf], np.float32)}
    with pytest.raises(WeightsError, match="not finite"):
        read_part(write_tflite(tmp_path / "x.tflite", arrays), "transfer")


def test_damage_is_one_clear_error(tmp_path: Path):
    path = write_tflite(tmp_path / "x.tflite", SMALL, "int8")
    data = path.read_bytes()
    for damaged in (b"", b"GIF89a" + data, data[:7], data[: len(data) // 2], data[:8] + bytes(len(data) - 8)):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError) as caught:
            read_part(path, "transfer")
        assert str(caught.value).startswith(f"{path}: ")


def test_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path))
    monkeypatch.setenv("JAXSTYLE_OFFLINE", "1")
    with pytest.raises(WeightsFileError, match=r"OFFLINE.*weights fetch magenta-transfer.*pass the path of your own\."):
        read_part("magenta-transfer", "transfer")
    with pytest.raises(SettingError, match="is Magenta's transformer, expected Magenta's style predictor"):
        read_part("magenta-transfer", "predict")
    entry = find("magenta-transfer")
    entry.path.write_bytes(bytes(entry.size or 0))
    with pytest.raises(WeightsFileError, match="is not the file 'magenta-transfer' of the catalogue"):
        read_part("magenta-transfer", "transfer")


def test_the_catalogue_knows_the_real_files(shared: Path):
    for name, part in (("predict", "predict"), ("transfer", "transfer"), ("transfer-int8", "transfer")):
        entry = find(f"magenta-{name}")
        path = shared / "magenta" / entry.file
        with path.open("rb") as file:
            assert entry.matches(digest(file))
            assert entry.size == file.tell()
        arrays = read_part(path, part)
        shapes = {key: array.shape for key, array in arrays.items()}
        assert shapes == (predictor_shapes() if part == "predict" else transformer_shapes(shapes))


def test_reading_starts_no_jax():
    code = "import sys, jaxstyle.feedforward.tflite, jaxstyle.feedforward.magenta_file; print('jax' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, encoding="utf-8").strip() == "False"


def test_every_width():
    shapes = transformer_shapes({name: array.shape for name, array in small_transformer((32, 64, 128)).items()})
    assert shapes["residual5/conv2/kernel"] == (3, 3, 128, 128)
    assert shapes["expand/conv3/scale/kernel"] == (100, 3)
