import subprocess
import sys
from pathlib import Path

import pytest

from jaxstyle.errors import SettingError
from jaxstyle.networks.load import load_vgg19
from jaxstyle.weights.catalogue import CATALOGUE, default_network, digest, find, identify
from jaxstyle.weights.entry import NETWORKS, Package, cache_dir
from jaxstyle.weights.layout import PREPROCESSING


def test_entries_are_whole():
    names = [entry.name for entry in CATALOGUE if entry.network == "vgg19"]
    assert names == ["imagenet", "imagenet-8bit", "imagenet-top", "torchvision", "jcjohnson"]
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)
    for entry in CATALOGUE:
        assert entry.sources
        for source in entry.sources:
            if isinstance(source, Package):
                assert len(source.wheel) == len(source.sha256) == 64
            else:
                assert source.startswith("https://") and source.endswith("/" + entry.file)
        assert entry.network in NETWORKS
        assert entry.preprocessing in PREPROCESSING
        kind, _, value = entry.hash.partition(":")
        assert len(value) == {"md5": 32, "sha256": 64, "sha256-prefix": 8}[kind]


def test_find_suggests():
    assert find("imagenet").size == 80_134_624
    with pytest.raises(SettingError, match="did you mean 'imagenet'"):
        find("imagnet")
    with pytest.raises(SettingError, match="did you mean 'embedded'"):
        find("embeded")
    with pytest.raises(SettingError, match=r"one of imagenet, imagenet-8bit, imagenet-top, .*, embedded"):
        find("xyz", "vgg19")
    with pytest.raises(SettingError, match="did you mean 'magenta-predict'"):
        find("magenta-predic")


def test_a_network_is_not_offered_for_another():
    assert find("magenta-predict", "predict").size == 2_827_952
    with pytest.raises(SettingError, match="'magenta-predict' is Magenta's style predictor, expected VGG19"):
        load_vgg19("magenta-predict")
    with pytest.raises(SettingError, match=r"'imagenet' is VGG19, .*one of magenta-transfer, magenta-transfer-int8$"):
        find("imagenet", "transfer")
    with pytest.raises(SettingError, match=r"expected a file's path or one of magenta-predict$"):
        find("zzz", "predict")


def test_hashes_identify():
    assert identify({"md5": "253f8cb515780f3b799900260a226db6", "sha256": "00"}) is find("imagenet")
    assert identify({"md5": "00", "sha256": "d01eb7cb" + "0" * 56}) is find("jcjohnson")
    assert identify({"md5": "00", "sha256": "00"}) is None
    assert identify({}) is None
    packed = find("imagenet-8bit")
    assert identify({"sha256": packed.hash.removeprefix("sha256:")}) is packed
    assert identify({"sha256": packed.sources[0].sha256}) is packed


def test_the_default_network_is_one_that_is_there(cache: Path, monkeypatch: pytest.MonkeyPatch):
    assert default_network() == "imagenet"
    cache.mkdir()
    for name in ("imagenet-8bit", "imagenet"):
        with find(name).path.open("wb") as file:
            file.truncate(find(name).size)
        assert default_network() == name


def test_digest_begins_at_the_beginning(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        file.read()
        assert digest(file)["md5"] == "900150983cd24fb0d6963f7d28e17f72"


def test_cache_dir_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAXSTYLE_HOME", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_dir() == Path("/a")
    monkeypatch.delenv("JAXSTYLE_HOME")
    assert cache_dir() == Path("/b/jaxstyle")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path.home() / ".cache/jaxstyle"


def test_present_means_of_the_right_size(cache: Path):
    entry = find("imagenet")
    assert entry.path == cache / entry.file
    assert not entry.present
    cache.mkdir()
    entry.path.write_bytes(b"abc")
    assert not entry.present


def test_listing_starts_nothing_heavy():
    code = (
        "import sys, jaxstyle.weights.catalogue; print({'numpy', 'jax', 'h5py', 'urllib.request'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, encoding="utf-8").strip() == "set()"
