"""What a stranger's picture may ask of `jaxstyle rerun`."""

from dataclasses import replace

import pytest

from jaxstyle.cli.bounds import MOST_PIXELS, MOST_STEPS, check_bounds, check_present, describe
from jaxstyle.errors import SettingError
from jaxstyle.objective import presets
from jaxstyle.optimize.optimizers import LBFGS

RECIPE = replace(presets.default(), steps=MOST_STEPS)
SETTINGS = {"size": MOST_PIXELS, "style_scale": 1.0, "styles": [{}] * 16, "model": {"name": "embedded"}}


def test_what_is_usual_is_made():
    check_bounds(SETTINGS, RECIPE, trust=False)
    check_bounds(SETTINGS, replace(RECIPE, optimizer=LBFGS(memory=200)), trust=False)
    check_bounds({"size": 64, "styles": [], "fast": {"style_size": None, "refine": 3}}, None, trust=False)


@pytest.mark.parametrize(
    ("settings", "recipe", "name"),
    [
        ({"size": MOST_PIXELS + 1}, RECIPE, "size"),
        ({"size": 10**30}, RECIPE, "size"),
        ({"style_scale": 1.01}, RECIPE, "style_scale"),
        ({"size": 64, "style_scale": 100}, RECIPE, "style_scale"),
        ({"styles": [{}] * 17}, RECIPE, "styles"),
        ({}, replace(RECIPE, steps=MOST_STEPS + 1), "steps"),
        ({}, replace(RECIPE, optimizer=LBFGS(memory=201)), "memory"),
        ({"fast": {"refine": 10**9}}, None, "steps"),
        ({"fast": {"style_size": 65_000}}, None, "style_size"),
    ],
)
def test_more_needs_to_be_trusted(settings, recipe, name):
    with pytest.raises(SettingError, match=f"^{name}: the recipe inside asks for .*, over .*; --trust"):
        check_bounds(SETTINGS | settings, recipe, trust=False)
    check_bounds(SETTINGS | settings, recipe, trust=True)


@pytest.mark.parametrize("size", ["64", None, [], 6.5, -1, True])
def test_a_size_that_is_none_is_never_taken(size):
    for trust in (False, True):
        with pytest.raises(SettingError, match=r"size: the recipe inside asks for .*, expected a whole number"):
            check_bounds(SETTINGS | {"size": size}, RECIPE, trust=trust)


def test_nothing_is_fetched_because_a_picture_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path))
    for name in ("imagenet", "torchvision", "magenta-predict"):
        with pytest.raises(SettingError, match=f"^--model: .*{name}.*is not here; get it with `jaxstyle"):
            check_present(name, "--model", trust=False)
        check_present(name, "--model", trust=True)
    for name in ("embedded", "random", "a-file-of-mine"):
        check_present(name, "--model", trust=False)


def test_what_will_be_made_is_said():
    assert describe(SETTINGS, replace(RECIPE, steps=7)).startswith("making again: 4096 px, 7 steps of ")
    assert describe(SETTINGS, RECIPE).endswith(", embedded")
    assert describe({"size": 64, "fast": {"network": {"name": "magenta"}}}, None) == "making again: 64 px, magenta"
