import logging
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import optimize
from jaxstyle.errors import SettingError
from jaxstyle.losses import ContentLoss, HypercolumnMomentLoss
from jaxstyle.objective import presets
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize import loop
from jaxstyle.transfer import memory
from jaxstyle.transfer.api import stylize, with_optimizer
from jaxstyle.transfer.memory import available_memory, choose_plan, estimate_memory, go_on_smaller, smaller_plans

SMALL = Plan(conv="exact")


@pytest.fixture(scope="module")
def recipe():
    return with_optimizer(presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1")), "adam")


@pytest.mark.usefixtures("unchecked")
def test_estimate_covers_what_is_held_and_falls_with_the_rows(embedded, recipe):
    whole = estimate_memory((256, 128), recipe, model=embedded, plan=SMALL)
    bands = estimate_memory((256, 128), recipe, model=embedded, plan=replace(SMALL, rows=32))
    network = sum(leaf.nbytes for leaf in jax.tree.leaves(embedded))
    activations = 256 * 128 * 32 * 4 * 2  # relu1_1 and relu1_2
    assert network + activations < bands + activations < whole < network + 40 * activations
    assert estimate_memory(128, recipe, model=embedded, plan=SMALL) < whole


@pytest.mark.usefixtures("unchecked")
def test_the_estimate_leaves_the_program_ready(embedded, recipe, pictures, caplog):
    estimate_memory((32, 32), recipe, model=embedded)
    objective = make_objective(embedded, *pictures[:2], recipe)
    state = optimize.init(pictures[0], recipe.optimizer)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        next(optimize.chunks(state, objective, recipe.optimizer, 1, average=recipe.average, clip=recipe.clip))
    assert not [entry for entry in caplog.messages if "Finished XLA compilation of jit(run)" in entry]


@pytest.mark.usefixtures("unchecked")
def test_the_fastest_plan_that_fits_is_chosen(embedded, recipe, monkeypatch):
    needed = {None: 900, 64: 500}
    monkeypatch.setattr(memory, "_ROWS", (64,))
    monkeypatch.setattr(memory, "estimate_memory", lambda *a, plan, **k: needed[plan.rows] - (plan.conv == "exact"))
    choose = lambda free: choose_plan((128, 128), recipe, model=embedded, available=free)  # noqa: E731
    assert choose(10**12) == Plan()
    assert choose(1100) == Plan()
    assert choose(900 / 0.85 - 1) == SMALL
    assert choose(600) == Plan(rows=64)
    assert choose(100) == replace(SMALL, rows=64)  # the smallest there is


def test_pictures_of_more_numbers_than_cudnn_counts_are_computed_in_bands(embedded, recipe, monkeypatch):
    whole = lambda edge, **options: choose_plan((edge, edge), recipe, model=embedded, available=10**15, **options)  # noqa: E731
    assert whole(8192) == Plan(), "on CPUs nothing counts in 32 bits"
    monkeypatch.setattr(memory.jax, "default_backend", lambda: "gpu")
    assert whole(5792) == Plan() and whole(5793) == Plan(rows=1024)
    assert whole(16384, plan=Plan(dtype="bfloat16")) == Plan(dtype="bfloat16", rows=1024)
    assert memory.fits_counters((512, 512), lanes=127) and not memory.fits_counters((512, 512), lanes=128)


@pytest.mark.usefixtures("unchecked")
def test_the_same_question_is_compiled_for_once(embedded, recipe, monkeypatch):
    monkeypatch.setattr(memory, "_needed", {})
    compiled, whole = [], memory.optimize.compile_run
    monkeypatch.setattr(memory.optimize, "compile_run", lambda *a, **o: compiled.append(o) or whole(*a, **o))
    first = estimate_memory((32, 32), recipe, model=embedded)
    heavier = replace(recipe, style_weight=7.0, steps=9)
    assert [estimate_memory((32, 32), each, model=embedded) for each in (recipe, heavier)] == [first, first]
    assert len(compiled) == 1
    assert estimate_memory((32, 48), recipe, model=embedded) > first and len(compiled) == 2
    monkeypatch.setattr(memory, "_MOST_NEEDED", 1)
    estimate_memory((32, 64), recipe, model=embedded)
    assert len(memory._needed) == 1


def test_smaller_plans_get_smaller(recipe):
    found = list(smaller_plans(Plan(), recipe, 512))
    assert found[0] == SMALL
    assert found[1:] == [Plan(rows=256), Plan(rows=128), Plan(rows=64), replace(SMALL, rows=64)]
    assert [plan.rows for plan in smaller_plans(replace(SMALL, rows=128), recipe, 512)] == [64]


def test_recipes_that_need_the_whole_picture_have_no_rows():
    assert list(smaller_plans(Plan(), presets.strotss(), 4096)) == [SMALL]


def test_accelerators_compute_blocks_again_first(recipe, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert next(smaller_plans(Plan(), recipe, 512)) == Plan(remat=True)


def test_free_memory_is_told():
    free = available_memory()
    assert free is None or 2**20 < free < 2**50


def test_out_of_memory_goes_on_from_the_last_image_with_a_smaller_plan(embedded, recipe, pictures, monkeypatch, caplog):
    whole, refused = loop._alone, []

    def run(state, objective, *arguments, **options):
        if objective.rows is None and int(state.step) >= 1:
            refused.append(int(state.step))
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes")
        return whole(state, objective, *arguments, **options)

    content = np.tile(np.asarray(pictures[0]), (4, 1, 1))
    settings = {"model": embedded, "recipe": replace(recipe, steps=4), "plan": SMALL}
    expected = stylize(content, pictures[1], **settings)
    monkeypatch.setattr(memory, "_ROWS", (32,))
    monkeypatch.setattr(loop, "_alone", run)
    with caplog.at_level(logging.WARNING):
        result = stylize(content, pictures[1], **settings)
    assert refused == [1]
    assert result.status == "done"
    assert len(result.history["total"]) == 4
    np.testing.assert_allclose(result.image, expected.image, atol=1e-3)
    assert "out of memory; going on with Plan(conv='exact'" in caplog.text


def test_the_next_smaller_way_is_told(caplog):
    refused = RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes")
    ways = iter([4, 2])
    with caplog.at_level(logging.WARNING):
        assert [go_on_smaller(refused, ways, "%d at a time") for _ in range(2)] == [4, 2]
    assert caplog.messages == [f"out of memory; going on with {n} at a time" for n in (4, 2)]
    with pytest.raises(RuntimeError) as raised:
        go_on_smaller(refused, ways)
    assert raised.value is refused
    with pytest.raises(ValueError, match="something else"):
        go_on_smaller(ValueError("something else"), iter([4]))


def test_other_errors_are_not_taken_for_it(embedded, recipe, pictures, monkeypatch):
    def run(*arguments, **options):
        raise RuntimeError("something else")

    monkeypatch.setattr(loop, "_alone", run)
    with pytest.raises(RuntimeError, match="something else"):
        stylize(pictures[0], pictures[1], model=embedded, recipe=recipe)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"conv": "winograt"}, r"plan\.conv: got 'winograt'; did you mean 'winograd'"),
        ({"dtype": "float16"}, r"plan\.dtype: got 'float16'"),
        ({"remat": 1}, r"plan\.remat: got 1"),
        ({"rows": 40}, r"plan\.rows: got 40, expected a multiple of 16"),
    ],
)
def test_plans_that_cannot_be_are_refused(options, match):
    with pytest.raises(SettingError, match=match):
        Plan(**options)


