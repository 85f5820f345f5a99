"""The table of finished pictures: its numbers are the judge's, its intervals the bootstrap's."""

import csv
import dataclasses
import json
import math
import re

import jax.numpy as jnp
import numpy as np
import pytest
from metric_networks import inception_state, linear_state, pictures, trunk_state
from weight_files import write_zip

from jaxstyle.cli.main import main
from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image import load_image, save_image
from jaxstyle.metrics import (
    METRICS,
    Interval,
    Judge,
    Pair,
    find_pairs,
    load_inception,
    load_lpips,
    measure,
    ssim,
    stack_targets,
)
from jaxstyle.metrics.scores import interval
from jaxstyle.objective import presets

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """Two methods of three and two results; one content is of another size."""
    path = tmp_path_factory.mktemp("gallery")
    for folder in ("content", "style", "ours", "theirs"):
        (path / folder).mkdir()
    made = iter(pictures(9, 48, 64))
    save_image(path / "content/cat.png", next(made))
    save_image(path / "content/dog.png", np.repeat(np.repeat(next(made), 2, 0), 2, 1))
    save_image(path / "style/wave.png", next(made)[:40])
    save_image(path / "style/scream.png", next(made)[:, :40])
    for name in ("ours/cat_wave", "ours/dog_wave", "ours/dog_scream", "theirs/cat_wave", "theirs/dog_scream"):
        save_image(path / f"{name}.png", next(made))
    return path


@pytest.fixture(scope="module")
def pairs(gallery):
    return find_pairs([gallery / "ours", gallery / "theirs"], gallery / "content", gallery / "style")


@pytest.fixture(scope="module")
def scores(pairs, embedded):
    return measure(pairs, embedded)


def test_the_numbers_are_the_judges(gallery, pairs, scores, embedded):
    from jaxstyle.image import fit, resize

    assert [row["result"] for row in scores.rows] == [pair.result.name for pair in pairs]
    assert scores.metrics == [*METRICS] and scores.methods == ["ours", "theirs"]
    row, pair = scores.rows[-1], pairs[-1]
    image, style = load_image(pair.result), load_image(pair.style)
    shapes = [(fit(load_image(gallery / f"style/{name}.png").shape[:2], 64)) for name in ("wave", "scream")]
    judge = Judge.of(embedded, presets.default(), image.shape, style_shapes=shapes)
    content = judge.content_target(jnp.asarray(resize(load_image(pair.content), image.shape[:2])))
    target = judge.style_target(jnp.asarray(resize(style, fit(style.shape[:2], 64))))
    expected = judge(jnp.asarray(image)[None], stack_targets([content]), stack_targets([target]))
    for name, value in expected.items():
        assert row[name] == pytest.approx(float(value[0]), rel=1e-4), name


def test_a_pairs_numbers_do_not_depend_on_the_others(pairs, scores, embedded):
    alone = measure(pairs[3:4], embedded)
    for name in METRICS:
        assert alone.rows[0][name] == pytest.approx(scores.rows[3][name], rel=1e-5), name


def test_progress_and_metrics_of_ones_own(pairs, embedded):
    seen = []
    own = {"mine": lambda image, content: jnp.mean(image), "structure": ssim}
    scores = measure(pairs[:2], embedded, metrics=own, callback=lambda done, of: seen.append((done, of)))
    assert seen == [(2, 2)] and scores.metrics == [*METRICS, "mine", "structure"]
    assert scores.rows[0]["mine"] == pytest.approx(load_image(pairs[0].result).mean(), rel=1e-5)
    assert scores.rows[1]["structure"] == pytest.approx(scores.rows[1]["ssim"], rel=1e-4)
    assert "mine" not in scores.better


def test_sizes(gallery, pairs, embedded):
    smaller = measure(pairs[:1], embedded, size=32)
    assert smaller.rows[0]["ssim"] != pytest.approx(measure(pairs[:1], embedded).rows[0]["ssim"], rel=1e-3)
    tall = gallery / "style/scream.png"
    with pytest.raises(ImageError, match="of another aspect than its result of 64x48; crop one of them"):
        measure([dataclasses.replace(pairs[0], content=tall)], embedded)
    with pytest.raises(SettingError, match="pairs: got none"):
        measure([], embedded)


