import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import optimize
from jaxstyle.errors import SettingError
from jaxstyle.image import load_image, read_recipe, save_image
from jaxstyle.losses import GramLoss
from jaxstyle.metrics import METRICS, ssim
from jaxstyle.objective import presets
from jaxstyle.objective.recipe import Term
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.optimize.pyramid import Pyramid
from jaxstyle.sweep import Grid, lanes, run_sweep
from jaxstyle.sweep.cells import read_cells
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.transfer.api import stylize

pytestmark = pytest.mark.usefixtures("unchecked")


def records(folder):
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "records").glob("*.json")]
    return {json.dumps(record["axes"], sort_keys=True): record for record in found}


def hashes(folder):
    return {axes: record.get("image_sha256") for axes, record in records(folder).items()}


def test_every_cell_is_what_stylize_makes(embedded, paintings, grid, sweep, tmp_path):
    cells = grid(style_weight=[1, 30], learning_rate=[0.01], init=["content", "noise"], seed=[1])
    assert sweep(cells, tmp_path).counts == {"done": 16}
    for record in records(tmp_path).values():
        axes = record["axes"]
        pictures = paintings[axes["content"]], paintings[axes["style"]]
        names = ("style_weight", "learning_rate", "init", "seed", "steps")
        recipe = cells.points[0].axes["recipe"]
        single = stylize(*pictures, model=embedded, recipe=recipe, **{name: axes[name] for name in names})
        saved = load_image(save_image(tmp_path / "single.png", single.image))
        np.testing.assert_array_equal(load_image(tmp_path / record["image"]), saved)
        for name, column in single.history.items():
            np.testing.assert_array_equal(np.float32(record["history"][name]), np.float32(column))
        same = {name: record["settings"][name] for name in ("recipe", "seed", "content", "styles", "model")}
        assert same == {name: json.loads(json.dumps(single.settings[name])) for name in same}


@pytest.mark.users_compiler
def test_bits_depend_on_nothing_but_the_cell(grid, sweep, tmp_path):
    cells, expected = grid(seed=[0, 1, 2], init="noise"), None
    for name, options in {
        "auto": {},
        "3": {"batch": 3},
        "four devices": {"devices": jax.devices()[:4], "batch": 5},
    }.items():
        sweep(cells, tmp_path / name, **options)
        expected = expected or hashes(tmp_path / name)
        assert hashes(tmp_path / name) == expected, name
    backwards = Grid._of(reversed(cells.points))
    sweep(backwards, tmp_path / "backwards", batch=7)
    assert hashes(tmp_path / "backwards") == expected


def test_a_lane_that_becomes_infinite_harms_no_other(grid, sweep, tmp_path):
    sweep(grid(contents="a", style_weight=[1, 2, 5], steps=4), tmp_path / "alone")
    summary = sweep(grid(contents="a", style_weight=[1, 3e30, 2, 5], steps=4), tmp_path / "beside")
    assert summary.counts == {"done": 6, "not finite": 2}
    assert not summary.complete
    beside = hashes(tmp_path / "beside")
    assert hashes(tmp_path / "alone").items() <= beside.items()
    infinite = [record for record in records(tmp_path / "beside").values() if record["status"] == "not finite"]
    for record in infinite:
        assert record["history"]["step"] == [0]
        np.testing.assert_array_equal(load_image(tmp_path / "beside" / record["image"]).shape, (32, 32, 3))


def test_what_differs_in_structure_runs_apart(grid, sweep, tmp_path):
    other = replace(grid().points[0].axes["recipe"], style=(Term(GramLoss("relu1_2")),))
    cells = grid(contents="a", recipe=[grid().points[0].axes["recipe"], other], size=[32, 24], steps=[2, 3])
    summary = sweep(cells, tmp_path)
    assert summary.counts == {"done": 16}
    assert sorted({tuple(record["size"]) for record in records(tmp_path).values()}) == [(24, 24), (32, 32)]