def test_computing_blocks_again_changes_nothing(embedded, pictures):
    recipe = presets.default(content_layers=("relu2_2",), style_layers=("relu1_1", "relu2_1"))
    across = HypercolumnMomentLoss(("input", "relu1_2", "relu2_1"), samples=64)  # its layers are in several blocks
    recipe, found = replace(recipe, style=(*recipe.style, Term(across))), []
    for remat in (False, True):
        objective = make_objective(embedded, *pictures[:2], recipe, plan=Plan(remat=remat))
        found.append(jax.jit(jax.value_and_grad(lambda x, o: o(x), has_aux=True))(pictures[2], objective))
    (total, values), gradient = found[0]
    np.testing.assert_allclose(found[1][0][0], total, rtol=1e-5)
    assert list(found[1][0][1]) == list(values)
    scale = float(jnp.abs(gradient).max())
    np.testing.assert_allclose(found[1][1] / scale, gradient / scale, atol=1e-4)


def test_remat_is_for_networks_of_blocks(pictures):
    @jax.tree_util.register_static
    class Other:
        layers = ("relu1_1",)

        def features(self, image, layers):
            return dict.fromkeys(layers, image)

        def geometry(self, layer):
            return 1, 0

    recipe = Recipe(content=(Term(ContentLoss("relu1_1")),), style=())
    with pytest.raises(
        SettingError, match=r"plan: got Plan.*, which Other cannot follow; use dtype='float32', remat=False"
    ):
        make_objective(Other(), *pictures[:2], recipe, plan=Plan(remat=True))
