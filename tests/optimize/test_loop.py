from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxstyle
from jaxstyle import Recipe, optimize, presets
from jaxstyle.errors import SettingError
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.presets import default
from jaxstyle.optimize import Pyramid
from jaxstyle.optimize.optimizers import LBFGS, Adam, Optax, as_optimizer

pytestmark = pytest.mark.device


@partial(jax.tree_util.register_dataclass, data_fields=["goal"], meta_fields=["cliff"])
class Bowl:
    """A quadratic whose value is NaN once the image has moved further than `cliff` from 0.5."""

    def __init__(self, goal, cliff=None):
        self.goal, self.cliff = goal, cliff

    def __call__(self, image):
        value = jnp.sum((image - self.goal) ** 2)
        if self.cliff is not None:
            value = jnp.where(jnp.abs(image - 0.5).max() > self.cliff, jnp.nan, value)
        return value, {"bowl": value}


def start(shape=(2, 2, 3)):
    return jnp.full(shape, 0.5)


@pytest.mark.parametrize("optimizer", [Adam(0.05), LBFGS(), LBFGS(line_search=False)])
def test_it_reaches_the_bottom(optimizer):
    goal = jnp.linspace(0.1, 0.9, 12).reshape(2, 2, 3)
    state, info = optimize.run(optimize.init(start(), optimizer), Bowl(goal), optimizer, 100, clip=False)
    np.testing.assert_allclose(state.parameters, goal, atol=0.02)
    assert info.total[0] > 100 * info.total[99]
    np.testing.assert_array_equal(info.total, info.values["bowl"])


def test_images_stay_in_range_when_clipped():
    goal = jnp.full((2, 2, 3), 3.0)
    clipped, _ = optimize.run(optimize.init(start(), Adam(0.3)), Bowl(goal), Adam(0.3), 20)
    free, _ = optimize.run(optimize.init(start(), Adam(0.3)), Bowl(goal), Adam(0.3), 20, clip=False)
    assert float(clipped.parameters.max()) == 1.0 and float(free.parameters.max()) > 1.5


def test_average_is_the_bias_corrected_moving_average():
    goal, decay = jnp.full((2, 2, 3), 0.9), 0.7
    state, expected, weight = optimize.init(start(), Adam(0.1)), 0.0, 0.0
    np.testing.assert_array_equal(state.average, start())
    for step in range(5):
        state, _, _ = optimize.step(state, Bowl(goal), Adam(0.1), average=decay)
        expected = decay * expected + (1 - decay) * state.parameters
        weight = 1 - decay ** (step + 1)
        np.testing.assert_allclose(state.average, expected / weight, rtol=1e-5)


def test_no_average_is_the_image_itself_bit_for_bit():
    state, _ = optimize.run(optimize.init(start(), Adam()), Bowl(jnp.full((2, 2, 3), 0.9)), Adam(), 7)
    np.testing.assert_array_equal(state.average, state.parameters)


