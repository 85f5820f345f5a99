from pathlib import Path

import numpy as np
import pytest
from fake_network import Fake, Own

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.feedforward.load import LOADERS, convert_fast, describe_network, load_fast
from jaxstyle.feedforward.store import write_network


def test_a_network_is_taken_as_it_is_and_a_function_is_called():
    network = Fake()
    assert load_fast(network) is network and load_fast(lambda: network) is network
    assert isinstance(load_fast(Fake), Fake)


@pytest.mark.parametrize("wrong", [3, None, lambda: "magenta", np.zeros(3)])
def test_what_is_no_network(wrong):
    with pytest.raises(SettingError, match=r"^model: got \w+, expected a fast network"):
        load_fast(wrong)


def test_names_and_files_that_are_not_there(tmp_path):
    with pytest.raises(SettingError, match="did you mean 'magenta'"):
        load_fast("magneta")
    for missing in (tmp_path / "net.safetensors", str(tmp_path / "net"), "net.npz"):
        with pytest.raises(WeightsFileError, match="no such file"):
            load_fast(missing)


def test_files_that_are_no_fast_network(tmp_path):
    path = write_network(tmp_path / "net.safetensors", "cyclegan", {"kernel": np.zeros(3)}, {})
    with pytest.raises(WeightsError, match=r"net.safetensors: is a network of the kind 'cyclegan', expected one"):
        load_fast(path)
    with pytest.raises(WeightsError, match=r"net.pth: a public file; `jaxstyle weights convert-fast`"):
        load_fast(path.rename(tmp_path / "net.pth"))
    write_network(path, "johnson", {"kernel": np.zeros(3)}, {})
    with pytest.raises(WeightsError, match=r"net.safetensors: not a Johnson-type network"):
        load_fast(path)
    path.write_bytes(b"broken")
    with pytest.raises(WeightsError, match=r"net.safetensors"):
        load_fast(path)


def test_every_kind_has_its_loader():
    import jaxstyle.feedforward as feedforward

    for kind, (module, name) in LOADERS.items():
        home = getattr(feedforward, f"load_{kind}").__module__
        assert home == f"jaxstyle.feedforward.{module}" and name.lower() == kind


def test_numbers_decide_the_hash():
    class Numbers(Own):
        def __init__(self, value):
            self.value = value

        def arrays(self):
            return {"kernel": np.full(3, self.value, np.float32)}

    first, second, other = (describe_network(Numbers(value)) for value in (1, 1, 2))
    assert first == second and first["name"] == "own" and first["sha256"] != other["sha256"]


def test_a_real_network_survives_conversion(shared, tmp_path):
    source = shared / "fast_style" / "wave.npz"
    path = convert_fast("johnson", [source], tmp_path / "wave.safetensors")
    first, second = load_fast(source), load_fast(path)
    assert describe_network(first) == describe_network(second) and second.name == "wave"


@pytest.mark.parametrize(
    "kind, counts, message",
    [
        ("magneta", (2, 0), "did you mean 'magenta'"),
        ("magenta", (1, 0), "got 1 and 0 decoders, expected 2 and 0"),
        ("johnson", (2, 0), "got 2 and 0 decoders, expected 1 and 0"),
        ("adain", (2, 0), "got 2 and 0 decoders, expected 1 and 1"),
        ("wct", (2, 3), "2 encoders and 3 decoders"),
    ],
)
def test_wrong_conversions(tmp_path, kind, counts, message):
    files, decoders = ([Path("file")] * count for count in counts)
    with pytest.raises(SettingError, match=message):
        convert_fast(kind, files, tmp_path / "net.safetensors", decoders=decoders)


def test_the_folder_is_there_before_work_begins(tmp_path):
    with pytest.raises(WeightsFileError, match="there is no folder"):
        convert_fast("johnson", ["missing.npz"], tmp_path / "nowhere" / "net.safetensors")
