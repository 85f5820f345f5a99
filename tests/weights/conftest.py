"""Makes tests/weight_files.py and its kin importable here, and keeps every test away from the user's cache."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "cache"
    monkeypatch.setenv("JAXSTYLE_HOME", str(home))
    return home


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside a checkout."""
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real weights in ../shared/data, which are not here")
    return folder
