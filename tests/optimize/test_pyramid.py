import dataclasses
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxstyle
from jaxstyle import optimize
from jaxstyle.errors import SettingError
from jaxstyle.objective import presets
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.optimize.pyramid import GRID, LEAST, Pyramid, coarse_to_fine, grow, levels, style_shape
from jaxstyle.transfer.api import with_optimizer
from jaxstyle.transfer.background import Ahead

# Compiling ahead of a call, JAX fills the objective's fields with descriptions of arrays, which are no arrays.
pytestmark = pytest.mark.usefixtures("unchecked")

PLAIN = with_optimizer(presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1")), "adam")
QUICK = dataclasses.replace(
    PLAIN,
    content=tuple(dataclasses.replace(term, growth=0.5) for term in PLAIN.content),
    steps=4,
    pyramid=Pyramid(32, steps=0.5, first_steps=1.5),
)
pyramids = st.builds(
    Pyramid,
    smallest=st.integers(32, 600),
    ratio=st.floats(1.25, 16),
    last_rate=st.floats(0.5, 2),
    growing=st.sampled_from(["bicubic", "detail"]),
)


@pytest.fixture(scope="module")
def large(pictures):
    """Two pictures of 56x64: a level of 32x32, then their own."""
    return tuple(jax.image.resize(picture, (56, 64, 3), "linear") for picture in pictures[:2])


@pytest.fixture
def paint(embedded, large):
    def call(**options):
        return jaxstyle.stylize(*large, **{"model": embedded, "recipe": QUICK} | options)

    return call


def _near(shape, own) -> bool:
    """The same proportions, but for the grid's rounding."""
    scale = max(shape) / max(own)
    return all(abs(edge - whole * scale) <= 1.5 * GRID for edge, whole in zip(shape, own, strict=True))


@given(pyramids, st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_levels_grow_to_the_pictures_own_size(pyramid, shape):
    found = levels(pyramid, shape, 100)
    assert found[-1].shape == shape and found[-1].steps == 100 and not found[-1].detail
    assert found[-1].rate == (pyramid.last_rate if len(found) > 1 else 1)
    long_edges = [max(level.shape) for level in found]
    assert long_edges == sorted(set(long_edges))
    for level in found[:-1]:
        assert all(edge % GRID == 0 and edge >= LEAST for edge in level.shape)
        assert max(level.shape) * pyramid.ratio**0.25 <= max(shape)
        assert level.rate == 1 and level.detail == (pyramid.growing == "detail")
        assert _near(level.shape, shape)


@given(pyramids, st.integers(33, 5000), st.integers(33, 5000))
def test_coarse_levels_are_the_same_for_every_size_of_picture(pyramid, one, other):
    first, second = ([level.shape for level in levels(pyramid, (edge, edge), 1)[:-1]] for edge in sorted((one, other)))
    assert second[: len(first)] == first


def test_levels_by_hand():
    shapes = [level.shape for level in levels(Pyramid(128), (600, 900), 300)]
    assert shapes == [(80, 128), (176, 256), (336, 512), (600, 900)]
    steps = [level.steps for level in levels(presets.crowsonkb().pyramid, (512, 512), 500)]
    assert steps == [1000, 500, 500, 500, 500]
    strotss = levels(presets.strotss().pyramid, (512, 384), 250)
    assert [(level.rate, level.detail) for level in strotss] == [(1, True)] * 3 + [(0.5, False)]
    narrow = [level.shape for level in levels(Pyramid(64), (1000, 100), 9)]
    assert narrow == [(256, 32), (512, 48), (1000, 100)]


@pytest.mark.parametrize(
    ("pyramid", "shape", "steps"), [(None, (512, 512), 9), (Pyramid(128), (181, 64), 9), (Pyramid(128), (512, 512), 0)]
)
def test_one_level_where_there_is_nothing_to_do_before(pyramid, shape, steps):
    assert [level.shape for level in levels(pyramid, shape, steps)] == [shape]


@given(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), st.floats(0.01, 1))
def test_styles_stay_large_enough_for_the_network(shape, scale):
    assert min(style_shape(shape, scale)) >= LEAST


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"smallest": 16}, "pyramid.smallest: got 16"),
        ({"smallest": 64.0}, "pyramid.smallest: got 64.0"),
        ({"ratio": 1.0}, "pyramid.ratio: got 1.0"),
        ({"ratio": float("nan")}, "pyramid.ratio: got nan"),
        ({"steps": 0}, "pyramid.steps: got 0"),
        ({"first_steps": "x"}, "pyramid.first_steps: got 'x'"),
        ({"last_rate": -1}, "pyramid.last_rate: got -1"),
        ({"growing": 1}, "pyramid.growing: got 1"),
    ],
)
def test_bad_settings_are_named(setting, message):
    with pytest.raises(SettingError, match=message):
        Pyramid(**setting)


