from dataclasses import replace

import numpy as np
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.objective import presets
from jaxstyle.sweep import Grid
from jaxstyle.sweep.axes import job_of

A, B, X, Y = (np.full((4, 4, 3), value, np.float32) for value in (0.1, 0.2, 0.3, 0.4))


def labels(grid):
    return [tuple(point.labels.values()) for point in grid.points]


def test_a_product_in_order():
    grid = Grid({"a": A, "b": B}, {"x": X}, style_weight=[1, 10], seed=0)
    assert labels(grid) == [("a", "x", 1, 0), ("a", "x", 10, 0), ("b", "x", 1, 0), ("b", "x", 10, 0)]
    assert list(grid.points[0].labels) == ["content", "style", "style_weight", "seed"]


def test_a_zip_and_a_list_and_their_sum():
    zipped = Grid.zipped({"a": A, "b": B}, {"x": X, "y": Y}, seed=[1, 2], steps=5)
    assert labels(zipped) == [("a", "x", 1, 5), ("b", "y", 2, 5)]
    listed = Grid.listed([{"content": "c.jpg", "style": ["x.jpg", "y.jpg"], "blend": [2, 1]}])
    assert labels(listed) == [("c.jpg", "x.jpg + y.jpg", [2, 1])]
    assert listed.points[0].styles == ("x.jpg", "y.jpg")
    assert len(zipped + listed) == 3


def test_paths_of_one_name_are_told_apart():
    grid = Grid(["day/cat.jpg", "night/cat.jpg"], ["waves.jpg"])
    assert [point.labels["content"] for point in grid.points] == ["day/cat.jpg", "night/cat.jpg"]


def test_values_that_are_lists():
    grid = Grid([A], [[X, Y]], blend=[1, 2], content_layers=[["relu2_1"], ["relu3_1", "relu4_1"]])
    assert [point.axes["blend"] for point in grid.points] == [[1, 2], [1, 2]]
    assert [point.axes["content_layers"] for point in grid.points] == [["relu2_1"], ["relu3_1", "relu4_1"]]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Grid([A], [X], styleweight=[1]), "axis 'styleweight': is not known; did you mean 'style_weight'"),
        (lambda: Grid([A], [X], seed=[]), "seed: got no value"),
        (lambda: Grid([], [X]), "contents: got list"),
        (lambda: Grid("a.jpg", [X]), "contents: got str"),
        (lambda: Grid([A] * 1001, [X] * 1000), "more than 1000000 runs"),
        (lambda: Grid.zipped([A, B], [X], seed=[1, 2, 3]), "content: got 2 values, expected 1 or 3"),
        (lambda: Grid.listed([{"content": A}]), r"cells\[0\]: got .*, expected a content, a style"),
    ],
)
def test_grids_that_cannot_be(make, match):
    with pytest.raises(SettingError, match=match):
        make()


def test_a_point_becomes_a_job():
    axes = {"recipe": "default", "style_layers": ["relu1_1"], "gram/relu1_1": 3.0, "steps": 7, "size": 64, "seed": 2}
    axes |= {"style_weight": 5, "learning_rate": 0.5, "color": "luminance", "pyramid": False, "init": "noise"}
    job = job_of(axes, "a.jpg", ("x.jpg",), "vgg")
    assert job.recipe.weights()["gram/relu1_1"] == 15.0
    assert (job.recipe.steps, job.recipe.optimizer.learning_rate, job.recipe.init) == (7, 0.5, "noise")
    assert (job.recipe.color, job.recipe.pyramid, job.size, job.seed) == ("luminance", None, 64, 2)
    assert job_of({"init": "first.png"}, "a.jpg", ("x.jpg",), "vgg").init.name == "first.png"
    assert job_of({}, "a.jpg", ("x.jpg",), "random").recipe == presets.embedded()


@pytest.mark.parametrize(
    ("axes", "match"),
    [
        ({"recipe": "gatis"}, "did you mean 'gatys'"),
        ({"recipe": "gatys", "style_layers": ["relu1_1"]}, "recipe 'gatys' takes none; .*: default"),
        ({"gram/relu9_1": 1}, "axis 'gram/relu9_1': the recipe has no such term"),
        ({"style_weight": -1}, "style_weight: got -1"),
        ({"gram/relu1_1": "much"}, "gram/relu1_1: got 'much'"),
        ({"steps": 1.5}, "steps: got 1.5"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_points_that_cannot_be(axes, match):
    with pytest.raises(SettingError, match=match):
        job_of(axes, "a.jpg", ("x.jpg",), "vgg")


def write(folder, text):
    path = folder / "grid.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file(tmp_path):
    for name in ("b.png", "a.png", "x.jpg"):
        (tmp_path / name).touch()
    grid = Grid.from_toml(
        write(
            tmp_path,
            'contents = ["*.png"]\nstyles = ["x.jpg", ["x.jpg", "b.png"]]\nmodel = "embedded"\n'
            '[axes]\nstyle_weight = [1, 10]\nrecipe = ["default", "my.toml"]\n'
            '[[cells]]\ncontent = "a.png"\nstyle = "x.jpg"\nsteps = 3\ninit = "first.png"\n',
        )
    )
    assert len(grid) == 2 * 2 * 2 * 2 + 1
    assert [point.content.name for point in grid.points[::8]] == ["a.png", "b.png", "a.png"]
    assert grid.points[0].axes["size"] == 512
    assert grid.points[1].axes["recipe"] == tmp_path / "my.toml"
    assert grid.points[-1].axes == {"size": 512, "steps": 3, "init": tmp_path / "first.png"}


def test_a_zipped_file(tmp_path):
    text = 'contents = ["a", "b"]\nstyles = ["x", "y"]\ncombine = "zip"\naxes = {size = 64}\n'
    assert [point.content.name for point in Grid.from_toml(write(tmp_path, text)).points] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("contents = [", "is not TOML"),
        ('content = ["a"]', "unknown setting 'content'; did you mean 'contents'"),
        ('contents = ["*.png"]\nstyles = ["x"]', "no file is found for"),
        ('contents = "a"\nstyles = ["x"]', "contents: got 'a', expected a list"),
        ('contents = [3]\nstyles = ["x"]', "picture: got 3, expected a path"),
        ('combine = "both"', 'expected "product" or "zip"'),
        ("cells = [3]", r"cells\[0\]"),
    ],
)
def test_files_that_cannot_be(tmp_path, text, match):
    with pytest.raises(SettingError, match=match):
        Grid.from_toml(write(tmp_path, text))
    with pytest.raises(SettingError, match="cannot be read"):
        Grid.from_toml(tmp_path / "none.toml")


def test_a_grid_may_be_replaced():
    grid = Grid(["a.png"], ["x.png"], seed=[0, 1, 2])
    part = replace(grid, points=grid.points[:2])
    assert len(part) == 2 and part + Grid(points=grid.points[2:]) == grid
