import logging
from pathlib import Path

import numpy as np
import pytest

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.feedforward.train.data import Crops, batches, find_pictures, held_out_batch, hold_out
from jaxstyle.feedforward.train.folder import TrainingFolder, contact_sheet
from jaxstyle.feedforward.train.settings import AdaINTraining, JohnsonTraining
from jaxstyle.image import save_image


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of five pictures, one of them in a folder within, and a broken one."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    (folder / "within").mkdir()
    for i, shape in enumerate([(40, 33), (32, 64), (100, 90), (20, 24)]):
        save_image(folder / f"{i}.png", random.random((*shape, 3)))
    save_image(folder / "within" / "4.JPG", random.random((48, 48, 3)))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    return folder


def test_pictures_are_found_within_folders_in_order(pictures, tmp_path):
    assert [path.name for path in find_pictures(pictures, "contents")] == [
        "0.png",
        "1.png",
        "2.png",
        "3.png",
        "broken.png",
        "4.JPG",
    ]
    assert find_pictures(pictures / "0.png", "contents") == [pictures / "0.png"]
    with pytest.raises(ImageFileError, match="contents"):
        find_pictures(tmp_path, "contents")


@pytest.mark.parametrize(("count", "kept"), [(1, 0), (2, 1), (7, 1), (9, 2), (100, 4)])
def test_some_pictures_are_held_out(count, kept):
    paths = [Path(f"{i:03}.png") for i in range(count)]
    train, held = hold_out(paths, 4, 0)
    assert len(held) == kept
    assert sorted(train + held) == paths
    assert hold_out(paths, 4, 0) == (train, held)
    assert hold_out(paths, 0, 0) == (paths, [])


def test_any_crop_can_be_the_next(pictures, caplog):
    paths = find_pictures(pictures, "contents")
    crops = Crops(paths, 32, 0)
    with caplog.at_level(logging.WARNING, "jaxstyle"):
        made = [crops(n) for n in range(18)]
    assert sum("broken.png" in record.message for record in caplog.records) == 1
    assert {crop.shape for crop in made} == {(32, 32, 3)} and made[0].dtype == np.uint8
    later = Crops(paths, 32, 0)
    np.testing.assert_array_equal(later(17), made[17])
    np.testing.assert_array_equal(later(3), made[3])
    assert any((Crops(paths, 32, 1)(n) != made[n]).any() for n in range(3))


def test_an_epoch_has_every_picture_once(tmp_path):
    for i in range(4):
        save_image(tmp_path / f"{i}.png", np.full((40, 40, 3), i / 4))
    crops = Crops(find_pictures(tmp_path, "contents"), 32, 0)
    for epoch in range(2):
        assert len({int(crops(4 * epoch + n)[0, 0, 0]) for n in range(4)}) == 4


def test_crops_are_cut_from_pictures_between_one_and_two_times_their_size(pictures):
    crops = Crops([], 32, 0)
    shapes = {name: crops.picture(pictures / name).shape[:2] for name in ("0.png", "1.png", "2.png", "3.png")}
    assert shapes == {"0.png": (40, 33), "1.png": (32, 64), "2.png": (71, 64), "3.png": (32, 38)}
    assert crops.centre(pictures / "2.png").shape == (32, 32, 3)
    assert crops.centre(pictures / "broken.png") is None


def test_nothing_but_broken_files_ends_it(pictures):
    crops = Crops([pictures / "broken.png"], 32, 0)
    with pytest.raises(ImageFileError, match="cannot be read"):
        crops(0)


def test_batches_come_in_order_from_any_step(pictures):
    crops = {"content": Crops(find_pictures(pictures, "contents"), 32, 0)}
    all_of_them = list(batches(crops, 2, 0, 6))
    assert len(all_of_them) == 6
    for step, batch in enumerate(batches(crops, 2, 4, 6), 4):
        np.testing.assert_array_equal(batch["content"], all_of_them[step]["content"])
    np.testing.assert_array_equal(all_of_them[2]["content"][1], crops["content"](5))
    assert list(batches(crops, 2, 6, 6)) == []


def test_held_out_pictures_are_paired_in_order(pictures):
    crops = Crops([], 32, 0)
    paths = [pictures / f"{i}.png" for i in range(3)]
    found = held_out_batch({"content": (crops, [pictures / "broken.png", *paths]), "style": (crops, paths[:1])})
    assert found["content"].shape == (3, 32, 32, 3)
    np.testing.assert_array_equal(found["style"][2], crops.centre(paths[0]))
    assert held_out_batch({"content": (crops, paths), "style": (crops, [])}) is None


def test_a_contact_sheet_has_a_row_for_each_picture():
    black, grey = np.zeros((2, 5, 5, 3)), np.full((2, 5, 5, 3), 0.5)
    sheet = contact_sheet([black, grey])
    assert sheet.shape == (14, 14, 3)
    assert (sheet[0, 0, 0], sheet[0, 5, 0], sheet[0, 9, 0], sheet[6, 0, 0], sheet[13, 13, 0]) == (0, 1, 0.5, 1, 0.5)


def test_a_folder_goes_on_with_the_same_training_alone(tmp_path):
    about = {"kind": "johnson", "steps": 10, "seed": 0}
    folder = TrainingFolder(tmp_path, about, resume=False)
    for step in range(1, 4):
        folder.log({"step": step})
    with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 4, "lo')
    TrainingFolder(tmp_path, about | {"steps": 20}, resume=True).rewind(2)
    assert (tmp_path / "log.jsonl").read_text(encoding="utf-8") == '{"step": 1}\n{"step": 2}\n'
    with pytest.raises(SettingError, match="seed"):
        TrainingFolder(tmp_path, about | {"seed": 1}, resume=True)
    with pytest.raises(SettingError, match="holds a training"):
        TrainingFolder(tmp_path, about, resume=False)
    (tmp_path / "training.json").write_text("{", encoding="utf-8")
    with pytest.raises(SettingError, match="cannot be read"):
        TrainingFolder(tmp_path, about, resume=True)


@pytest.mark.parametrize(
    ("name", "value"), [("batch", 0), ("size", 100), ("steps", -1), ("learning_rate", -1.0), ("dtype", "float16")]
)
def test_settings_are_checked(name, value, unchecked):
    with pytest.raises(SettingError, match=name):
        JohnsonTraining(**{name: value})


def test_adains_style_weight_is_checked():
    with pytest.raises(SettingError, match="style_weight: got -1"):
        AdaINTraining(style_weight=-1)
