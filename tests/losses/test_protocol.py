"""What every loss promises, walked over the table of all of them."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import gradient_of, own_target, target_of, value_of
from jax.test_util import check_grads

from jaxstyle.errors import SettingError
from jaxstyle.losses import LOSSES, MMDLoss, layers_of
from jaxstyle.losses.bands import Band


def build(kind):
    try:
        return LOSSES[kind]()
    except TypeError:
        several = "layers" in LOSSES[kind].__dataclass_fields__
        return LOSSES[kind](("relu1_1", "relu2_1")) if several else LOSSES[kind]("relu1_1")


def activations(loss, seed, dtype=jnp.float64):
    random = np.random.default_rng(seed)
    sizes = {"input": (16, 12, 3), "relu1_1": (16, 12, 5), "relu2_1": (8, 6, 7)}
    found = [jnp.asarray(random.uniform(0, 1, sizes.get(layer, (8, 6, 7))), dtype) for layer in layers_of(loss)]
    return found[0] if hasattr(loss, "layer") else tuple(found)


@pytest.fixture(params=sorted(LOSSES))
def loss(request, x64):
    return build(request.param)


def test_it_is_a_static_argument(loss):
    assert hash(loss) == hash(build(loss.kind)) and loss == build(loss.kind)


def test_zero_at_its_own_target(loss):
    """Up to the floors that docstrings name: clamped norms and quantiles of fewer bins than pixels."""
    found = activations(loss, 0)
    other = value_of(loss, found, target_of(loss, activations(loss, 1)))
    own = value_of(loss, found, target_of(loss, found))
    assert abs(float(own)) <= 0.03 * float(other) or target_of(loss, found) == ()


def test_value_is_a_finite_scalar_at_least_zero(loss):
    value = value_of(loss, activations(loss, 0), target_of(loss, activations(loss, 1)))
    assert value.shape == () and value.dtype == jnp.float64
    assert np.isfinite(value) and value >= 0


def test_gradient(loss):
    target = target_of(loss, activations(loss, 1))
    check_grads(
        jax.jit(lambda f: loss(f, target)), (activations(loss, 0),), order=1, modes=["fwd", "rev"], eps=1e-6, rtol=1e-4
    )


def test_curvature(loss):
    """Hessian-vector products are finite, and the same in forward-over-reverse and reverse-over-reverse mode."""
    features, target = activations(loss, 0), target_of(loss, activations(loss, 1))
    along = jax.tree.map(lambda leaf: leaf - 0.5, activations(loss, 2))

    @jax.jit
    def both(features, along, target):
        gradient = jax.grad(lambda features: loss(features, target))
        dot = lambda a, b: sum(map(jnp.vdot, jax.tree.leaves(a), jax.tree.leaves(b)))  # noqa: E731
        forward = jax.jvp(gradient, (features,), (along,))[1]
        return forward, jax.grad(lambda features: dot(gradient(features), along))(features)

    forward, reverse = map(jax.tree.leaves, both(features, along, target))
    for one, other in zip(forward, reverse, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-9 * max(1.0, np.abs(one).max()))


def test_gradient_is_finite_where_there_is_nothing(loss):
    empty = jax.tree.map(jnp.zeros_like, activations(loss, 0))
    for target in (target_of(loss, activations(loss, 1)), target_of(loss, empty)):
        gradient = gradient_of(loss, empty, target)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_jit_equals_eager(loss):
    found, other = activations(loss, 0), activations(loss, 1)
    target = own_target(loss, other)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14), target_of(loss, other), target)
    np.testing.assert_allclose(value_of(loss, found, target), loss(found, target), rtol=1e-10)


def test_vmap_equals_loop(loss):
    found, other = ([activations(loss, seed) for seed in seeds] for seeds in ((0, 1, 2), (5, 6, 7)))
    stack = lambda trees: jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)  # noqa: E731
    batched = jax.jit(jax.vmap(lambda f, o: loss(f, own_target(loss, o))))(stack(found), stack(other))
    single = [value_of(loss, f, target_of(loss, o)) for f, o in zip(found, other, strict=True)]
    np.testing.assert_allclose(batched, jnp.stack(single), rtol=1e-8)


def test_float32_stays_float32(loss):
    found, other = (activations(loss, seed, jnp.float32) for seed in (0, 1))
    assert jax.eval_shape(lambda f, o: loss(f, own_target(loss, o)), found, other).dtype == jnp.float32


FRESH = sorted(kind for kind in LOSSES if "fresh" in {entry.name for entry in fields(build(kind))})


def drawing(kind):
    fewer = {"samples": 20} if "samples" in {entry.name for entry in fields(build(kind))} else {"directions": 3}
    return replace(build(kind), fresh=True, **fewer)


def test_which_losses_draw():
    assert FRESH == [
        "contextual", "hypercolumn_moments", "mmd", "nearest_neighbour", "palette", "remd", "self_similarity",
        "sliced_wasserstein",
    ]  # fmt: skip
    assert all(drawing(kind).random and not build(kind).random for kind in FRESH)
    assert not drawing("sliced_wasserstein").blendable and not drawing("self_similarity").blendable
    assert not replace(build("mmd"), kernel="linear", fresh=True).random


@pytest.mark.parametrize("kind", FRESH)
def test_each_key_draws_anew(kind, x64):
    """The same key gives the same value, another one another; without a key the seed's positions are fixed."""
    loss = drawing(kind)
    found, target = activations(loss, 0), target_of(loss, activations(loss, 1))
    keys = jax.random.split(jax.random.key(0), 4)
    value = jax.jit(loss)
    values = [float(value(found, target, key)) for key in keys]
    assert len(set(values)) == 4 and all(map(np.isfinite, values))
    np.testing.assert_array_equal([float(value(found, target, key)) for key in keys], values)
    np.testing.assert_allclose(jax.vmap(lambda key: loss(found, target, key))(keys), values, rtol=1e-8)
    fixed = replace(loss, fresh=False)
    if kind not in ("self_similarity", "sliced_wasserstein"):  # whose targets are others
        np.testing.assert_allclose(
            value(found, target), fixed(found, target_of(fixed, activations(loss, 1))), rtol=1e-9
        )
    assert float(np.std(values)) < float(np.mean(values))


