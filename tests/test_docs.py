"""The examples in the docs run as they stand, and the docs' links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("unchecked")
def test_extending_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "extending"}
    for number, block in enumerate(blocks(ROOT / "docs/extending.md", "python")):
        exec(compile(block, f"docs/extending.md block {number}", "exec"), names)
    assert len(names["result"].history["total"]) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blurs", "measured"]
    assert len(list((tmp_path / "measured/records").glob("*.json"))) == 2
    assert '"lightness_kept": 0.' in next((tmp_path / "measured/records").glob("*.json")).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_docs_is_python(page):
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


def test_the_readme_is_read_to_the_end():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120
