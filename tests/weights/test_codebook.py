"""Kernels of 8 bits: exact where they can be, near where not, refused where damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
from weight_files import codebook_dict, small_vgg19, write_legacy

from jaxstyle.errors import SettingError, WeightsError
from jaxstyle.weights import codebook
from jaxstyle.weights.layout import CAFFE, Weights
from jaxstyle.weights.load import convert, read_weights
from jaxstyle.weights.store import check_vgg19, write_weights
from jaxstyle.weights.tensors import read_tensors, write_tensors

ARRAYS = small_vgg19()


def test_few_numbers_are_kept_exactly():
    kernel = np.array([[0.5, -1.0], [0.5, 3.0]], np.float32)
    codes, table = codebook.encode(kernel)
    assert table.tolist() == [-1.0, 0.5, 3.0] and table.dtype == np.float32
    assert codes.tolist() == [[1, 0], [1, 2]] and codes.dtype == np.uint8
    np.testing.assert_array_equal(codebook.decode("k", codes, table), kernel)


def test_many_numbers_are_clustered_as_well_as_by_scikit_learn():
    from sklearn.cluster import KMeans

    kernel = np.random.default_rng(0).standard_normal((3, 3, 20, 20)).astype(np.float32)
    codes, table = codebook.encode(kernel)
    assert len(table) <= 256 and np.all(np.diff(table) > 0)
    got = np.square(codebook.decode("k", codes, table) - kernel).sum()
    theirs = KMeans(256, n_init=1, random_state=0).fit(kernel.reshape(-1, 1)).inertia_
    assert got < 1.2 * theirs
    # Each number has the nearest of the table.
    nearest = np.abs(kernel[..., None] - table).argmin(-1)
    np.testing.assert_allclose(table[nearest], table[codes], atol=1e-6)


def test_a_code_beyond_the_table_is_refused():
    with pytest.raises(WeightsError, match="conv1_1/kernel has the code 3, but its table has 3 numbers"):
        codebook.decode("conv1_1/kernel", np.array([0, 3], np.uint8), np.zeros(3, np.float32))
    np.testing.assert_array_equal(codebook.decode("k", np.array([2], np.uint8), np.arange(3.0)), [2.0])


def test_convert_to_8_bits_and_back(tmp_path: Path):
    source = write_weights(tmp_path / "float", Weights(ARRAYS, CAFFE))
    convert(source, tmp_path / "small", bits=8)
    small = read_weights(tmp_path / "small")
    for key, array in ARRAYS.items():
        assert small.arrays[key].dtype == np.float32
        # Fewer than 256 numbers in each of these little kernels.
        np.testing.assert_array_equal(small.arrays[key], array)
    convert(tmp_path / "small", tmp_path / "again", bits=8)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "small").read_bytes()


def test_16_bits_round(tmp_path: Path):
    half = read_weights(write_weights(tmp_path / "half", Weights(ARRAYS, CAFFE), bits=16))
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(half.arrays[key], array.astype(np.float16).astype(np.float32))
    with pytest.raises(SettingError, match="bits: got 4, expected 8, 16 or 32"):
        write_weights(tmp_path / "x", Weights(ARRAYS, CAFFE), bits=4)


def test_pastiches_layout_implies_caffes_preprocessing(tmp_path: Path):
    found = read_weights(write_legacy(tmp_path / "vgg19_q.bin", codebook_dict(ARRAYS)))
    assert (found.preprocessing, found.padding, found.name) == (CAFFE, "zero", "vgg19_q")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"block3_conv2_W_table": np.zeros(255, np.float32)}, "block3_conv2_W_table has the shape"),
        ({"block3_conv2_W_table": None}, "block3_conv2_W_table has the shape None"),
        ({"block3_conv2_b": None}, "missing conv3_2/bias"),
        ({"block5_conv4_W_q": None}, "missing conv5_4/kernel"),
        ({"block1_conv1_W_q": np.zeros((2, 3, 3, 3), np.float32)}, "block1_conv1_W_q does not hold bytes"),
        ({"block1_conv1_b": np.zeros(2, np.uint8)}, "block1_conv1_b holds integers"),
        ({"block9_conv1_b": np.zeros(2, np.float32)}, "unknown block9_conv1_b"),
    ],
)
def test_a_damaged_codebook_is_refused(change: dict, match: str, tmp_path: Path):
    changed = {key: array for key, array in (codebook_dict(ARRAYS) | change).items() if array is not None}
    with pytest.raises(WeightsError, match=match):
        read_weights(write_legacy(tmp_path / "x.bin", changed))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"conv1_1/table": None}, "conv1_1/kernel is codes without a table"),
        ({"conv1_1/table": np.zeros(257, np.float32)}, "conv1_1/table has the shape"),
        ({"conv1_1/table": np.zeros((2, 2), np.float32)}, "conv1_1/table has the shape"),
        ({"conv1_1/kernel": ARRAYS["conv1_1/kernel"]}, "conv1_1/table is a table without codes"),
        ({"conv1_1/table": np.zeros(1, np.float32)}, "has the code"),
        ({"conv1_1/bias": np.zeros(2, np.uint8)}, "conv1_1/bias is codes without a table"),
    ],
)
def test_codes_and_tables_must_fit(change: dict, match: str, tmp_path: Path):
    small = tmp_path / "small"
    write_weights(small, Weights(ARRAYS, CAFFE), bits=8)
    header = json.loads(small.read_bytes()[8 : 8 + int.from_bytes(small.read_bytes()[:8], "little")])
    with small.open("rb") as file:
        arrays, _ = read_tensors(file, check_vgg19)
    with (tmp_path / "wrong").open("wb") as file:
        changed = {key: array for key, array in (arrays | change).items() if array is not None}
        write_tensors(file, changed, header["__metadata__"])
    with pytest.raises(WeightsError, match=match):
        read_weights(tmp_path / "wrong")