def test_a_recipe_inside_a_picture_is_not_judged_by_its_own_layers(gallery, pairs, embedded, tmp_path, monkeypatch):
    from jaxstyle import stylize

    recipe = dataclasses.replace(presets.gatys(), steps=1)
    result = stylize(pairs[0].content, pairs[0].style, model=embedded, recipe=recipe, size=64)
    path = result.save(tmp_path / "cat_wave.png")
    known, real = [], Judge.of

    def of(model, recipes, *rest, **options):
        known.extend(recipes)
        return real(model, recipes, *rest, **options)

    monkeypatch.setattr(Judge, "of", of)
    measure([Pair("mine", path, pairs[0].content, pairs[0].style), pairs[3]], embedded)
    assert known[:2] == [presets.default().graph(), recipe.graph()]


def test_intervals():
    assert interval([0.25]) == Interval(0.25, 0.25, 0.25)
    values = np.random.default_rng(0).normal(3, 1, 400)
    mean, low, high = interval(values)
    assert mean == pytest.approx(values.mean()) and low < mean < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert interval(values) == interval(values)
    assert all(map(math.isnan, interval([1.0, float("nan")])))


def test_summary_and_plain_data(scores):
    for method, found in scores.summary().items():
        column = [row["ssim"] for row in scores.rows if row["method"] == method]
        assert found["ssim"].mean == pytest.approx(np.mean(column)) and min(column) <= found["ssim"].low
    broken = dataclasses.replace(scores, rows=({**scores.rows[0], "ssim": float("nan")},))
    plain = json.loads(json.dumps(broken.to_dict(), allow_nan=False))
    assert plain["pairs"][0]["ssim"] is None and plain["methods"]["ours"]["ssim"]["mean"] is None
    assert plain["better"]["ssim"] == "higher"


def test_lpips_and_artfid(pairs, embedded, tmp_path):
    trunk = write_zip(tmp_path / "trunk.pth", trunk_state("alexnet"))
    linear = write_zip(tmp_path / "linear.pth", linear_state("alexnet"))
    lpips = load_lpips(trunk=trunk, linear=linear)
    inception = load_inception(write_zip(tmp_path / "inception.pth", inception_state("art")))
    scores = measure(pairs[:3], embedded, size=128, lpips=lpips, inception=inception)
    mean = np.mean([row["lpips"] for row in scores.rows])
    assert scores.better["lpips"] == "lower" and mean > 0
    whole = scores.whole["ours"]
    assert whole["artfid"] == pytest.approx((1 + mean) * (1 + whole["fid"]), rel=1e-4)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["measure", *map(str, arguments)])
    return ended.value.code, capsys.readouterr()


def test_the_command(gallery, capsys, tmp_path):
    folders = [gallery / "ours", gallery / "theirs", "--content", gallery / "content", "--style", gallery / "style"]
    code, printed = run(capsys, *folders, "--model", "random", "-o", tmp_path / "out.csv")
    assert code == 0 and printed.err == ""
    lines = printed.out.splitlines()
    assert max(map(len, lines)) <= 90 and lines[0] == "ssim (higher is better)"
    assert lines[2].split()[0] in ("ours", "theirs") and "3 pairs" in printed.out
    code, printed = run(capsys, folders[0] / "cat_wave.png", *folders[2:], "--model", "random")
    assert code == 0 and "1 pair\n" in printed.out and not re.search(r"\d to \d", printed.out)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and rows[0].keys() == {"method", "result", "content", "style", *METRICS}
    code, printed = run(capsys, *folders, "--model", "random", "--json", "-o", tmp_path / "out.json")
    found = json.loads(printed.out)
    assert code == 0 and found == json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert float(rows[0]["ssim"]) == pytest.approx(found["pairs"][0]["ssim"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--inception", "x.pth"], 2, "--inception: ArtFID needs LPIPS too"),
        (["-o", "out.txt"], 3, "out.txt"),
        (["--pairs", "none.csv"], 3, "none.csv cannot be read"),
        (["--size", "-3"], 2, "size"),
    ],
)
def test_wrong_options(gallery, capsys, arguments, code, message):
    folders = [gallery / "ours", "--content", gallery / "content", "--style", gallery / "style", "--model", "random"]
    found, printed = run(capsys, *folders, *arguments)
    assert (found, printed.out) == (code, "") and message in printed.err
