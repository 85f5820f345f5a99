from dataclasses import dataclass
from importlib.metadata import EntryPoint

import jax.numpy as jnp
import numpy as np
import pytest

import jaxstyle
from jaxstyle import Recipe, Term, losses, presets
from jaxstyle.errors import SettingError
from jaxstyle.losses import base
from jaxstyle.losses.base import LOSSES, Loss, check_loss, find_loss, register


@dataclass(frozen=True)
class Mean(Loss):
    layer: str = "relu1_1"
    kind = "mean"
    blendable = True

    def target(self, features):
        return features.mean((0, 1))

    def __call__(self, features, target):
        return ((self.target(features) - target) ** 2).mean()


@pytest.fixture
def table(monkeypatch):
    """The table of losses, as it was again afterwards."""
    monkeypatch.setattr(base, "LOSSES", dict(LOSSES))
    return base.LOSSES


def test_by_default_a_loss_promises_nothing():
    expected = {
        "blendable": False, "additive": False, "centred": False, "reach": 0, "unit": 1, "narrow": False,
        "random": False, "sampled": False,
    }  # fmt: skip
    assert {name: getattr(Loss, name) for name in expected} == expected


def test_a_registered_loss_is_carried_by_recipes(table, embedded, pictures):
    assert register(Mean) is Mean and table["mean"] is Mean
    recipe = Recipe(content=losses.ContentLoss("relu2_1"), style=[Term(Mean("relu2_1"), 2.0)], steps=2)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    result = jaxstyle.stylize(*pictures[:2], model=embedded, recipe=recipe)
    assert result.settings["recipe"]["style"][0]["loss"] == "mean"
    assert set(result.history) > {"mean/relu2_1"}


def test_the_same_class_may_be_registered_again_and_another_may_not(table):
    register(Mean)
    again = type("Mean", (Mean,), {"__module__": Mean.__module__, "__qualname__": Mean.__qualname__})
    assert register(again) is again and table["mean"] is again
    with pytest.raises(SettingError, match="register: Mean has the kind 'mean' already; choose another"):
        register(type("Other", (Mean,), {}))
    for wrong in (Mean(), int, type("Nameless", (Loss,), {})):
        with pytest.raises(SettingError, match=r"register: got .*, expected a class that inherits from Loss"):
            register(wrong)


def test_an_installed_package_may_declare_a_loss(table, monkeypatch):
    declared = EntryPoint("mean", f"{__name__}:Mean", base.ENTRY_POINTS)
    monkeypatch.setattr(
        base, "entry_points", lambda group, name: [declared] if (group, name) == ("jaxstyle.losses", "mean") else []
    )
    monkeypatch.setattr(EntryPoint, "load", lambda self: Mean)
    assert find_loss("mean") is Mean
    with pytest.raises(SettingError, match=r"loss: got 'grams'; did you mean 'gram'.*; one of your own must be"):
        find_loss("grams")
    with pytest.raises(SettingError, match="loss: got None"):
        find_loss(None)


class Unfrozen(Mean):
    __hash__ = None


@dataclass
class Thawed(Loss):
    layer: str = "relu1_1"
    kind = "thawed"


@dataclass(frozen=True)
class Placeless(Loss):
    kind = "placeless"


@dataclass(frozen=True)
class Nameless(Loss):
    layer: str = "relu1_1"


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Mean, r"got the class Mean, expected one of it, such as Mean\(\.\.\.\)"),
        ("gram", "got str, expected a frozen dataclass that inherits from"),
        (3.0, "got float, expected a frozen dataclass"),
        (Unfrozen(), r"Unfrozen is no frozen dataclass: write @dataclass\(frozen=True\)"),
        (Thawed(), "Thawed is no frozen dataclass"),
        (Placeless(), "Placeless needs a `kind` and a field `layer` or `layers`"),
        (Nameless(), "Nameless needs a `kind` and a field `layer` or `layers`"),
    ],
)
def test_what_is_no_loss_is_named(loss, message):
    with pytest.raises(SettingError, match="what: " + message):
        check_loss(loss, "what")
    with pytest.raises(SettingError, match="loss: " + message):
        Term(loss)
    with pytest.raises(SettingError, match=r"style\[1\]: " + message):
        Recipe(content=(), style=[Mean(), loss])


def test_groups_may_be_given_in_many_ways():
    term = Term(Mean("relu2_1"), 3.0)
    assert Recipe(content=(), style=term) == Recipe(content=[], style=[term]) == Recipe(content=(), style=(term,))
    assert Recipe(content=Mean("relu2_1"), style=()).content == (Term(Mean("relu2_1")),)
    assert hash(Recipe(content=(), style=[term])) == hash(Recipe(content=(), style=(term,)))


def test_losses_without_a_mean_target_are_summed_over_styles(embedded, pictures):
    """An own loss is on the safe side by default: a picture half of each style would be a minimum of neither."""

    @dataclass(frozen=True)
    class Corner(Mean):
        kind = "corner"
        blendable = False

    def value(loss):
        recipe = Recipe(content=(), style=Term(loss, relative=False))
        objective = jaxstyle.make_objective(embedded, pictures[0], list(pictures[1:3]), recipe)
        return objective(jnp.asarray(pictures[0]))[0]

    one, other = (((f(pictures[0]) - f(style)) ** 2).mean() for f in [
        lambda picture: np.asarray(embedded.features(jnp.asarray(picture), ["relu1_1"])["relu1_1"]).mean((0, 1))
    ] for style in pictures[1:3])  # fmt: skip
    np.testing.assert_allclose(value(Corner()), (one + other) / 2, rtol=1e-4)
    assert value(Mean()) < value(Corner())


def test_presets_hold_only_losses():
    for preset in presets.PRESETS.values():
        for term in (*preset().content, *preset().style, *preset().prior):
            check_loss(term.loss, term.name)