def moments(state) -> optax.ScaleByAdamState:
    return state.optimizer[0]


def test_a_state_grows(pictures):
    goal = jnp.asarray(np.random.default_rng(0).random((32, 32, 3)), jnp.float32)
    objective = jax.tree_util.Partial(lambda goal, image: (((image - goal) ** 2).sum(), {}), goal)
    state, _ = optimize.run(optimize.init(pictures[0], Adam()), objective, Adam(), 9, average=0.9)
    grown = grow(state, Adam(), (48, 64))
    assert grown.parameters.shape == moments(grown).mu.shape == moments(grown).nu.shape == (48, 64, 3)
    assert jax.tree.map(lambda leaf: leaf.dtype, grown) == jax.tree.map(lambda leaf: leaf.dtype, state)
    assert moments(grown).nu.min() >= 0 and moments(grown).count == 9 and grown.step == 0 and grown.finite
    assert grown.parameters.min() >= 0 and grown.parameters.max() <= 1
    expected = jax.image.resize(state.average, (48, 64, 3), "cubic")
    np.testing.assert_allclose(grown.parameters, jnp.clip(expected, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(grown.average, grown.parameters)


@pytest.mark.parametrize("optimizer", [Adam(), LBFGS(), LBFGS(line_search=False)])
def test_what_is_constant_stays_constant(optimizer):
    small, whole = (np.full(shape, 0.25, np.float32) for shape in ((32, 32, 3), (48, 80, 3)))
    grown = grow(optimize.init(jnp.asarray(small), optimizer), optimizer, (48, 80), clip=False)
    np.testing.assert_allclose(grown.parameters, 0.25, rtol=1e-6)
    first = optimize.init(jnp.asarray(whole), optimizer)
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), each) for each in (grown, first)]
    assert shapes[0] == shapes[1]


def test_history_and_progress_go_on_from_level_to_level(paint):
    seen = []
    result = paint(callback=lambda progress: seen.append((progress, progress.image.shape)), every=3)
    assert result.status == "done" and result.image.shape == (56, 64, 3)
    assert result.levels == (((32, 32), 6), ((56, 64), 4))
    assert result.level.tolist() == [0] * 6 + [1] * 4
    assert {len(column) for column in result.history.values()} == {10}
    assert [p.step for p, _ in seen if p.step % 3 == 0 or p.step in (1, 7, 10)] == [1, 3, 6, 7, 9, 10]
    assert all((p.steps, p.level, p.levels) == (10, int(p.step > 6), 2) for p, _ in seen)
    assert all(shape[:2] == p.size == ((56, 64) if p.level else (32, 32)) for p, shape in seen)
    assert seen[0][0].make_result().image.shape == (56, 64, 3)
    first, weights = seen[0][0], QUICK.weights()
    assert first.content == pytest.approx(2.0 * weights["content/relu2_1"] * first.values["content/relu2_1"])
    prior = weights["total_variation/input"] * first.values["total_variation/input"]
    assert first.total == pytest.approx(first.content + first.style + prior, rel=1e-4)


def test_the_same_bits_again_and_the_recipe_inside(paint):
    first, second = paint(init="noise", seed=5), paint(init="noise", seed=5)
    np.testing.assert_array_equal(first.image, second.image)
    assert Recipe.from_dict(first.settings["recipe"]) == dataclasses.replace(QUICK, init="noise")


@pytest.mark.parametrize("stop", [3, 7])
def test_stopped_at_any_level_the_result_has_the_size_asked_for(paint, stop):
    result = paint(callback=lambda progress: progress.step >= stop, every=1)
    assert result.status == "stopped" and len(result.history["total"]) == stop
    assert result.image.shape == (56, 64, 3)
    assert sum(steps for _, steps in result.levels) == stop and len(result.level) == stop


def test_a_level_that_becomes_infinite_ends_the_run(paint):
    result = paint(recipe=dataclasses.replace(QUICK, clip=False, average=0.0, steps=20), learning_rate=1e18)
    assert result.status == "not finite" and len(result.levels) == 1 and result.image.shape == (56, 64, 3)


def test_on_and_off(paint):
    assert [level.shape for level in paint(pyramid=False).levels] == [(56, 64)]
    assert len(paint(pyramid=Pyramid(32)).history["total"]) == 8
    assert "pyramid" not in paint(pyramid=False, steps=0).settings["recipe"]
    with pytest.raises(SettingError, match="pyramid: got 'on'"):
        dataclasses.replace(QUICK, pyramid="on")


