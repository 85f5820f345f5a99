"""What may be wrong with a researcher's own network, loss or optimiser: each is named, with what is expected."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxstyle import Recipe, Term, losses, stylize
from jaxstyle.errors import SettingError
from jaxstyle.objective.plan import Plan
from jaxstyle.optimize.optimizers import Optax

pytestmark = pytest.mark.usefixtures("unchecked")
RECIPE = Recipe(content=losses.ContentLoss("fine"), style=losses.GramLoss("coarse"), steps=1)


@jax.tree_util.register_static
class Own:
    layers = ("fine", "coarse")

    def features(self, image, layers):
        found = {"fine": image, "coarse": image[: image.shape[0] // 2 * 2 : 2, ::2]}
        return {name: found[name] for name in layers}

    def geometry(self, layer):
        return {"fine": (1, 0), "coarse": (2, 0)}[layer]


def changed(**members):
    return jax.tree_util.register_static(type("Wrong", (Own,), members))()


@dataclass(frozen=True)
class Nothing(losses.Loss):
    layer: str
    kind = "nothing"

    def target(self, features):
        return features.mean((0, 1))


@dataclass(frozen=True)
class Vector(Nothing):
    kind = "vector"

    def __call__(self, features, target):
        return features.mean((0, 1)) - target


@dataclass(frozen=True)
class Rootless(Nothing):
    kind = "rootless"

    def __call__(self, features, target):
        return jnp.sqrt(jnp.abs(features - features).sum())


def paint(pictures, model=None, style=RECIPE.style, **options):
    pair = (np.asarray(picture)[:20, :24] for picture in pictures[:2])
    return stylize(*pair, model=model or Own(), recipe=replace(RECIPE, style=style), **options)


NARROW = optax.GradientTransformation(lambda image: (), lambda gradient, state, image: (gradient[:2], state))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": type("Plain", (Own,), {})()}, "Plain is no pytree: write @jax.tree_util.register_static"),
        ({"model": changed(geometry=lambda self, layer: 1)}, r"Wrong.geometry\('\w+'\) gave 1, expected \(stride"),
        ({"model": changed(features=lambda self, image, layers: [image])}, "Wrong.features gave list, expected"),
        (
            {"model": changed(features=lambda self, image, layers: {"fine": image})},
            r"Wrong.features gave \['fine'\], expected {layer: activation} for \['coarse'\]",
        ),
        (
            {"model": changed(features=lambda self, image, layers: dict.fromkeys(layers, image[None]))},
            r"gave \(1, 20, 24, 3\) at (fine|coarse), expected \(height, width, channels\)",
        ),
        ({"model": changed(layers="fine")}, "got layers = 'fine', expected a tuple of names"),
        (
            {"model": changed(geometry=lambda self, layer: (4, 0)), "plan": Plan(rows=16)},
            "says stride 4, but a picture of 20x24 pixels gives (20x24|10x12) positions",
        ),
        ({"model": lambda image, layers: image}, "got a function of arguments .*'image'"),
        ({"content_masks": np.ones((20, 24))}, "content_masks: got ndarray, expected {region: grey picture}"),
        ({"style": Vector("fine")}, r"vector/fine: the loss returned the shape \(3,\), expected a scalar"),
        ({"style": Vector(None)}, r"Vector has the layer \(None,\), expected names"),
        (
            {"style": Vector("fine"), "plan": Plan(rows=16)},
            "rows: vector/fine needs the whole picture .* inherits from jaxstyle.losses.bands.StatisticLoss",
        ),
        (
            {"style": Term(losses.GramLoss("fine"), of="texture")},
            "of 'texture', which is missing; give make_objective references={'texture': picture}",
        ),
        ({"optimizer": NARROW}, r"its update has the shape \(2, 24, 3\), the picture \(20, 24, 3\)"),
    ],
)
def test_what_is_wrong_is_named(pictures, options, message):
    with pytest.raises(SettingError, match=message):
        paint(pictures, **options)


def test_a_missing_method_is_named(pictures):
    with pytest.raises(NotImplementedError, match=r"Nothing needs a method `__call__`; see help\(jaxstyle.losses.base"):
        paint(pictures, style=Nothing("fine"))


def test_a_gradient_that_is_not_finite_is_told_from_a_loss(pictures):
    result = paint(pictures, style=Rootless("fine"))
    assert result.status == "not finite" and result.hint.startswith("step 1 was not finite: a gradient, for the losses")


def test_a_fingerprint_is_of_the_settings():
    first, again, other = (Optax(optax.adam(rate)).fingerprint for rate in (0.1, 0.1, 0.2))
    assert first == again != other
    assert Optax(optax.adabelief(0.1)).fingerprint not in (first, other)
    schedules = (optax.sgd(optax.linear_schedule(1.0, 0.1, steps)) for steps in (5, 6))
    assert len({Optax(each).fingerprint for each in schedules}) == 2
    assert Optax(optax.lbfgs()).fingerprint == Optax(optax.lbfgs()).fingerprint
