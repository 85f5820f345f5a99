"""`Plan.precision`: what the products of a run are rounded to, where an accelerator could do it faster."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, GramLoss, MomentLoss
from jaxstyle.objective import make
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan, exactly
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import LBFGS, Adam

HIGHEST = jax.lax.Precision.HIGHEST
RECIPE = Recipe(ContentLoss("relu2_1"), [GramLoss("relu1_1"), MomentLoss("relu2_1", covariance=True)])


def precisions(jaxpr) -> set:
    """The precisions of all convolutions and matrix products in a program, also in those that it calls."""
    found = set()
    for equation in jaxpr.eqns:
        if "precision" in equation.params:
            given = equation.params["precision"]
            found.add(given[0] if isinstance(given, tuple) else given)
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                found |= precisions(inner) if hasattr(inner, "eqns") else set()
    return found


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr("jaxstyle.objective.plan.jax.default_backend", lambda: "gpu")


@pytest.mark.parametrize("settings", [{}, {"remat": True}, {"rows": 16}], ids=str)
@pytest.mark.parametrize(
    ("precision", "optimizer", "expected"),
    [
        ("exact", Adam(), "highest"),
        ("auto", LBFGS(), "highest"),
        ("fast", LBFGS(), None),
        ("auto", Adam(), None),
    ],
)
def test_every_product_of_the_gradient(embedded, pictures, gpu, settings, precision, optimizer, expected):
    picture = jnp.tile(pictures[0], (4, 1, 1)) if settings.get("rows") else pictures[0]
    plan = Plan(conv="exact", precision=precision, **settings)
    objective = make_objective(
        embedded, picture, pictures[1], replace(RECIPE, optimizer=optimizer, clip=False), plan=plan
    )
    assert objective.precision == expected
    program = jax.make_jaxpr(jax.value_and_grad(lambda image: objective(image)[0]))(picture)
    assert precisions(program.jaxpr) == ({HIGHEST} | {"highest"} if expected else {None})


def test_a_precision_that_is_set_in_jax_reaches_the_convolutions(embedded, pictures):
    """Also where they are lowered when it is set no more."""
    objective = make_objective(embedded, *pictures[:2], RECIPE, plan=Plan(conv="exact"))
    with jax.default_matmul_precision("float32"):
        traced = jax.jit(jax.grad(lambda image: objective(image)[0])).trace(pictures[0])
    lines = [line for line in traced.lower().as_text().splitlines() if "stablehlo.convolution(" in line]
    assert len(lines) > 3 and all("HIGHEST" in line for line in lines)


def test_on_cpus_nothing_is_asked_for(embedded, pictures):
    for plan in (Plan(), Plan(precision="exact")):
        assert make_objective(embedded, *pictures[:2], RECIPE, plan=plan).precision is None


def test_targets_are_exact_whatever_is_set(embedded, pictures, monkeypatch):
    seen = []
    for name in ("make_targets", "style_targets", "target_scales"):
        whole = getattr(make, name)

        def noted(*given, whole=whole, **options):
            seen.append(jax.config.jax_default_matmul_precision)
            return whole(*given, **options)

        monkeypatch.setattr(make, name, noted)
    with jax.default_matmul_precision("bfloat16"):
        make.make_objective(embedded, *pictures[:2], RECIPE)
    assert seen == ["highest"] * 3


def test_a_function_that_computes_exactly():
    @exactly
    def product(x, *, y):
        return jax.make_jaxpr(jnp.dot)(x, y)

    assert precisions(product(jnp.ones(2), y=jnp.ones(2)).jaxpr) == {HIGHEST}
    assert product.__name__ == "product"


def test_other_words_are_refused():
    with pytest.raises(SettingError, match=r"plan\.precision: got 'exakt'; did you mean 'exact'"):
        Plan(precision="exakt")