@pytest.mark.parametrize("kind", FRESH)
def test_gradient_with_a_key(kind, x64):
    loss, key = drawing(kind), jax.random.key(3)
    target = target_of(loss, activations(loss, 1))
    check_grads(
        jax.jit(lambda f: loss(f, target, key)),
        (activations(loss, 0),),
        order=1,
        modes=["fwd", "rev"],
        eps=1e-6,
        rtol=1e-4,
    )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", FRESH)
@pytest.mark.parametrize("wrong", [1, "yes", None], ids=repr)
def test_fresh_is_true_or_false(kind, wrong):
    with pytest.raises(SettingError, match="fresh: got "):
        replace(build(kind), fresh=wrong)


NUMBERS = [(kind, entry.name, entry.type) for kind in sorted(LOSSES) for entry in fields(build(kind))]
WHOLE = [(kind, name) for kind, name, of in NUMBERS if of in (int, int | None)]


def test_there_are_whole_numbers_to_be_checked():
    assert len(WHOLE) > 12 and {"samples", "seed", "bins", "directions", "pool"} <= {name for _, name in WHOLE}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("kind", "name"), WHOLE)
@pytest.mark.parametrize("wrong", [2.5, -1, "3", True, [1]], ids=repr)
def test_what_is_no_whole_number_is_refused_by_name(kind, name, wrong):
    with pytest.raises(SettingError, match=f"{name}: got "):
        replace(build(kind), **{name: wrong})


ADDITIVE = [build(kind) for kind in sorted(LOSSES) if getattr(build(kind), "additive", False)]
ADDITIVE += [MMDLoss("relu1_1", kernel) for kernel in ("linear", "polynomial")]


def bands(loss, height, edge):
    """Two bands that overlap by the loss's reach and count the rows above and below the edge."""
    below, above = edge + loss.reach, edge - loss.reach
    weight = (jnp.arange(height) < edge).astype(jnp.float64)
    return (0, below, Band(0, weight[:below])), (above, height, Band(above, 1 - weight[above:]))


@pytest.mark.parametrize("loss", ADDITIVE, ids=lambda loss: f"{loss.kind}-{getattr(loss, 'kernel', '')}")
def test_sums_of_two_bands_are_the_loss(loss, x64):
    found, other = activations(loss, 0), activations(loss, 1)
    target = own_target(loss, other)
    pieces = [loss.sums(found[low:high], target, band) for low, high, band in bands(loss, len(found), 8)]
    value = loss.from_sums(jax.tree.map(jnp.add, *pieces), target)
    np.testing.assert_allclose(value, value_of(loss, found, target), rtol=1e-10)


@pytest.mark.parametrize("loss", ADDITIVE, ids=lambda loss: f"{loss.kind}-{getattr(loss, 'kernel', '')}")
def test_targets_of_two_bands_are_the_pictures(loss, x64):
    found, origin, made = activations(loss, 0), loss.target(activations(loss, 1)), None
    for low, high, band in bands(loss, len(found), 8):
        made = loss.remember(made, found[low:high], origin, band)
    made, expected = loss.statistics(made, origin), loss.target(found)
    for got, wanted in zip(jax.tree.leaves(made), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)
