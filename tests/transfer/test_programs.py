"""Compiled programs do not pile up, one for each size of picture, and the user's own are left alone."""

import jax
import jax.numpy as jnp
import pytest

from jaxstyle.optimize import state as states
from jaxstyle.transfer import programs


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(programs, "MOST", 2)
    monkeypatch.setattr(programs, "_seen", {})


def programs_of(state, optimizer):
    states.init(state, optimizer)
    return states._init._cache_size()


def test_they_are_let_go_when_there_are_many():
    from jaxstyle.optimize.optimizers import Adam

    mine = jax.jit(lambda x: x + 1)
    mine(jnp.zeros(3))
    states._init.clear_cache()
    for i, kept in ((1, 1), (2, 2), (3, 1), (3, 1), (4, 2), (5, 1)):
        programs.remember(("shape", i))
        assert programs_of(jnp.zeros((i, 1, 3)), Adam()) == kept
    assert mine._cache_size() == 1


def test_the_same_shapes_keep_theirs():
    for _ in range(3):
        for i in (1, 2):
            programs.remember(i)
    assert [*programs._seen] == [1, 2]