def test_targets_are_made_once_for_each_picture(grid, sweep, tmp_path, monkeypatch):
    from jaxstyle.objective import make, targets

    made = []

    def make_targets(model, picture, losses, rows):
        made.append(len(losses))
        return original(model, picture, losses, rows)

    original = make.make_targets
    for module in (make, targets):
        monkeypatch.setattr(module, "make_targets", make_targets)
    sweep(grid(style_weight=[1, 2, 3], seed=[0, 1]), tmp_path)
    assert len(made) == 4  # two contents, two styles


@pytest.mark.parametrize("optimizer", [Adam(), LBFGS(memory=2)], ids=repr)
def test_a_structure_is_one_program(paintings, grid, sweep, tmp_path, caplog, optimizer):
    recipe = replace(grid().points[0].axes["recipe"], optimizer=optimizer, clip=False)
    square = {name: picture[:24, :24] for name, picture in paintings.items()}  # a size of this test's alone
    cells = Grid([square["a"], square["b"]], [square["x"]], recipe=recipe, style_weight=[1, 2, 3, 4, 5], steps=25)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        sweep(cells, tmp_path, batch=4)
    assert sum("Finished XLA compilation of jit(run)" in message for message in caplog.messages) == 1


def test_a_sweep_goes_on_where_it_was(grid, sweep, tmp_path):
    cells = grid(init="noise", steps=30, seed=[0, 1, 2])
    sweep(cells, tmp_path / "at once")
    stops = iter([False, True])
    summary = sweep(cells, tmp_path / "in parts", callback=lambda progress: next(stops))
    assert summary.stopped
    assert summary.counts == {"pending": 12}
    assert list((tmp_path / "in parts" / "checkpoints").glob("*.npz"))
    steps = []
    summary = sweep(cells, tmp_path / "in parts", callback=lambda progress: steps.append(progress.step))
    assert summary.counts == {"done": 12}
    assert steps.count(1) == 2  # of the eight lanes that had not begun
    assert hashes(tmp_path / "in parts") == hashes(tmp_path / "at once")
    assert not list((tmp_path / "in parts" / "checkpoints").glob("*.npz"))


def test_chunks_take_about_half_a_second_and_states_stay_on_the_devices(embedded, paintings, grid, sweep, monkeypatch):
    from jaxstyle.sweep import batch
    from jaxstyle.transfer.job import Job, prepare

    assert [batch.next_steps(*chunk) for chunk in ((1, 2.0), (4, 1.0), (10, 0.01))] == [1, 2, 500]
    monkeypatch.setattr(batch, "next_steps", lambda done, seconds: 2)
    recipe = replace(grid().points[0].axes["recipe"], steps=5)
    runs = [prepare(Job(paintings[name], (paintings["x"],), recipe), embedded) for name in "ab"]
    made = batch.Batch(runs, [run.begun() for run in runs], 2, jax.devices()[:1])
    begun = [at.state for at in made.begun]
    assert [*made.paint()] == [(0, 1), (0, 3), (0, 5)]
    assert [at.state for at in made.begun] == begun, "not fetched as long as nobody asks"
    for at, run in zip(made.lanes, runs, strict=True):
        assert at.at == (0, 5) and [len(info.total) for info in at.infos[0]] == [1, 2, 2]
        whole = optimize.run(
            run.first(), run.objective(0), recipe.optimizer, 5, average=recipe.average, clip=recipe.clip
        )[0]
        np.testing.assert_allclose(at.state.average, whole.average, atol=1e-3)


def test_finished_cells_are_not_done_again(grid, sweep, tmp_path):
    sweep(grid(seed=[0]), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "records").glob("*.json")}
    seen = []
    summary = sweep(grid(seed=[0, 1]), tmp_path, callback=seen.append)
    assert summary.counts == {"done": 8}
    assert {progress.running for progress in seen} == {0, 4}  # of eight
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    with pytest.raises(SettingError, match="has finished cells"):
        sweep(grid(seed=[0]), tmp_path, resume=False)


