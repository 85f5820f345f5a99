"""Losses as one program each: an operation at a time, compiling takes several times as long."""

import functools

import jax
import pytest

from jaxstyle.losses import LOSSES


def as_one(method):
    compiled = jax.jit(method, static_argnums=0)

    @functools.wraps(method)
    def call(self, *arguments, **guide):
        return compiled(self, *arguments, **guide)

    return call


@pytest.fixture(scope="package", autouse=True)
def one_program_each():
    with pytest.MonkeyPatch.context() as patch:
        for loss in set(LOSSES.values()):
            for name in ("__call__", "target"):
                patch.setattr(loss, name, as_one(getattr(loss, name)))
        yield