def test_two_runs_equal_one_long_run_bit_for_bit(embedded, pictures):
    objective = make_objective(embedded, pictures[0], pictures[1], default(style_layers=("relu1_1", "relu2_1")))
    begin = optimize.init(pictures[0], Adam())
    whole, info = optimize.run(begin, objective, Adam(), 9, average=0.9)
    half, first = optimize.run(begin, objective, Adam(), 4, average=0.9)
    resumed, second = optimize.run(half, objective, Adam(), 5, average=0.9)
    for got, expected in zip(jax.tree.leaves(resumed), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(jnp.concatenate([first.total[:4], second.total[:5]]), info.total[:9])


def test_one_trace_for_any_number_of_steps_and_learning_rate():
    traces = []

    @partial(jax.tree_util.register_dataclass, data_fields=["goal"], meta_fields=[])
    class Counted(Bowl):
        def __call__(self, image):
            traces.append(1)
            return super().__call__(image)

    counts = []
    for steps, rate in ((3, 0.1), (7, 0.2), (100, 0.3)):
        optimizer = Adam(rate)
        optimize.run(optimize.init(start(), optimizer), Counted(start() + rate), optimizer, steps)
        counts.append(len(traces))
    assert counts[0] == counts[1] == counts[2] > 0


@pytest.mark.parametrize("optimizer", [Adam(0.05), LBFGS(line_search=False)])
def test_a_value_that_is_not_finite_freezes_the_last_finite_image(optimizer):
    objective = Bowl(jnp.full((2, 2, 3), 0.9), cliff=0.2)
    found = list(optimize.chunks(optimize.init(start(), optimizer), objective, optimizer, 100, every=10, clip=False))
    state, info = found[-1]
    assert not state.finite and np.isfinite(state.parameters).all()
    assert np.isnan(info.total[-1]) and np.isfinite(info.total[:-1]).all()
    assert sum(len(info.total) for _, info in found) == int(state.step) + 1 < 100


def test_a_frozen_lane_does_not_harm_its_neighbour():
    goals = jnp.stack([jnp.full((2, 2, 3), 0.9), jnp.full((2, 2, 3), 0.6)])
    states = jax.vmap(lambda _: optimize.init(start(), Adam(0.05)))(jnp.arange(2))
    run = jax.vmap(lambda s, g: optimize.run(s, Bowl(g, cliff=0.2), Adam(0.05), 60))
    states, _ = run(states, goals)
    alone, _ = optimize.run(optimize.init(start(), Adam(0.05)), Bowl(goals[1]), Adam(0.05), 60)
    assert states.finite.tolist() == [False, True]
    np.testing.assert_allclose(states.parameters[1], alone.parameters, rtol=1e-6)


def test_chunks_report_the_first_step_and_every_multiple():
    chunks = optimize.chunks(optimize.init(start(), Adam()), Bowl(start()), Adam(), 23, every=5, seconds=1e9)
    assert [int(state.step) for state, _ in chunks] == [1, 5, 10, 15, 20, 23]


def test_no_steps_are_no_chunks():
    assert list(optimize.chunks(optimize.init(start(), Adam()), Bowl(start()), Adam(), 0)) == []


def test_every_must_be_at_least_one():
    with pytest.raises(SettingError, match="every: got 0"):
        next(optimize.chunks(optimize.init(start(), Adam()), Bowl(start()), Adam(), 5, every=0))


def test_a_vmapped_run_equals_single_runs(embedded, pictures):
    recipe = default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    objective = make_objective(embedded, pictures[0], pictures[1], recipe)
    single = [optimize.run(optimize.init(p, Adam()), objective, Adam(), 5)[0].parameters for p in pictures]
    states = jax.vmap(lambda p: optimize.init(p, Adam()))(jnp.stack(pictures))
    batched, _ = jax.vmap(lambda s: optimize.run(s, objective, Adam(), 5))(states)
    np.testing.assert_allclose(batched.parameters, jnp.stack(single), atol=1e-5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("optimizer", [Adam(), LBFGS(memory=2), LBFGS(memory=2, line_search=False)], ids=repr)
def test_chunks_are_one_program(optimizer, caplog):
    bowl, shape = Bowl(jnp.linspace(0.1, 0.9, 45).reshape(3, 5, 3)), (3, 5, 3)  # a shape of this test's alone
    with jax.log_compiles(), caplog.at_level("WARNING"):
        list(optimize.chunks(optimize.init(start(shape), optimizer), bowl, optimizer, 12, every=5, clip=False))
    assert sum("Finished XLA compilation of jit(run)" in message for message in caplog.messages) == 1


def test_no_number_of_steps_is_cut_short():
    """The arrays of 100 entries were once a limit that nobody was told of."""
    begin, goal = optimize.init(start(), Adam()), Bowl(jnp.full((2, 2, 3), 0.9))
    long, info = optimize.run(begin, goal, Adam(), 250)
    assert int(long.step) == 250 and info.total.shape == (250,)
    assert (np.asarray(info.total[:50]) > 0).all()
    half, _ = optimize.run(begin, goal, Adam(), 100)
    both, _ = optimize.run(half, goal, Adam(), 150, capacity=150)
    np.testing.assert_array_equal(both.parameters, long.parameters)
    nothing, info = optimize.run(begin, goal, Adam(), 0)
    assert int(nothing.step) == 0 and info.total.shape == (0,)


def test_a_traced_number_of_steps():
    begin, goal = optimize.init(start(), Adam()), Bowl(jnp.full((2, 2, 3), 0.9))
    _, expected = optimize.run(begin, goal, Adam(), 3)
    _, info = jax.jit(lambda n: optimize.run(begin, goal, Adam(), n, capacity=5))(3)
    np.testing.assert_array_equal(info.total, [*expected.total, 0, 0])


@pytest.mark.parametrize(
    ("steps", "capacity", "message"),
    [
        (3, 2, "capacity: got 2 for 3 steps"),
        (-1, None, "steps: got -1"),
        (True, None, "steps: got True"),
    ],
)
def test_numbers_of_steps_that_cannot_be(steps, capacity, message):
    begin, goal = optimize.init(start(), Adam()), Bowl(jnp.full((2, 2, 3), 0.9))
    with pytest.raises(SettingError, match=message):
        optimize.run(begin, goal, Adam(), steps, capacity=capacity)


def test_traced_steps_need_a_capacity():
    begin, goal = optimize.init(start(), Adam()), Bowl(jnp.full((2, 2, 3), 0.9))
    with pytest.raises(SettingError, match="capacity: `steps` is traced"):
        jax.jit(lambda n: optimize.run(begin, goal, Adam(), n))(3)
    state, info = jax.jit(lambda n: optimize.run(begin, goal, Adam(), n, capacity=4))(3)
    assert int(state.step) == 3 and info.total.shape == (4,)


def test_any_optax_transformation_is_an_optimizer(embedded, pictures):
    goal = jnp.full((2, 2, 3), 0.7)
    plain = as_optimizer(optax.sgd(0.25))
    state, _ = optimize.run(optimize.init(start(), plain), Bowl(goal), plain, 3)
    image = start()
    for _ in range(3):
        image = jnp.clip(image - 0.25 * jax.grad(lambda x: Bowl(goal)(x)[0])(image), 0, 1)
    np.testing.assert_allclose(state.parameters, image, rtol=1e-6)
    recipe = replace(presets.embedded(), optimizer=optax.adam(0.02), pyramid=Pyramid(32))
    assert isinstance(recipe.optimizer, Optax) and recipe == replace(recipe, steps=recipe.steps)
    result = jaxstyle.stylize(*pictures[:2], model=embedded, recipe=recipe, steps=2)
    assert result.settings["recipe"]["optimizer"] == {
        "name": "optax",
        "fingerprint": recipe.optimizer.fingerprint,
    }
    with pytest.raises(SettingError, match="optimizer: the run had an optax transformation, which no recipe can carry"):
        Recipe.from_dict(recipe.to_dict())
    with pytest.raises(SettingError, match="learning_rate: optax has its own within; leave it out"):
        jaxstyle.stylize(*pictures[:2], model=embedded, recipe=recipe, steps=2, learning_rate=0.1)
    with pytest.raises(SettingError, match=r"optimizer: got .*, expected Adam"):
        replace(recipe, optimizer=Adam)
    with pytest.raises(SettingError, match=r"optimizer: got 'sgd'; "):
        jaxstyle.stylize(*pictures[:2], model=embedded, recipe=recipe, optimizer="sgd")