def test_masks_colours_and_a_picture_to_start_from(paint, large):
    left = np.zeros((56, 64), np.float32)
    left[:, :32] = 1
    masks = {"content_masks": {"a": left, "b": 1 - left}, "style_masks": {"a": left, "b": 1 - left}}
    result = paint(**masks, color="luminance", init=np.asarray(large[1]))
    assert result.status == "done" and result.image.shape == (56, 64, 3)


def test_float64(paint, large, x64):
    result = paint(init="noise", color="cholesky")
    assert result.status == "done" and result.image.dtype == np.float32


@pytest.fixture
def compiled():
    """Programs as they are compiled: (name, thread)."""
    found = []
    for thread in threading.enumerate():  # of earlier tests, which end unheard
        if thread.name == "jaxstyle-ahead":
            thread.join()

    def listen(event, seconds, **what):
        if event == "/jax/core/compile/backend_compile_duration":
            found.append((what.get("fun_name"), threading.current_thread().name))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("optimizer", [Adam(), LBFGS(memory=3, line_search=False)])
def test_the_next_levels_program_is_compiled_while_a_level_runs(embedded, pictures, compiled, optimizer):
    content = jax.image.resize(pictures[0], (80, 80, 3), "linear")
    recipe = dataclasses.replace(QUICK, optimizer=optimizer, clip=False, pyramid=Pyramid(48), steps=3)
    jaxstyle.stylize(content, content, model=embedded, recipe=recipe)
    programs = [pair for pair in compiled if pair[0] in ("jit(run)", "jit(grow)")]
    ahead = "jaxstyle-ahead"
    assert programs == [("jit(run)", threading.current_thread().name), ("jit(grow)", ahead), ("jit(run)", ahead)]
    compiled.clear()
    recipe = dataclasses.replace(recipe, style_weight=3.0, steps=4, average=0.5)
    jaxstyle.stylize(content, content, model=embedded, recipe=recipe)
    assert not [pair for pair in compiled if pair[0] in ("jit(run)", "jit(grow)")]


def test_what_fails_ahead_fails_when_it_is_asked_for():
    def work(wanted):
        raise ValueError("of the next level")

    with Ahead(work) as ahead:
        ahead.start()
        with pytest.raises(ValueError, match="of the next level"):
            ahead.result()
    with Ahead(work) as ahead:  # nobody asks
        ahead.start()


def test_nothing_waits_for_what_is_not_wanted_any_more():
    go, asked = threading.Event(), []

    def work(wanted):
        go.wait(10)
        asked.append(wanted())

    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), Ahead(work) as ahead:
        ahead.start()
        raise KeyboardInterrupt
    assert time.perf_counter() - started < 5 and not asked
    go.set()
    ahead.result()
    assert asked == [False]


def test_settings_of_jax_hold_in_the_thread(x64):
    with jax.default_matmul_precision("highest"), Ahead(lambda wanted: jnp.zeros(1)) as ahead:
        assert ahead.result().dtype == jnp.float64


def test_a_level_that_cannot_be_made_is_named(embedded, large, monkeypatch):
    def refuse(*arguments, **options):
        raise SettingError("style_masks: nothing is left")

    monkeypatch.setattr("jaxstyle.transfer.run.make_objective", refuse)
    with pytest.raises(SettingError, match="at 32x32 pixels, a level of the pyramid: style_masks: nothing is left"):
        jaxstyle.stylize(*large, model=embedded, pyramid=Pyramid(32))


def test_progress_says_what_is_prepared_after_a_levels_last_step(embedded, large):
    seen = []
    recipe = dataclasses.replace(QUICK, pyramid=Pyramid(32, steps=1.0), steps=3)
    jaxstyle.stylize(*large, model=embedded, recipe=recipe, callback=seen.append, every=1)
    assert [(each.step, each.preparing) for each in seen] == [
        (1, None), (2, None), (3, (56, 64)), (4, None), (5, None), (6, None),
    ]  # fmt: skip


def test_coarse_to_fine_takes_each_level_from_where_the_one_before_ended():
    def steps(level, state):
        for _ in range(2):
            state += 1
            yield state, f"at level {level}"

    def grown(level, state):
        return state * 10**level

    found = list(coarse_to_fine(3, 0, steps, grown))
    assert found == [
        (level, state, f"at level {level}")
        for level, state in zip((0, 0, 1, 1, 2, 2), (1, 2, 21, 22, 2201, 2202), strict=True)
    ]
    assert list(coarse_to_fine(3, 5, steps, grown, start=2)) == [(2, 6, "at level 2"), (2, 7, "at level 2")]
    assert list(coarse_to_fine(2, 5, lambda level, state: iter(()), grown)) == []