def test_a_picture_that_cannot_be_read_fails_its_cells_alone(embedded, paintings, sweep, tmp_path):
    for name in "ax":
        save_image(tmp_path / f"{name}.png", paintings[name])
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    contents = [tmp_path / "a.png", tmp_path / "bad.png", tmp_path / "missing.png"]
    cells = Grid(contents, [tmp_path / "x.png"], steps=2, seed=[0, 1], style_layers=["relu1_1"], recipe="default")
    summary = sweep(cells, tmp_path / "out")
    assert summary.counts == {"done": 2, "failed": 4}
    found = records(tmp_path / "out").values()
    errors = {record["axes"]["content"]: record["error"] for record in found}
    assert errors["a.png"] is None
    assert "bad.png" in errors["bad.png"]
    assert "there is no such file" in errors["missing.png"]


def test_a_setting_that_does_not_fit_fails_its_cells_alone(paintings, sweep, tmp_path):
    cells = Grid({"a": paintings["a"]}, {"x": paintings["x"]}, steps=2, size=[32, -5])
    assert sweep(cells, tmp_path).counts == {"done": 1, "failed": 1}
    assert {str(record["error"])[:11] for record in records(tmp_path).values()} == {"None", "size: got -"}


def test_no_device_is_refused(grid, tmp_path, embedded):
    with pytest.raises(SettingError, match="devices: got none, expected at least one"):
        run_sweep(grid(), tmp_path, model=embedded, devices=[])


def test_a_changed_picture_is_noticed(paintings, sweep, tmp_path):
    save_image(tmp_path / "a.png", paintings["a"])
    save_image(tmp_path / "x.png", paintings["x"])
    cells = Grid([tmp_path / "a.png"], [tmp_path / "x.png"], steps=0)
    sweep(cells, tmp_path / "out")
    save_image(tmp_path / "a.png", paintings["b"])
    with pytest.raises(SettingError, match=r"a\.png changed since the sweep began"):
        sweep(cells, tmp_path / "out")


def test_out_of_memory_halves_the_width(grid, sweep, tmp_path, monkeypatch):
    from jaxstyle.sweep import batch

    whole, widths = lanes.InTurn.run, []

    def run(self, states, *arguments):
        widths.append(len(states))
        if len(states) > 2 and int(states[0].step) >= 10:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes")
        return whole(self, states, *arguments)

    sweep(grid(contents="a", steps=15, seed=[0, 1]), tmp_path / "expected")
    monkeypatch.setattr(lanes.InTurn, "run", run)
    monkeypatch.setattr(batch, "next_steps", lambda done, seconds: 10)
    assert sweep(grid(contents="a", steps=15, seed=[0, 1]), tmp_path / "short").counts == {"done": 4}
    assert widths == [4, 4, 4, 2, 2, 2, 2]  # after 1 step, 10 more, and a failure: what was done is not done again
    expected = records(tmp_path / "expected")
    for axes, record in records(tmp_path / "short").items():
        np.testing.assert_allclose(record["losses"]["total"], expected[axes]["losses"]["total"], rtol=1e-3)


def test_metrics_and_more_of_them(paintings, grid, sweep, tmp_path):
    def darker(image, content):
        return jnp.mean(content - image)

    sweep(grid("a", "xy", steps=5), tmp_path, metrics={"darker": darker})
    for record in records(tmp_path).values():
        assert {*METRICS, "darker"} == record["metrics"].keys()
        image = load_image(tmp_path / record["image"])
        expected = float(ssim(jnp.asarray(image), jnp.asarray(paintings["a"])))
        assert record["metrics"]["ssim"] == pytest.approx(expected, abs=0.01)
        assert record["metrics"]["darker"] == pytest.approx(float((paintings["a"] - image).mean()), abs=0.01)


