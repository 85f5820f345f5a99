import jax.numpy as jnp
import numpy as np
import pytest
from fake_network import Fake

from jaxstyle.errors import SettingError
from jaxstyle.feedforward.model import FastModel, blend


def test_a_blend_is_the_weighted_mean_of_each_leaf():
    codes = [{"mean": jnp.full(3, value), "matrix": jnp.full((2, 2), 10 * value)} for value in (1.0, 5.0)]
    mixed = blend(codes, (3, 1))
    np.testing.assert_allclose(mixed["mean"], 2.0)
    np.testing.assert_allclose(mixed["matrix"], 20.0)
    np.testing.assert_allclose(blend(codes)["mean"], 3.0)


def test_all_of_one_is_that_one():
    codes = [jnp.arange(3.0), jnp.ones(3)]
    np.testing.assert_array_equal(blend(codes, (1, 0)), codes[0])


@pytest.mark.parametrize("weights", [(1,), (1, -1), (0, 0), (1, float("nan"))])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(SettingError, match=r"^blend: "):
        blend([jnp.ones(3), jnp.ones(3)], weights)


def test_codes_of_two_networks():
    with pytest.raises(SettingError, match="codes of different shapes"):
        blend([jnp.ones(3), jnp.ones(4)])


def test_the_protocol():
    assert isinstance(Fake(), FastModel) and not isinstance(lambda content: content, FastModel)
