"""The reader of pickles against Python's own writer and unpickler."""

import io
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from weight_files import small_vgg19, state_dict, state_pickle

from jaxstyle.errors import WeightsError
from jaxstyle.weights.pickled import Storage, Tensor, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
)


@given(PLAIN)
def test_plain_values_as_python_reads_them(value: object):
    stream = io.BytesIO(pickle.dumps(value, 2) + b"after")
    assert read_pickle(stream) == value
    assert stream.read() == b"after"


@given(st.binary())
def test_any_bytes_end_in_an_ordinary_exception(data: bytes):
    try:
        read_pickle(io.BytesIO(b"\x80\x02" + data))
    except Exception as error:
        assert not isinstance(error, MemoryError)


def test_tensors_are_described():
    state = state_dict(small_vgg19())
    found = read_pickle(io.BytesIO(state_pickle(state, legacy=False)))
    assert list(found) == list(state)
    assert found["features.0.weight"] == Tensor(Storage("<f4", "0", 54, 0, 54), 0, (2, 3, 3, 3), (27, 9, 3, 1))


def test_a_view_of_an_old_file():
    name = b"ctorch._utils\n_rebuild_tensor\n"
    identity = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0aX\x03\0\0\0cpuK\x0a(X\x01\0\0\0vK\x02K\x04ttQ"
    data = b"\x80\x02" + name + b"(" + identity + b"K\x01K\x03\x85K\x01\x85tR."
    assert read_pickle(io.BytesIO(data)) == Tensor(Storage("<f4", "a", 10, 2, 4), 1, (3,), (1,))
    with pytest.raises(WeightsError, match="element 4 of a storage of 4"):
        read_pickle(io.BytesIO(data.replace(b"K\x01K\x03\x85", b"K\x02K\x03\x85")))


def test_a_shared_value_is_one_object():
    inner: list[object] = []
    found = read_pickle(io.BytesIO(pickle.dumps([inner, inner], 2)))
    assert found[0] is found[1]
