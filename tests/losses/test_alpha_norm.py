import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import SettingError
from jaxstyle.losses import AlphaNorm


def test_closed_form(x64):
    picture = jnp.asarray([[[0.45, 0.95, -0.55]]])
    assert float(AlphaNorm()(picture)) == pytest.approx((0.5**6 + 1) / 2)
    assert float(AlphaNorm(alpha=2, centre=0.0)(picture)) == pytest.approx(np.sum(np.square(picture)) / 2)
    assert AlphaNorm().target(picture) == ()


def test_gradient_at_the_centre_is_zero(x64):
    gradient = jax.grad(lambda x: AlphaNorm(alpha=3.0)(x))(jnp.asarray([[[0.45, 0.7]]]))
    np.testing.assert_allclose(gradient, [[[0, 1.5 * 0.25**2]]])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "value"), [("alpha", 1.9), ("alpha", 21), ("centre", -0.1), ("centre", "grey")])
def test_what_is_refused(name, value):
    with pytest.raises(SettingError, match=f"{name}: got {value!r}, expected a number from"):
        AlphaNorm(**{name: value})
