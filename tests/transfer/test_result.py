"""What a run gives back: saved into files, shown in short, and kept where a run is interrupted."""

import io

import numpy as np
import pytest

from jaxstyle import stylize
from jaxstyle.image import read_picture, read_recipe
from jaxstyle.objective import presets
from jaxstyle.transfer import Interrupted

RECIPE = presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture(scope="module")
def paint(embedded, pictures):
    def run(**options):
        return stylize(pictures[0], pictures[1], **{"model": embedded, "recipe": RECIPE, "steps": 3} | options)

    return run


def test_it_is_written_into_an_open_file(paint, tmp_path):
    result, file = paint(), io.BytesIO()
    assert result.save(file) is None
    path = result.save(tmp_path / "a.png")
    assert file.getvalue() == path.read_bytes()
    assert read_recipe(path)["recipe"]["steps"] == 3
    file.seek(0)
    np.testing.assert_array_equal(read_picture(file).rgb, read_picture(path).rgb)


def test_it_is_shown_without_its_numbers(paint):
    shown = repr(paint())
    assert "array" not in shown and "status='done'" in shown and len(shown) < 200


def test_an_interrupted_run_carries_its_picture(paint):
    seen = []

    def interrupt(progress):
        seen.append(progress.image)
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the picture after 2 steps is this exception's `result`") as caught:
        paint(callback=interrupt, every=1)
    assert isinstance(caught.value, Interrupted)
    result = caught.value.result
    assert result.status == "stopped" and len(result.history["total"]) == 2
    np.testing.assert_array_equal(result.image, seen[-1])
    assert [level.steps for level in result.levels] == [2]


def test_before_the_first_step_there_is_nothing_to_carry(paint):
    def model():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        paint(model=model)
    assert not isinstance(caught.value, Interrupted)
