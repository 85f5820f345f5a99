"""Losses that draw random numbers: each step has its own, and the same again however a run is cut or batched."""

import random
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_draws

from jaxstyle import optimize
from jaxstyle.losses import GramLoss, RelaxedEMDLoss
from jaxstyle.losses.base import fixed_key
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import SGD, Adam
from jaxstyle.optimize.pyramid import grow
from jaxstyle.optimize.state import step_key

pytestmark = pytest.mark.usefixtures("unchecked")
LOSS = RelaxedEMDLoss(("relu1_1",), samples=30, fresh=True)
RECIPE = Recipe(content=(), style=(LOSS, Term(GramLoss("relu1_1"))), optimizer=Adam(), average=0.0)


@pytest.fixture
def objective(embedded, pictures):
    return make_objective(embedded, *pictures[:2], RECIPE)


@pytest.mark.users_compiler
@pytest.mark.parametrize("recipe", range(len(random_draws.RECIPES)))
def test_alone_in_chunks_resumed_and_as_a_lane(recipe):
    """A small share of `make fuzz`."""
    chance = random.Random(recipe)
    for _ in range(2):
        random_draws.check(replace(random_draws.Draw.new(chance), recipe=recipe))


def test_each_step_draws_its_own_numbers(objective, pictures):
    """At a picture that does not move, the value changes from step to step, and only that of the loss that draws."""
    state = optimize.init(pictures[2], SGD(0.0), seed=5)
    _, info = optimize.run(state, objective, SGD(0.0), 10)
    assert len(set(np.asarray(info.values["remd/relu1_1"]))) == 10
    assert len(set(np.asarray(info.values["gram/relu1_1"]))) == 1
    again, other = (optimize.run(optimize.init(pictures[2], SGD(0.0), seed=s), objective, SGD(0.0), 10) for s in (5, 6))
    np.testing.assert_array_equal(again[1].total, info.total)
    assert not set(np.asarray(other[1].total)) & set(np.asarray(info.total))


def test_a_steps_value_is_that_of_its_key(objective, pictures):
    state = optimize.init(pictures[2], SGD(0.0), seed=2)
    _, info = optimize.run(state, objective, SGD(0.0), 3)
    for i in range(3):
        key = step_key(state._replace(step=jnp.asarray(i)))
        assert float(info.total[i]) == pytest.approx(float(objective.with_key(key)(pictures[2])[0]), rel=1e-5)
    np.testing.assert_array_equal(
        jax.random.key_data(step_key(state)), jax.random.key_data(jax.random.fold_in(jax.random.key(2), 0))
    )


def test_terms_draw_apart(embedded, pictures):
    """Two terms of one kind do not compare the same positions."""
    losses = (LOSS, replace(LOSS, layers=("relu1_2",)))
    recipe = replace(RECIPE, style=losses)
    objective = make_objective(embedded, *pictures[:2], recipe)
    keys = [jax.random.key_data(*objective._keys(i)).tolist() for i in range(2)]
    assert keys[0] != keys[1]


def test_without_a_run_the_numbers_are_fixed(objective, pictures):
    plain = float(objective(pictures[2])[0])
    assert objective.random and plain == float(objective(pictures[2])[0])
    assert plain == float(objective.with_key(fixed_key())(pictures[2])[0])
    assert plain != float(objective.with_key(jax.random.key(1))(pictures[2])[0])


def test_the_next_level_goes_on_with_another_key(objective, pictures):
    state = optimize.init(pictures[2], Adam(), seed=4)
    state, _ = optimize.run(state, objective, Adam(), 3)
    grown = grow(state, Adam(), (48, 48))
    np.testing.assert_array_equal(grown.key, jax.random.key_data(jax.random.fold_in(jax.random.key(4), 3)))
    assert int(grown.step) == 0


def test_users_settings_of_jax_change_no_numbers(objective, pictures):
    expected = objective.with_key(step_key(optimize.init(pictures[2], Adam(), seed=4)))(pictures[2])[0]
    with jax.default_prng_impl("rbg"):
        found = objective.with_key(step_key(optimize.init(pictures[2], Adam(), seed=4)))(pictures[2])[0]
    assert float(found) == float(expected)


def test_an_objective_of_ones_own_may_draw(pictures):
    @jax.tree_util.register_pytree_node_class
    class Noisy:
        random = True

        def __init__(self, key=None):
            self.key = key

        def with_key(self, key):
            return Noisy(key)

        def __call__(self, image):
            return jnp.sum(image) + jax.random.normal(self.key), {}

        def tree_flatten(self):
            return (), None

        @classmethod
        def tree_unflatten(cls, _, leaves):
            return cls()

    _, info = optimize.run(optimize.init(pictures[0], SGD(0.0), seed=1), Noisy(), SGD(0.0), 5)
    assert len(set(np.asarray(info.total))) == 5
