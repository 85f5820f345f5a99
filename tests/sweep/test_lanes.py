"""Lanes on CPUs and on accelerators: each goes as a run alone."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import optimize
from jaxstyle.losses import PaletteLoss
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import Adam, RMSprop
from jaxstyle.optimize.parametrization import LaplacianPyramid, Pixels
from jaxstyle.optimize.pyramid import Pyramid, grow, highest_frequencies
from jaxstyle.sweep import batch
from jaxstyle.sweep.lanes import InTurn, lanes_on
from jaxstyle.sweep.stacked import SideBySide, mesh_of
from jaxstyle.transfer.job import Job, prepare

PAIRS = (("a", "x"), ("b", "y"), ("a", "y"))
HOW = {"clip": True, "parametrization": Pixels()}
AVERAGE = 0.9


def lanes_of(kind, devices=1, width=4):
    """The lanes of a kind on so many CPU devices."""
    chosen = jax.devices()[:devices]
    return InTurn(chosen) if kind is InTurn else SideBySide(mesh_of(chosen), width)


@pytest.fixture
def begun(embedded, paintings, grid):
    """A function of a dtype: the objectives, optimisers and states of three runs."""

    def make(dtype=jnp.float32):
        recipe = grid().points[0].axes["recipe"]
        pictures = {name: jnp.asarray(picture, dtype) for name, picture in paintings.items()}
        model = jax.tree.map(lambda leaf: leaf.astype(dtype), embedded)
        objectives = [make_objective(model, pictures[a], pictures[b], recipe) for a, b in PAIRS]
        optimizers = [replace(recipe.optimizer, learning_rate=rate) for rate in (0.01, 0.02, 0.05)]
        return objectives, optimizers, [optimize.init(pictures[a], recipe.optimizer) for a, _ in PAIRS]

    return make


def run(lanes, objectives, optimizers, states, steps):
    """Run lanes; return their states and reports."""
    placed = lanes.place(states), lanes.objectives(objectives), lanes.place(optimizers)
    ends, infos = lanes.run(*placed, lanes.place([AVERAGE] * len(states)), steps, HOW)
    return lanes.fetch(ends)[: len(states)], infos


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("kind", "devices"), [(InTurn, 1), (SideBySide, 1), (SideBySide, 2)])
def test_in_float64_lanes_equal_single_runs(begun, kind, devices):
    objectives, optimizers, states = begun(jnp.float64)
    ends, infos = run(lanes_of(kind, devices, 4 // devices), objectives, optimizers, states, 5)
    for i, (state, objective, optimizer) in enumerate(zip(states, objectives, optimizers, strict=True)):
        single, info = optimize.run(state, objective, optimizer, 5, average=AVERAGE)
        np.testing.assert_allclose(ends[i].average, single.average, atol=1e-10)
        np.testing.assert_allclose(infos[i].total, info.total, rtol=1e-10)
        assert infos[i].total.shape == (5,) and ends[i].step == 5


@pytest.mark.users_compiler
@pytest.mark.parametrize("devices", [1, 2])
def test_on_cpus_a_lane_has_the_bits_of_a_run_alone(begun, devices):
    objectives, optimizers, states = begun()
    ends, infos = run(lanes_of(InTurn, devices), objectives, optimizers, states, 7)
    for i, (state, objective, optimizer) in enumerate(zip(states, objectives, optimizers, strict=True)):
        *_, (single, _) = optimize.chunks(state, objective, optimizer, 7, average=AVERAGE, every=7)
        np.testing.assert_array_equal(ends[i].average, single.average)
        assert len(infos[i].total) == 7


@pytest.mark.users_compiler
def test_the_palettes_gradient_is_that_of_a_run_alone(embedded, paintings):
    """XLA rounded it otherwise within a loop over lanes."""
    recipe = Recipe(
        content=(),
        style=(PaletteLoss(samples=40, fresh=True),),
        optimizer=RMSprop(0.01),
        parametrization=LaplacianPyramid(3, corners=True),
        average=0.0,
        clip=False,
        steps=2,
    )
    made = prepare(Job(paintings["a"], (paintings["x"],), recipe), embedded)
    lanes = batch.Batch([made], [made.begun()], 3, jax.devices()[:1])
    assert [*lanes.paint()][-1] == (0, 2)
    alone = optimize.run(made.begun().state, made.objective(0), made.optimizer(0), 2, average=0.0, **made.how)[0]
    jax.tree.map(np.testing.assert_array_equal, lanes.lanes[0].state.parameters, alone.parameters)


@pytest.mark.parametrize("kind", [InTurn, SideBySide])
def test_a_lane_that_is_not_finite_stays_alone_as_it_was(begun, kind):
    objectives, optimizers, states = begun()
    states[1] = states[1]._replace(finite=jnp.zeros((), bool))
    lanes = lanes_of(kind)
    ends, infos = run(lanes, objectives, optimizers, states, 3)
    np.testing.assert_array_equal(ends[1].average, states[1].average)
    steps, finite = lanes.progress(lanes.place(ends))
    assert finite[:3].tolist() == [True, False, True] and steps[:3].tolist() == [3, 0, 3]
    assert {0, 2} <= infos.keys() and (kind is SideBySide or 1 not in infos)


@pytest.mark.parametrize("kind", [InTurn, SideBySide])
@pytest.mark.parametrize("detail", [False, True])
def test_lanes_grow_as_a_run_alone(begun, kind, detail):
    _, optimizers, states = begun()
    states[2] = states[2]._replace(finite=jnp.zeros((), bool))
    shape, lanes = (48, 40), lanes_of(kind)
    details = [highest_frequencies(jnp.full((*shape, 3), 0.5 + i)) if detail else None for i in range(3)]
    grown = lanes.grow(lanes.place(states), lanes.place(optimizers), lanes.place(details), shape, HOW)
    for i, end in enumerate(lanes.fetch(grown)[:3]):
        alone = grow(states[i], optimizers[i], shape, detail=details[i], **HOW)
        np.testing.assert_allclose(end.average, alone.average, atol=1e-6)
        assert end.average.shape == (*shape, 3) and bool(end.finite) == (i < 2)


@pytest.mark.usefixtures("unchecked")
def test_which_lanes_suit_which_devices():
    assert isinstance(lanes_on(jax.devices()[:2], 3), InTurn)

    class Accelerator:
        platform = "gpu"

    lanes = lanes_on([Accelerator()], 3)
    assert isinstance(lanes, SideBySide) and lanes.width == 3 and lanes.mesh.size == 1


def test_lanes_are_spread_over_the_devices(begun):
    _, _, states = begun()
    placed = lanes_of(InTurn, 2).place(states)
    assert [*(state.average.devices() for state in placed)] == [{jax.devices()[i]} for i in (0, 1, 0)]
    stacked = lanes_of(SideBySide, 2, 2).place(states)
    assert stacked.average.shape[0] == 4 and len(stacked.average.devices()) == 2


@pytest.mark.parametrize("pyramid", [None, Pyramid(32, 1.5)])
def test_a_batch_side_by_side_paints_what_runs_alone_paint(embedded, paintings, grid, monkeypatch, pyramid):
    """Accelerators' way, on CPU devices, with a spare lane."""
    monkeypatch.setattr(batch, "lanes_on", lambda devices, width: SideBySide(mesh_of(devices), width))
    recipe = replace(grid().points[0].axes["recipe"], steps=4, pyramid=pyramid, optimizer=Adam(0.01))
    large = {name: np.tile(picture, (2, 2, 1)) for name, picture in paintings.items()}
    runs = [prepare(Job(large[name], (large["x"],), recipe), embedded) for name in "ab"]
    made = batch.Batch(runs, [each.begun() for each in runs], 3, jax.devices()[:1])
    assert [*made.paint()][-1] == (len(runs[0].levels) - 1, 4)
    monkeypatch.undo()
    for each, lane in zip(runs, made.lanes, strict=True):
        alone = batch.Batch([each], [each.begun()], 1, jax.devices()[:1])
        assert [*alone.paint()]
        np.testing.assert_allclose(lane.state.average, alone.lanes[0].state.average, atol=2e-3)
        assert lane.at == alone.lanes[0].at
