"""Sweeps with a researcher's own network, optax transformations and metrics: results are never mixed up."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxstyle import Grid, Recipe, losses, run_sweep
from jaxstyle.errors import SettingError

pytestmark = pytest.mark.usefixtures("unchecked")
RECIPE = Recipe(content=losses.ContentLoss("input"), style=losses.GramLoss("grey"), steps=2)


@jax.tree_util.register_static
class Grey:
    name, layers = "grey", ("grey",)

    def __init__(self, factor=1.0):
        self.factor = factor

    def features(self, image, layers):
        return {"grey": image.mean(-1, keepdims=True) * self.factor}

    def geometry(self, layer):
        return 1, 0


@pytest.fixture
def sweep(paintings):
    def run(folder, recipes=(RECIPE,), model=None, **options):
        contents, styles = ({name: paintings[name][:24, :24]} for name in ("a", "x"))
        return run_sweep(Grid(contents, styles, recipe=list(recipes)), folder, model=model or Grey(), **options)

    return run


def records(folder):
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("records/*.json"))]


def totals(folder):
    return sorted(record["losses"]["total"] for record in records(folder))


def test_transformations_of_optax_are_told_apart_and_found_again(sweep, tmp_path):
    recipes = [replace(RECIPE, optimizer=transformation) for transformation in (optax.adam(0.1), optax.sgd(0.1))]
    for i, recipe in enumerate(recipes):
        sweep(tmp_path / str(i), [recipe])
    expected = sorted([*totals(tmp_path / "0"), *totals(tmp_path / "1")])
    assert sweep(tmp_path / "both", recipes).counts == {"done": 2}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "both").glob("records/*.json")}
    again = [replace(RECIPE, optimizer=transformation) for transformation in (optax.sgd(0.1), optax.adam(0.1))]
    assert sweep(tmp_path / "both", again).counts == {"done": 2}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "both").glob("records/*.json")} == before
    assert totals(tmp_path / "both") == expected and len(set(expected)) == 2
    axes = json.loads((tmp_path / "both" / "sweep.json").read_text(encoding="utf-8"))["axes"]
    assert len(axes["recipe"]) == 2


def test_another_network_of_the_same_name_is_refused(sweep, tmp_path):
    sweep(tmp_path, model=Grey(1.0))
    sweep(tmp_path, model=Grey(1.0))
    with pytest.raises(SettingError, match="was made with model"):
        sweep(tmp_path, model=Grey(2.0))


def test_metrics_without_a_vgg(sweep, tmp_path, caplog):
    own = {
        "brighter": lambda image, content: (image - content).mean(),
        "numpy": lambda image, content: np.asarray(image).mean(),
        "vector": lambda image, content: image.mean((0, 1)),
    }
    assert sweep(tmp_path, metrics=own).counts == {"done": 1}
    (record,) = records(tmp_path)
    found = record["metrics"]
    assert found["numpy"] is None and found["vector"] is None
    assert {name for name, value in found.items() if value is not None} == {
        "ssim",
        "edge_agreement",
        "chroma_distance",
        "brighter",
    }
    assert 0.9 < found["ssim"] <= 1
    said = " ".join(caplog.messages)
    assert "need a VGG, not Grey" in said and "'numpy' fails: TracerArrayConversionError" in said
    assert "'vector' returns the shape (3,), expected a scalar" in said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([jnp.mean], "expected True, False, or {name: function"),
        ("ssim", "got 'ssim'"),
        ({3: jnp.mean}, "expected True, False"),
        ({"ssim": jnp.mean}, "'ssim' is a column of every sweep already"),
        ({"total": jnp.mean}, "'total' is a column"),
        ({"mine": 3}, "'mine' is 3, expected a function"),
    ],
)
def test_metrics_that_are_none(sweep, tmp_path, given, message):
    with pytest.raises(SettingError, match=message):
        sweep(tmp_path / "out", metrics=given)
    assert not (tmp_path / "out").exists()


def test_masks_are_no_axis():
    with pytest.raises(SettingError, match="masks cannot vary in a sweep"):
        Grid(["a.png"], ["x.png"], content_masks=[{}])
