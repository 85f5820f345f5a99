"""Results find their content and style by name or by table."""

import pytest

from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.metrics import find_pairs


@pytest.fixture
def folders(tmp_path):
    """Empty files: names are all that counts."""

    def make(**folders):
        for folder, names in folders.items():
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
        return tmp_path

    return make


def found(path, results=("ours",), table=None):
    pairs = find_pairs([path / each for each in results], path / "content", path / "style", table)
    return [(pair.method, pair.result.name, pair.content.name, pair.style.name) for pair in pairs]


def test_names_inside_names(folders):
    path = folders(
        content=["cat.jpg", "tuebingen.png", "cat on a roof.jpg"],
        style=["scream.jpg", "Starry Night.png"],
        ours=["cat_scream.png", "STARRY NIGHT--Tuebingen.jpg", "cat on a roof x scream.webp"],
        theirs=["tuebingen_stylized_scream.png", "notes.txt"],
    )
    assert sorted(found(path, ("ours", "theirs"))) == [
        ("ours", "STARRY NIGHT--Tuebingen.jpg", "tuebingen.png", "Starry Night.png"),
        ("ours", "cat on a roof x scream.webp", "cat on a roof.jpg", "scream.jpg"),
        ("ours", "cat_scream.png", "cat.jpg", "scream.jpg"),
        ("theirs", "tuebingen_stylized_scream.png", "tuebingen.png", "scream.jpg"),
    ]


def test_only_whole_words_at_different_places(folders):
    path = folders(content=["cat.jpg", "a.jpg"], style=["con.jpg", "cat.png"], ours=["concat_a_con.png"])
    assert found(path) == [("ours", "concat_a_con.png", "a.jpg", "con.jpg")]
    (path / "ours/cat.png").touch()
    with pytest.raises(SettingError, match=r"cat.png: no content and style have names that are in its name"):
        found(path)


def test_one_content_or_style_is_that_of_all(folders):
    path = folders(content=["photo.jpg"], style=["scream.jpg", "wave.jpg"], ours=["1 wave.png", "2 scream.png"])
    assert [row[2:] for row in found(path)] == [("photo.jpg", "wave.jpg"), ("photo.jpg", "scream.jpg")]
    pairs = find_pairs([path / "ours/1 wave.png"], path / "content/photo.jpg", path / "style/scream.jpg")
    assert [(pair.method, pair.style.name) for pair in pairs] == [("ours", "scream.jpg")]


def test_what_fits_twice_is_not_guessed(folders):
    path = folders(content=["cat.jpg", "dog.jpg"], style=["wave.jpg"], ours=["cat and dog wave.png"])
    with pytest.raises(SettingError, match=r"could be of cat.jpg and wave.jpg or dog.jpg and wave.jpg; give --pairs"):
        found(path)


TABLE = "result,content,style\n001.png,cat.jpg,wave.jpg\n002,dog,wave\n"


def test_a_table(folders):
    path = folders(content=["cat.jpg", "dog.jpg"], style=["wave.jpg"], ours=["001.png", "002.png"], theirs=["002.jpg"])
    table = path / "pairs.csv"
    table.write_text("\ufeff" + TABLE, encoding="utf-8")
    assert found(path, ("ours", "theirs"), table) == [
        ("ours", "001.png", "cat.jpg", "wave.jpg"),
        ("ours", "002.png", "dog.jpg", "wave.jpg"),
        ("theirs", "002.jpg", "dog.jpg", "wave.jpg"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("result,content\n001.png,cat.jpg\n", "has no column 'style'"),
        ("", "has no column 'result'"),
        (TABLE + "001.png,horse.jpg,wave.jpg\n", "line 4: there is no content 'horse.jpg'"),
        (TABLE + "001.png,../secret.jpg,wave.jpg\n", "line 4: content is '../secret.jpg', expected the name of a file"),
        (TABLE + "001.png,C:\\\\secret.jpg,wave.jpg\n", "expected the name of a file"),
        (TABLE + "001.png,,wave.jpg\n", "line 4: content is ''"),
        ('result,content,style\n"001.png,cat', "is no CSV file"),
        ("result,content,style\n099.png,cat.jpg,wave.jpg\n", "names none of the results"),
    ],
)
def test_a_wrong_table(folders, text, message):
    path = folders(content=["cat.jpg", "dog.jpg"], style=["wave.jpg"], ours=["001.png", "002.png"])
    (path / "pairs.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message):
        found(path, ("ours",), path / "pairs.csv")


def test_no_table_and_no_text(folders, tmp_path):
    path = folders(content=["cat.jpg"], style=["wave.jpg"], ours=["001.png"])
    with pytest.raises(ImageFileError, match="cannot be read"):
        found(path, ("ours",), path / "none.csv")
    (path / "pairs.csv").write_bytes(b"\xff\xfe\x00result")
    with pytest.raises(SettingError, match="is no CSV file"):
        found(path, ("ours",), path / "pairs.csv")


def test_wrong_folders(folders):
    path = folders(content=["cat.jpg"], style=["wave.jpg"], ours=["cat_wave.png"], empty=[], deep=[])
    with pytest.raises(ImageFileError, match=r"RESULTS: .*empty has no pictures"):
        found(path, ("empty",))
    with pytest.raises(ImageFileError, match=r"RESULTS: .*none is neither a picture nor a folder"):
        found(path, ("none",))
    with pytest.raises(SettingError, match="RESULTS: got none"):
        found(path, ())
    (path / "deep/ours").mkdir()
    (path / "deep/ours/cat_wave.png").touch()
    with pytest.raises(SettingError, match="two folders are named ours"):
        found(path, ("ours", "deep/ours"))
