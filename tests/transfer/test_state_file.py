"""A run that was stopped goes on, in this process or from a file, as if it had not been stopped."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from jaxstyle import Pyramid, stylize
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.transfer import write_state

pytestmark = pytest.mark.usefixtures("unchecked")
SHALLOW = Recipe(
    (Term(ContentLoss("relu1_1")),), (Term(GramLoss("relu1_1")),), optimizer=Adam(0.02), steps=6, average=0.9
)
TWO_LEVELS = replace(SHALLOW, pyramid=Pyramid(32))
SMOOTH = replace(SHALLOW, optimizer=LBFGS(line_search=False), clip=False, average=0.0)


@pytest.fixture
def paint(embedded, pictures):
    def paint(recipe, **options):
        content = np.tile(np.asarray(pictures[0]), (2, 2, 1)) if recipe.pyramid else pictures[0]
        return stylize(content, pictures[1], model=embedded, recipe=recipe, init="noise", **options)

    return paint


def stopped(paint, recipe, step, **options):
    result = paint(recipe, callback=lambda progress: progress.step >= step, every=1, **options)
    assert result.status == "stopped" and len(result.history["total"]) == step
    return result


def assert_the_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    for name, column in other.history.items():
        np.testing.assert_array_equal(one.history[name], column)
    assert (one.status, one.levels) == (other.status, other.levels)


@pytest.mark.parametrize(
    ("recipe", "step"), [(SHALLOW, 2), (TWO_LEVELS, 3), (TWO_LEVELS, 6), (TWO_LEVELS, 9), (SMOOTH, 4)]
)
def test_going_on_gives_the_bits_of_a_run_without_a_stop(paint, tmp_path, recipe, step):
    whole, part = paint(recipe), stopped(paint, recipe, step)
    assert whole.reached is None
    assert_the_same(paint(recipe, resume=part.reached), whole)
    path = write_state(tmp_path / "a.npz", part.reached)
    assert_the_same(paint(recipe, resume=path), whole)


def test_it_may_be_stopped_again(paint):
    first = stopped(paint, TWO_LEVELS, 4)
    second = stopped(paint, TWO_LEVELS, 8, resume=first.reached)
    assert_the_same(paint(TWO_LEVELS, resume=second.reached), paint(TWO_LEVELS))


def test_the_state_of_another_run_is_refused(paint, tmp_path):
    part = stopped(paint, TWO_LEVELS, 3)
    with pytest.raises(SettingError, match=r"^resume: is not of this run \(.*give the arguments"):
        paint(SMOOTH, resume=part.reached)
    with pytest.raises(SettingError, match=r"^resume: is not of this run \(level 1 of 1\)"):
        paint(SHALLOW, resume=stopped(paint, TWO_LEVELS, 7).reached)
    path = write_state(tmp_path / "a.npz", part.reached)
    with pytest.raises(ImageFileError, match="does not hold the state of this run"):
        paint(SMOOTH, resume=path)


def test_a_damaged_file_is_refused(paint, tmp_path):
    reached = stopped(paint, SHALLOW, 2).reached
    path = write_state(tmp_path / "a.npz", reached)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    assert {"level", "info/0/total", "state/0"} <= arrays.keys()
    for damage in (whole[: len(whole) // 2], b"", b"text"):
        path.write_bytes(damage)
        with pytest.raises(ImageFileError, match=r"a\.npz: does not hold the state of this run"):
            paint(SHALLOW, resume=path)
    for wrong in (
        {"level": np.asarray(7)},
        {"state/0": np.zeros((3, 3))},
        {"info/0/total": np.zeros((2, 2), np.float32)},
        {"info/0/total": np.zeros(9, np.float32)},
        {"info/0/total": np.zeros(2, int)},
    ):
        np.savez(path, **(arrays | wrong))
        with pytest.raises(ImageFileError, match="does not hold the state of this run"):
            paint(SHALLOW, resume=path)
    np.savez_compressed(path, **arrays)
    with pytest.raises(ImageFileError, match="has compressed members"):
        paint(SHALLOW, resume=path)
    path.unlink()
    with pytest.raises(ImageFileError, match="No such file"):
        paint(SHALLOW, resume=path)
    (tmp_path / "link.npz").symlink_to(write_state(tmp_path / "b.npz", reached))
    with pytest.raises(ImageFileError, match="a link, which may lead out"):
        paint(SHALLOW, resume=tmp_path / "link.npz")


def test_it_is_written_whole_or_not_at_all(paint, tmp_path):
    reached = stopped(paint, SHALLOW, 2).reached
    with pytest.raises(ImageFileError, match="cannot be written"):
        write_state(tmp_path / "missing" / "a.npz", reached)
    path = write_state(tmp_path / "a.npz", reached)
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]
    with zipfile.ZipFile(path) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
