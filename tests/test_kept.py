import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import compilation, kept, load_vgg19, make_objective, optimize, presets
from jaxstyle.kept import Kept
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.optimizers import Adam
from jaxstyle.recipe import Term


class Pair(NamedTuple):
    total: jax.Array
    power: jax.Array


traced: list[int] = []


def power(x, by=2.0, *, n=1):
    """A function that tells when it is traced."""
    traced.append(n)
    return Pair(x.sum() * by, {"power": x**n})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Kept for the length of a test."""
    monkeypatch.setattr(compilation, "_folder", tmp_path)
    traced.clear()
    return tmp_path


def new() -> Kept:
    """As in a new process."""
    return Kept(power, static_argnames=("n",))


X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_a_new_process_traces_nothing_and_finds_the_same(folder):
    first, again = new()(X, n=2), new()(jnp.asarray(X), n=2)
    assert traced == [2] and len(list(folder.iterdir())) == 1
    assert isinstance(again, Pair) and float(again.total) == 30
    np.testing.assert_array_equal(first.power["power"], X**2)
    np.testing.assert_array_equal(again.power["power"], X**2)


def test_in_a_process_a_program_is_made_once_however_it_is_called(folder):
    call = new()
    for again in (call(X), call(X, 2.0), call(x=X, by=2.0, n=1), call(X, by=3.0)):
        assert isinstance(again, Pair)
    assert traced == [1] and float(call(X, 3.0).total) == 45


def test_another_shape_type_static_value_or_option_is_another_program(folder):
    calls = [
        lambda f: f(X),
        lambda f: f(X[:1]),
        lambda f: f(X.astype(np.int32)),
        lambda f: f(X, np.float32(2)),
        lambda f: f(X, n=3),
    ]
    for call in calls:
        call(new())
    Kept(power, static_argnames=("n",), compiler_options=optimize.LESS_MEMORY)(X)
    assert len(traced) == len(list(folder.iterdir())) == 6


def test_other_sources_versions_or_settings_are_another_program(folder, monkeypatch):
    new()(X)
    monkeypatch.setattr(kept, "_sources", lambda: "changed")
    new()(X)
    with monkeypatch.context() as changed:
        changed.setattr(kept, "_settings", lambda: "changed")
        new()(X)
    before = jax.config.jax_default_matmul_precision
    jax.config.update("jax_default_matmul_precision", "highest")
    try:
        new()(X)
    finally:
        jax.config.update("jax_default_matmul_precision", before)
    assert len(traced) == len(list(folder.iterdir())) == 4


def test_the_sources_told_are_all_of_this_package():
    told = kept._sources.__wrapped__()
    assert told == kept._sources() and jax.__version__ in told and len(told.split()[0]) == 64


def test_without_keep_programs_and_within_other_programs_it_is_jit(folder, monkeypatch):
    call = new()
    outer = jax.jit(lambda x: call(x, n=2).total)
    assert float(outer(X)) == 30 and float(jax.grad(lambda x: call(x).total)(X).sum()) == 12
    assert jax.vmap(call)(X).total.shape == (2,) and jax.eval_shape(call, X).total.shape == ()
    assert not list(folder.iterdir())
    monkeypatch.setattr(compilation, "_folder", None)
    assert float(call(X).total) == 30 and not list(folder.iterdir())
    assert float(call.compile(X, 2.0)(X, 2.0).total) == 30


def test_arrays_on_other_devices_are_left_to_jit(folder):
    there = jax.device_put(X, jax.devices()[1])
    assert new()(there).total.devices() == {jax.devices()[1]} and not list(folder.iterdir())


def test_compiled_ahead_it_is_found_ready(folder):
    call = new()
    call.compile(jax.ShapeDtypeStruct(X.shape, X.dtype), 2.0)
    before = traced.copy()
    assert float(call(X).total) == 30 and traced == before == [1]


@pytest.mark.parametrize("damage", [b"", b"broken", bytes(200)])
def test_a_broken_file_is_made_again(folder, damage):
    new()(X)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage)
    assert float(new()(X).total) == 30 and traced == [1, 1]
    path.write_bytes(whole[: len(whole) // 2])
    new()(X)
    new()(X)
    assert traced == [1, 1, 1]


def test_a_folder_that_is_gone_or_full_stops_nothing(folder, monkeypatch):
    monkeypatch.setattr(compilation, "_folder", folder / "gone")
    assert float(new()(X).total) == 30 and float(new()(X).total) == 30 and traced == [1, 1]


def test_what_only_this_process_can_tell_is_not_kept(folder):
    call = Kept(lambda x, f: f(x), static_argnames=("f",))
    assert float(call(X, lambda x: x.sum())) == 15 and float(call(X, lambda x: x.max())) == 5
    assert not list(folder.iterdir())


def test_errors_are_the_functions_own(folder):
    def wrong(x):
        raise ValueError("x: too small")

    with pytest.raises(ValueError, match="x: too small"):
        Kept(wrong)(X)


def test_what_cannot_be_exported_runs(folder):
    call = Kept(lambda x: jax.pure_callback(lambda y: np.asarray(y) + 1, jax.ShapeDtypeStruct((2, 3), np.float32), x))
    np.testing.assert_array_equal(call(X), X + 1)


@pytest.mark.parametrize("preset", [presets.default(), presets.embedded()], ids=["adam", "lbfgs"])
def test_an_optimisation_has_the_same_bits_kept_or_not(folder, monkeypatch, embedded, pictures, preset):
    recipe = replace(preset, content=(Term(ContentLoss("relu2_1")),), style=(Term(GramLoss("relu1_1")),))

    def paint():
        objective = make_objective(embedded, *pictures[:2], recipe)
        state = optimize.init(pictures[0], recipe.optimizer)
        *_, (state, info) = optimize.chunks(state, objective, recipe.optimizer, 4, average=recipe.average)
        return np.asarray(state.average), np.asarray(info.total)

    found = [paint()]
    for name in ("_alone", "init"):
        again = getattr(optimize, name)
        monkeypatch.setattr(optimize, name, Kept(again.__wrapped__, static_argnames=again._static))
    found.append(paint())
    monkeypatch.setattr(compilation, "_folder", None)
    found.append(paint())
    for image, total in found[1:]:
        np.testing.assert_array_equal(image, found[0][0])
        np.testing.assert_array_equal(total, found[0][1])


def test_states_of_every_kind_come_back_whole(folder, pictures):
    for optimizer in (Adam(), presets.embedded().optimizer):
        made = [Kept(optimize.init.__wrapped__)(pictures[0], optimizer) for _ in range(2)]
        assert jax.tree.structure(made[0]) == jax.tree.structure(made[1])
        assert jax.tree.all(jax.tree.map(partial(np.array_equal), *made))


def tree_of_an_objective() -> str:
    picture = np.full((32, 32, 3), 0.5, np.float32)
    return repr(jax.tree.structure(make_objective(load_vgg19("random"), picture, picture, presets.default())))


def test_trees_look_the_same_in_another_process():
    program = "import test_kept; print(test_kept.tree_of_an_objective())"
    command, here = [sys.executable, "-c", program], Path(__file__).parent
    told = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout
    assert told.strip() == tree_of_an_objective() and " at 0x" not in told
