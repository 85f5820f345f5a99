"""Folders that were torn, filled by strangers or are not finished yet."""

import json
import os

import PIL.Image
import pytest
from fake_sweep import make_sweep, write_grid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxstyle.sweep.report import read_sweep
from jaxstyle.sweep.report.payload import make_payload
from jaxstyle.sweep.report.records import Record
from jaxstyle.sweep.report.render import render
from jaxstyle.sweep.report.thumbnails import SMALLEST, edge_for, make_thumbnails
from jaxstyle.sweep.untrusted import MAX_JSON

SMALL = PIL.Image.radial_gradient("L").resize((16, 16))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
KEYS = ("status", "error", "settings", "image", "size", "losses", "history", "metrics", "seconds", "batch", "id")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with one cell, and the path and content of its record."""
    folder = tmp_path_factory.mktemp("sweep")
    (cell,) = make_sweep(folder, {"tree.png": SMALL}, {"scream.png": SMALL})
    path = folder / "records" / f"{cell['id']}.json"
    return folder, path, json.loads(path.read_text(encoding="utf-8"))


def read(place, content) -> Record:
    folder, path, _ = place
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_sweep(folder).cells[0].record


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '"done"', "\0", "{}", "[" * 50_000, '{"a":' * 40 + "1" + "}" * 40, "9" * 5000]
)
def test_torn_records_are_unreadable(place, text):
    record = read(place, text)
    assert record.status == "unreadable" and "cannot be used" in record.error


@pytest.mark.parametrize(
    "change",
    [
        {"id": "0123456789abcdef"},
        {"status": "excellent"},
        {"status": ["done"]},
        {"error": 5},
        {"settings": []},
        {"losses": [1]},
        {"losses": {"total": "low"}},
        {"losses": {"total": True}},
        {"losses": {str(i): 1 for i in range(1000)}},
        {"metrics": "good"},
        {"history": {"step": [0, 1], "total": [1]}},
        {"history": {"total": [1]}},
        {"history": {"step": [0], "total": ["x"]}},
        {"history": {"step": 3}},
        {"size": [0, 10]},
        {"size": [1.5, 2]},
        {"size": "large"},
        {"seconds": "long"},
    ],
    ids=str,
)
def test_wrong_types_are_unreadable(place, change):
    assert read(place, place[2] | change).status == "unreadable"


def test_unfinished_records_are_what_they_say(place):
    nothing = {"losses": None, "metrics": {"ssim": None}, "history": {}, "image": None, "size": None, "seconds": None}
    record = read(place, place[2] | nothing | {"status": "failed", "error": "out of memory"})
    assert (record.status, record.error, record.losses) == ("failed", "out of memory", {})
    text = json.dumps(place[2]).replace('"seconds": 12.5', '"seconds": 1e999').replace('"ssim": 0.2', '"ssim": NaN')
    record = read(place, text)
    assert record.status == "done" and record.seconds is None and record.metrics["ssim"] is None


def test_huge_and_special_files_are_not_read(place):
    folder, path, _ = place
    path.unlink()
    assert read_sweep(folder).cells[0].record.status == "pending"
    with path.open("wb") as file:
        file.truncate(MAX_JSON + 1)
    assert "bytes" in read_sweep(folder).cells[0].record.error
    path.unlink()
    os.mkfifo(path)
    assert read_sweep(folder).cells[0].record.status == "unreadable"
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert "a link, which may lead out" in read_sweep(folder).cells[0].record.error
    path.unlink()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_whatever_a_record_says_the_page_is_made(place, change):
    folder, path, good = place
    path.write_text(json.dumps(good | change), encoding="utf-8")
    payload = make_payload(read_sweep(folder))
    for entry in payload["inputs"] + payload["cells"]:
        entry |= {"picture": None, "fault": "", "size": None}
    assert render(payload).endswith(b"</html>")


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(JSON, max_size=3), inputs=JSON, axes=st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_whatever_a_grid_says_its_cells_are_listed(tmp_path_factory, cells, inputs, axes):
    folder = tmp_path_factory.mktemp("grid")
    write_grid(folder, axes, cells, inputs)
    found = make_payload(read_sweep(folder))["cells"]
    assert [cell["status"] for cell in found] == ["unreadable"] * len(cells)


@pytest.mark.parametrize("id", ["../x", "a/b", "", "-o", "x" * 65, "a\n", "\u0661", 5, None])
def test_ids_that_are_no_file_names(tmp_path, id):
    write_grid(tmp_path, {}, [{"id": id, "axes": {}}], {})
    (cell,) = read_sweep(tmp_path).cells
    assert (cell.id, cell.record.status) == ("cell-0", "unreadable")


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "/etc/hostname", "images/link.png", "images/folder/secret.png", "images", "nothing.png", "\0",
     "a" * 5000, "file:///etc/hostname", "https://evil.example/x.png", "data:image/png;base64,AA", 5, [], {}, True,
     "sweep.json"],
    ids=repr,
)  # fmt: skip
def test_pictures_elsewhere_are_refused(tmp_path, name):
    SMALL.save(tmp_path / "secret.png")
    folder = tmp_path / "sweep"
    make_sweep(folder, {"c": SMALL}, {"s": SMALL})
    (folder / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "images" / "folder").symlink_to(tmp_path)
    (thumbnail,) = make_thumbnails(folder, [name], 10**6)
    assert thumbnail.uri is None and thumbnail.fault


def test_pictures_share_a_budget(tmp_path):
    for i in range(6):
        PIL.Image.effect_noise((400, 300), 120).save(tmp_path / f"{i}.png")
    names = [f"{i}.png" for i in range(6)]
    thumbnails = make_thumbnails(tmp_path, [*names, None], 60_000)
    assert 20_000 < sum(len(thumbnail.uri or "") for thumbnail in thumbnails) <= 61_000
    assert thumbnails[-1] == (None, "", None) and all(max(thumbnail.size) < 300 for thumbnail in thumbnails[:-1])


def test_the_size_of_pictures_follows_their_number():
    megabytes = 50_000_000
    assert [edge_for(megabytes * 3 // 4 // count) for count in (1, 400, 2000, 10**6)] == [512, 512, 250, SMALLEST]


def test_damaged_pictures_say_so(tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    assert "damaged" in make_thumbnails(tmp_path, ["x.png"], 1000)[0].fault


def test_cells_without_a_record_know_their_pictures_by_name(tmp_path):
    cells = make_sweep(tmp_path, {"tree.png": SMALL}, {"scream.png": SMALL, "wave.png": SMALL}, seed=[0, 1])
    (tmp_path / "records" / f"{cells[2]['id']}.json").unlink()
    cell = make_payload(read_sweep(tmp_path))["cells"][2]
    assert (cell["status"], cell["content"], cell["styles"]) == ("pending", 0, [2])


def test_a_sweep_that_has_only_begun_shows_what_its_table_has(tmp_path):
    axes = {"content": "tree.png", "style": ["a.png", "b.png"]}
    names = ("b.png", "tree.png", "a.png")
    write_grid(tmp_path, {}, [{"id": "c", "axes": axes}], {n: {"name": n, "thumbnail": f"inputs/{n}"} for n in names})
    (cell,) = make_payload(read_sweep(tmp_path))["cells"]
    assert (cell["content"], cell["styles"]) == (1, [2, 0])


def test_values_of_an_axis_that_look_alike_stay_apart(tmp_path):
    values = [1, "1", True, None, "None", ["a", "b"], 0.5, 1.0]
    cells = [{"id": f"c{i}", "axes": {"x": value}} for i, value in enumerate(values)]
    write_grid(tmp_path, {"x": values}, cells, {})
    payload = make_payload(read_sweep(tmp_path))
    assert [cell["axes"] for cell in payload["cells"]] == [[i] for i in (0, 1, 2, 3, 4, 5, 6, 0)]
    assert payload["axes"][0]["labels"] == ["1", "1", "true", "none", "None", "a + b", "0.5"]


def test_settings_that_cells_share_are_kept_once(tmp_path):
    make_sweep(tmp_path, {"c": SMALL}, {"s": SMALL}, seed=list(range(20)))
    payload = make_payload(read_sweep(tmp_path))
    kept = [dict(cell["settings"]) for cell in payload["cells"]]
    assert len({settings["recipe"] for settings in kept}) == 1 and len({settings["seed"] for settings in kept}) == 20
    assert payload["pool"][kept[7]["seed"]] == 7
