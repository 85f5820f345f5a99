"""Which pictures become which files, and which are painted together."""

import numpy as np
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.feedforward import frames
from jaxstyle.feedforward.frames import batches, group, told_apart
from jaxstyle.feedforward.painter import make_frame, read_source


def test_which_are_styles(tmp_path):
    contents, styles = [tmp_path / "shots"], [tmp_path / "style.png"]
    contents[0].mkdir()
    for n in (3, 1, 2):
        (contents[0] / f"{n}.png").touch()
    assert told_apart([*contents, *styles], [], True)[1] == styles
    assert told_apart(contents, styles, True)[0] == [contents[0] / f"{n}.png" for n in (1, 2, 3)]
    for pictures in ([], contents, [*contents] * 3):
        with pytest.raises(SettingError, match=r"CONTENT... STYLE: got \d without --style"):
            told_apart(pictures, [], True)
    with pytest.raises(SettingError, match="CONTENT: got no picture"):
        told_apart([], styles, True)


def test_results_are_kept_apart(tmp_path):
    pictures = [tmp_path / "a.png", tmp_path / "b.png"]
    with pytest.raises(SettingError, match=r"--output: .*a.png is one of the pictures given"):
        group(pictures, [tmp_path / "style.png"], tmp_path, blended=False)
    with pytest.raises(SettingError, match=r"--output: .*style.png is one of the pictures given"):
        group([tmp_path / "x" / "style.jpg"], [tmp_path / "style.png"], tmp_path, blended=False)
    with pytest.raises(SettingError, match=r"two pictures are named a.png, so their results would collide"):
        group([tmp_path / "a.png", tmp_path / "x" / "a.png"], [tmp_path / "s.png"], tmp_path / "out", blended=False)
    with pytest.raises(SettingError, match=r"two styles are named s.png, so their output folders collide"):
        group(pictures, [tmp_path / "x/s.png", tmp_path / "y/s.png"], tmp_path / "out", blended=False)
    group([tmp_path / "x" / "a.jpg"], [tmp_path / "b.png"], tmp_path, blended=False)
    with pytest.raises(SettingError, match=r"--output: .*a.png is one of the pictures given"):  # where case is ignored
        group([tmp_path / "x" / "a.jpg"], [tmp_path / "A.PNG"], tmp_path, blended=False)
    two = [tmp_path / "x" / "s.png", tmp_path / "A" / "A.png"]
    with pytest.raises(SettingError, match=r"--output: .*a.png is one of the pictures given"):
        group([tmp_path / "x" / "a.jpg"], two, tmp_path, blended=False)
    with pytest.raises(SettingError, match=r"two pictures are named (a|A).png, so their results would collide"):
        group([tmp_path / "a.png", tmp_path / "x" / "A.png"], [tmp_path / "s.png"], tmp_path / "out", blended=False)
    with pytest.raises(SettingError, match=r"two styles are named S.png, so their output folders collide"):
        group(pictures, [tmp_path / "x/s.png", tmp_path / "y/S.png"], tmp_path / "out", blended=False)
    (made,) = group([tmp_path / "c.png", tmp_path / "C.jpg"], [tmp_path / "s.png"], tmp_path / "out", blended=False)
    assert [path.name for path in made.outputs.values()] == ["c.png.png", "C.jpg.png"]
    made = group(pictures, [tmp_path / "s.png", tmp_path / "s.jpg"], tmp_path / "out", blended=False)
    assert [each.outputs[pictures[0]] for each in made] == [tmp_path / f"out/{s}/a.png" for s in ("s.png", "s.jpg")]


def test_batches_are_of_neighbours_of_one_shape():
    shapes = [(8, 8)] * 4 + [(8, 16)] + [(8, 8)]
    sources = [make_frame(read_source(np.zeros((*shape, 3)), "content"), None, "style") for shape in shapes]
    assert [len(batch) for batch in batches(sources, 3)] == [3, 1, 1, 1]
    assert sum(len(batch) for batch in batches(sources)) == 6 and list(batches([])) == []


def test_batches_heed_memory_that_shrinks(monkeypatch):
    rooms = iter([3, 1])
    monkeypatch.setattr(frames, "room", lambda frame: next(rooms))
    frame = make_frame(read_source(np.zeros((8, 8, 3)), "content"), None, "style")
    assert [len(batch) for batch in batches([frame] * 3)] == [2, 1]
