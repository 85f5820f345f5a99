"""Values out of JSON and TOML against the declared types."""

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from jaxstyle.errors import SettingError
from jaxstyle.objective import presets
from jaxstyle.objective.plain_types import fits, name_of
from jaxstyle.objective.recipe import Recipe


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [0, -3, 2**70], [0.0, "1", True, None, ()]),
        (float, [0, 0.5, -1e9], ["1", True, None, float("nan"), float("inf"), [1.0]]),
        (bool, [True, False], [0, 1, "true", None]),
        (str, ["", "x"], [0, None, ("x",)]),
        (int | None, [None, 3], ["", 0.5, False]),
        (Literal["a", 1], ["a", 1], ["b", True, 1.0, ("a",)]),
        (tuple[str, ...], [(), ("a", "b")], ["a", (1,), ["a"], None]),
        (tuple[int, float], [(1, 2.5)], [(1,), (1, 2, 3), (1.5, 2)]),
        (Sequence[str], [("a",)], ["a", (1,)]),
        (Any, [None, 3, object()], []),
        (Recipe, [3, "what its own class checks"], []),
    ],
)
def test_it_fits_or_not(kind, good, bad):
    assert all(fits(value, kind) for value in good) and not any(fits(value, kind) for value in bad)


def test_types_have_names():
    assert name_of(int) == "int" and name_of(int | None) == "int | None"
    assert name_of(Literal["a", "b"]) == "Literal['a', 'b']"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": "3"}, "Recipe: steps: got '3', expected int"),
        ({"clip": 1}, "Recipe: clip: got '1', expected bool"),
        ({"optimizer": {"name": "adam", "learning_rate": "fast"}}, "Adam: learning_rate: got 'fast', expected float"),
        ({"content": [{"loss": "content", "layer": ["relu1_1"]}]}, "ContentLoss: layer: got"),
        ({"pyramid": {"start": "x"}}, "Pyramid: "),
    ],
)
def test_a_recipe_of_wrong_types_is_named(change, message):
    with pytest.raises(SettingError, match=message):
        Recipe.from_dict(presets.default().to_dict() | change)
