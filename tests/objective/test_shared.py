"""A picture over the four virtual devices, each with the sums of its own rows."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import optimize
from jaxstyle.losses import (
    ContentLoss,
    GaussianWassersteinLoss,
    GramLoss,
    LaplacianLoss,
    MomentLoss,
    RelaxedEMDLoss,
    TotalVariation,
)
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.objective.shared import Shares, mesh_of, share_out
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.runtime.sharding import split_rows
from jaxstyle.weights.random_features import dead_leaves

RECIPE = Recipe(
    content=(Term(ContentLoss("relu2_1")), Term(LaplacianLoss(), 0.1)),
    style=[GramLoss("relu1_1"), MomentLoss("relu2_1"), GaussianWassersteinLoss("relu1_2")],
    prior=TotalVariation(),
)


@pytest.fixture(scope="module")
def four():
    """Image, content and style of 256 x 20 pixels: 64 rows to a device."""
    if jax.device_count() < 4:
        pytest.skip("needs four devices")
    random = np.random.default_rng(3)
    return [jnp.asarray(dead_leaves(random, 256), jnp.float32)[:, :20] for _ in range(3)]


def shares_of(objective) -> Shares | None:
    return share_out(objective.mesh, objective.model, objective.shape[0], objective.rows, objective.layers)


@pytest.fixture(scope="module")
def evaluate():
    return jax.jit(lambda o, x: jax.value_and_grad(lambda y: o(y)[0])(x))


@pytest.mark.parametrize(("rows", "part"), [(None, 64), (32, 32), (48, 32)])
def test_value_and_gradient_are_those_of_one_device(embedded, four, evaluate, rows, part):
    image, content, style = four
    alone = make_objective(embedded, content, style, RECIPE, plan=Plan(conv="exact"))
    shared = make_objective(embedded, split_rows(content), style, RECIPE, plan=Plan(conv="exact", rows=rows))
    shares = shares_of(shared)
    assert (shares.own, shares.rows, shares.halo) == (64, part, 16) and shares_of(alone) is None
    (expected, gradient), (total, found) = evaluate(alone, image), evaluate(shared, split_rows(image))
    np.testing.assert_allclose(total, expected, rtol=1e-4)
    np.testing.assert_allclose(found, gradient, atol=1e-4 * float(jnp.abs(gradient).max()))
    assert {shard.data.shape for shard in found.addressable_shards} == {(64, 20, 3)}
    change = jax.jvp(lambda x: shared(x)[0], (split_rows(image),), (split_rows(style),))[1]
    np.testing.assert_allclose(change, (gradient * style).sum(), rtol=1e-3)


def test_four_exchanges_serve_a_gradient(embedded, four, evaluate):
    """Up and down, for the rows and for their gradients; XLA alone has two for each convolution and its gradient."""
    image, content, style = four
    shared = make_objective(embedded, split_rows(content), style, RECIPE, plan=Plan(conv="exact"))
    count = lambda o: len(  # noqa: E731
        re.findall(r" collective-permute(?:-start)?\(", evaluate.lower(o, split_rows(image)).compile().as_text())
    )
    assert count(shared) == 4 < count(replace(shared, mesh=None))


def test_a_run(embedded, four):
    ends = []
    for split in (split_rows, lambda picture: picture):
        image, content = split(four[0]), split(four[1])
        objective = make_objective(embedded, content, four[2], RECIPE, plan=Plan(conv="exact"))
        state = optimize.init(image, Adam())
        ends.append(optimize.run(state, objective, Adam(), 2, capacity=2))
    np.testing.assert_allclose(ends[0][1].total, ends[1][1].total, rtol=1e-4)
    assert np.abs(ends[0][0].parameters - ends[1][0].parameters).mean() < 1e-4


def test_where_xla_divides_the_work(embedded, four):
    content, style = split_rows(four[1]), four[2]
    whole = replace(RECIPE, style=[RelaxedEMDLoss(("relu2_1",))])
    assert shares_of(make_objective(embedded, content, style, whole)) is None, "a loss that needs all positions"
    for height in (192, 248):
        made = make_objective(embedded, split_rows(four[1][:height]), style, RECIPE, plan=Plan(conv="exact"))
        assert (shares_of(made) is None) == (height == 248), "48 rows are three sixteens, 62 are no multiple of one"
    deep = replace(RECIPE, style=[GramLoss("relu3_1")])
    made = make_objective(embedded, split_rows(four[1][:64]), style, deep, plan=Plan(conv="exact"))
    assert shares_of(made) is None, "16 rows are less than two halos of 16"


def test_which_pictures_are_divided(four):
    assert mesh_of(split_rows(four[0])).shape == {"rows": 4}
    for other in (four[0], np.asarray(four[0]), split_rows(four[0], jax.devices()[:1])):
        assert mesh_of(other) is None
