"""The page as text: nothing in it runs but our script, nothing is fetched, and it says what the folder says."""

import base64
import hashlib
import json
import re
import shlex

import PIL.Image
import pytest
from fake_sweep import make_cell, make_sweep, write_grid, write_record
from hostile_names import HOSTILE
from report_page import Page

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.sweep.report import render, write_report

SMALL = PIL.Image.linear_gradient("L").resize((24, 16))


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep"
    make_sweep(folder, {"tree.png": SMALL}, {"scream.png": SMALL}, style_weight=[1, 10], seed=[0, 1])
    return folder


def record_path(folder, place):
    cells = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))["cells"]
    return folder / "records" / f"{cells[place]['id']}.json"


def test_the_page_holds_cells_axes_and_numbers(sweep):
    path = write_report(sweep)
    page = Page(path)
    assert path == sweep / "report.html"
    assert page.data["axes"][2] == {"name": "style_weight", "labels": ["1", "10"]}
    assert [cell["axes"] for cell in page.data["cells"]] == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 1]]
    names = [column["name"] for column in page.data["columns"]]
    assert names[:3] == ["ssim", "style_distance", "total"] and "cfsd" not in names and names[-1] == "seconds"
    for cell in page.data["cells"]:
        assert cell["picture"].startswith("data:image/webp;base64,") and cell["size"] == [24, 16]
        assert (cell["content"], cell["styles"], cell["status"]) == (0, [1], "done")
        assert [name for name, _ in cell["history"]][:2] == ["step", "total"]


def test_metrics_know_which_way_is_better(sweep):
    columns = {column["name"]: column for column in Page(write_report(sweep)).data["columns"]}
    assert (columns["ssim"]["better"], columns["style_distance"]["better"], columns["total"]["better"]) == (1, -1, 0)
    assert "content" in columns["ssim"]["about"]


def test_policy_allows_our_script_and_style_alone(sweep):
    page = Page(write_report(sweep))
    for kind in ("script", "style"):
        (text,) = page.inner[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in page.policy
    assert page.text.index("Content-Security-Policy") < page.text.index("<style>")


def test_nothing_is_fetched_and_nothing_runs_from_attributes(sweep):
    page = Page(write_report(sweep))
    for tag, attributes in page.tags:
        assert tag not in ("img", "link", "iframe", "base", "object", "a")
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert set(re.findall(r"https?:[\w./]+", page.text)) == {"http://www.w3.org/2000/svg"}
    (script,) = page.inner["script"]
    assert not re.search(r"(inner|outer)HTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp|Function\(", script)


def test_the_paths_of_inputs_stay_private(sweep):
    assert "/secret/place" not in write_report(sweep).read_text(encoding="utf-8")


def make_hostile(folder, name: str) -> None:
    """A sweep that says `name` wherever it can."""
    cells = make_sweep(folder, {name: SMALL}, {f"s{name}": SMALL}, **{f"a{name}": [name, "plain"]})
    for cell in cells:
        path = folder / "records" / f"{cell['id']}.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        history = {"step": [0, 1], name: [2, 1]} if name else {}
        texts = {"error": f"e{name}", "losses": {name: 1}, "metrics": {name: 2}, "history": history}
        write_record(folder, record | texts | {"status": "not finite", "settings": record["settings"] | {name: name}})


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(tmp_path, name):
    make_hostile(tmp_path / "a", "harmless")
    make_hostile(tmp_path / "b", name)
    harmless, page = Page(write_report(tmp_path / "a")), Page(write_report(tmp_path / "b"))
    assert page.tags[1:] == harmless.tags[1:], "a name became an element"
    data = page.data
    assert [axis["name"] for axis in data["axes"]] == ["content", "style", f"a{name}"]
    assert data["axes"][2]["labels"] == [name, "plain"] and data["inputs"][0]["name"] == name
    assert data["cells"][0]["error"] == f"e{name}"
    assert [column["name"] for column in data["columns"] if column["kind"] != "time"] == [name, name]
    (block,) = page.inner["data"]
    assert block.isascii() and not set(block) & set("<>&'")


def test_the_folder_may_be_called_anything(tmp_path):
    folder = tmp_path / "<script>alert(1)<|script> \u202e $(id) 'x'"
    (cell, *_) = make_sweep(folder, {"c": SMALL}, {"s": SMALL})
    page = Page(write_report(folder))
    assert page.inner["h1"] == [""] and folder.name in page.inner["bdi"]
    assert shlex.split(page.data["cells"][0]["command"]) == [
        "jaxstyle", "sweep", "cell", str(folder), cell["id"], "-o", f"{cell['id']}.png",
    ]  # fmt: skip


def test_a_folder_is_never_an_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_sweep(tmp_path / "--force", {"c": SMALL}, {"s": SMALL})
    assert "sweep cell ./--force " in Page(write_report("--force")).data["cells"][0]["command"]


def test_json_in_html_is_inert():
    text = render.inert_json({"</script><!--": "\u2028&'\"<"})
    assert "<" not in text and json.loads(text) == {"</script><!--": "\u2028&'\"<"}


def test_without_javascript_there_is_a_table(sweep):
    record_path(sweep, 3).unlink()
    record_path(sweep, 2).write_text("{", encoding="utf-8")
    page = Page(write_report(sweep))
    assert "need JavaScript" in page.inner["p"][1]
    rows = page.text.partition("<noscript>")[2].partition("</noscript>")[0]
    assert rows.count("<tr>") == 5 and "pending" in rows and "unreadable: <bdi>the record" in rows


def test_hundreds_of_cells_take_ten_kilobytes_each(tmp_path):
    (cell,) = make_sweep(tmp_path, {"c": SMALL}, {"s": SMALL})
    record = json.loads((tmp_path / "records" / f"{cell['id']}.json").read_text(encoding="utf-8"))
    cells = [make_cell({"content": "c", "style": "s", "seed": seed}) for seed in range(300)]
    for other in cells:
        write_record(tmp_path, record | other)
    grid = json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))
    write_grid(tmp_path, {"seed": list(range(300))}, cells, grid["inputs"])
    path = write_report(tmp_path)
    assert path.stat().st_size < 3_000_000 and path.read_text(encoding="utf-8").count('"status":"done"') == 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no sweep.json"),
        ("", "sweep.json: Expecting value"),
        ("[1]", "is a JSON list"),
        ("[" * 100_000, "nested"),
        ('{"format": 2, "axes": {}, "cells": []}', "got format 2"),
        ('{"format": 1, "axes": [], "cells": []}', "with axes and cells"),
        ('{"format": 1, "axes": {}}', "with axes and cells"),
    ],
)
def test_folders_without_a_sweep(tmp_path, text, message):
    if text is not None:
        (tmp_path / "sweep.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message):
        write_report(tmp_path)
    assert not list(tmp_path.glob("*.html"))


def test_output_goes_where_it_is_wanted_or_says_why_not(sweep, tmp_path):
    assert write_report(sweep, tmp_path / "page.html").read_bytes().startswith(b"<!doctype html>")
    assert not (sweep / "report.html").exists() and not list(tmp_path.glob(".*.part"))
    for output, message in (("page.txt", "html"), ("nowhere/page.html", "no folder")):
        with pytest.raises(ImageFileError, match=message):
            write_report(sweep, tmp_path / output)
    with pytest.raises(SettingError, match="is no folder"):
        write_report(tmp_path / "missing")


def test_every_part_of_the_page_is_used_and_in_the_package():
    scripts = {
        path.stem for path in (render.files("jaxstyle.sweep.report") / "page").iterdir() if path.name.endswith(".js")
    }
    assert scripts == set(render.SCRIPTS)