def test_shards_share_a_folder(grid, sweep, tmp_path):
    for k in range(3):
        summary = sweep(grid(seed=[0, 1]), tmp_path, shard=(k, 3))
    assert summary.counts == {"done": 8}


def test_cells_that_another_process_has_are_left_to_it(grid, sweep, tmp_path):
    from jaxstyle.sweep.folder import SweepFolder

    cells = grid(contents="a")
    sweep(grid(contents="a", styles="x"), tmp_path)
    ids = [entry["id"] for entry in json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))["cells"]]
    folder = SweepFolder(tmp_path)
    folder.forget(ids[0])
    handle = folder.claim(ids[0])
    assert sweep(cells, tmp_path).counts == {"done": 1, "pending": 1}
    folder.release(handle)
    assert sweep(cells, tmp_path).counts == {"done": 2}


def test_pictures_know_their_recipe_and_cell(grid, sweep, tmp_path):
    sweep(grid(contents="a", styles="x"), tmp_path)
    (record,) = records(tmp_path).values()
    inside = read_recipe(tmp_path / record["image"])
    assert inside["cell"] == {"id": record["id"], "axes": record["axes"]}
    assert inside["recipe"] == record["settings"]["recipe"]


def test_pyramids_and_lbfgs_in_lanes(embedded, paintings, grid, sweep, tmp_path):
    settings = {"optimizer": LBFGS(memory=2, line_search=False), "clip": False, "average": 0.0}
    recipe = replace(grid().points[0].axes["recipe"], pyramid=Pyramid(32, 1.4), **settings)
    content = np.kron(paintings["a"], np.ones((2, 2, 1), np.float32))[:48, :48]
    sweep(Grid({"a": content}, {"x": paintings["x"], "y": paintings["y"]}, recipe=recipe, steps=3), tmp_path)
    for record in records(tmp_path).values():
        single = stylize(content, paintings[record["axes"]["style"]], model=embedded, recipe=recipe, steps=3)
        assert [level.shape for level in single.levels] == [(32, 32), (48, 48)]
        np.testing.assert_allclose(record["history"]["total"], single.history["total"], rtol=2e-2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch": 0}, "batch: got 0"),
        ({"batch": "all"}, "batch: got 'all'"),
        ({"shard": (3, 3)}, "shard: got"),
    ],
)
def test_bad_options(grid, sweep, tmp_path, options, match):
    with pytest.raises(SettingError, match=match):
        sweep(grid(), tmp_path, **options)


def test_a_folder_of_other_things_is_left_alone(grid, sweep, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SettingError, match="is a folder with other things"):
        sweep(grid(), tmp_path)


def test_grids_are_grids(embedded, tmp_path):
    with pytest.raises(SettingError, match="grid: got list"):
        run_sweep([], tmp_path, model=embedded)


def test_files_of_equal_bytes_are_cells_of_their_own(embedded, paintings, sweep, tmp_path, caplog):
    for name in ("f1", "f2", "s"):
        save_image(tmp_path / f"{name}.png", paintings["x" if name == "s" else "a"])
    frames = [tmp_path / "f1.png", tmp_path / "f2.png"]
    recipe = presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    grid = Grid(frames, [tmp_path / "s.png"], recipe=[recipe], steps=1)
    assert sweep(grid, tmp_path / "out").counts == {"done": 2}
    cells = read_cells(SweepFolder(tmp_path / "out"))
    assert [cell.axes["content"] for cell in cells] == ["f1.png", "f2.png"]
    first, second = (load_image(tmp_path / "out" / "images" / f"{cell.id}.png") for cell in cells)
    np.testing.assert_array_equal(first, second)
    assert sweep(grid, tmp_path / "out").counts == {"done": 2} and not caplog.records
    assert sweep(grid + grid, tmp_path / "out").counts == {"done": 2}
    assert "2 of 4 cells are asked for twice, and painted once" in caplog.text
