"""Every transformation of JAX works on an objective: forward and reverse mode, nested, vmapped, scanned, linearised."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle.losses import ContentLoss, GaussianWassersteinLoss, GramLoss, TotalVariation
from jaxstyle.losses.gaussian import root_trace
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.weights.random_features import random_weights

RECIPE = Recipe(
    content=ContentLoss("relu2_1"),
    style=(GramLoss("relu1_1"), GaussianWassersteinLoss("relu2_1")),
    prior=TotalVariation(),
)


@pytest.fixture(scope="module")
def network():
    """A network without kinks, so that second derivatives are those of differences: average pooling."""
    return VGG19(replace(random_weights(), pooling="average"))


def objective_of(network, pictures, **plan):
    recipe = replace(RECIPE, normalize_gradients=plan.pop("normalize", False))
    return make_objective(network, pictures[0][:32, :32], pictures[1][:32, :32], recipe, plan=Plan(**plan))


PLANS = [{"conv": "exact"}, {"conv": "winograd"}, {"rows": 16}, {"remat": True}]


@pytest.mark.parametrize("plan", PLANS, ids=repr)
def test_forward_mode_agrees_with_reverse_mode_and_curvature_with_differences(x64, network, pictures, plan):
    wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), network)
    pair = [jnp.asarray(picture, jnp.float64) for picture in pictures[:2]]
    objective = objective_of(wide, pair, **plan)
    image = jnp.asarray(pictures[2][:32, :32], jnp.float64)
    direction = jnp.asarray(np.random.default_rng(0).normal(size=image.shape)) / 50

    @jax.jit
    def derivatives(objective, image, direction):
        gradient = jax.grad(lambda image: objective(image)[0])
        slope = jax.jvp(lambda image: objective(image)[0], (image,), (direction,))[1]
        forward = jax.jvp(gradient, (image,), (direction,))[1]
        reverse = jax.grad(lambda image: jnp.vdot(gradient(image), direction))(image)
        return gradient(image), slope, forward, reverse

    gradient, slope, forward, reverse = derivatives(objective, image, direction)
    np.testing.assert_allclose(slope, jnp.vdot(gradient, direction), rtol=1e-9)
    np.testing.assert_allclose(reverse, forward, atol=1e-8 * np.abs(forward).max())
    step = 1e-7
    ahead, behind = (derivatives(objective, image + sign * step * direction, direction)[0] for sign in (1, -1))
    differences = (ahead - behind) / (2 * step)
    assert np.linalg.norm(forward - differences) < 1e-4 * np.linalg.norm(differences)


@pytest.mark.parametrize("plan", [{"conv": "winograd"}, {"conv": "exact", "normalize": True}], ids=repr)
def test_nested_vmapped_scanned_and_linearised(network, pictures, plan):
    objective = objective_of(network, pictures, **plan)
    image, directions = pictures[2][:32, :32], jnp.stack([pictures[0][:32, :32], pictures[1][:32, :32] - 0.5])

    @jax.jit
    def products(objective, image, directions):
        gradient = jax.grad(lambda image: objective(image)[0])
        one = lambda direction: jax.jvp(gradient, (image,), (direction,))[1]  # noqa: E731
        linear = jax.linearize(gradient, image)[1]
        scanned = jax.lax.scan(lambda _, direction: (None, one(direction)), None, directions)[1]
        return jax.vmap(one)(directions), jnp.stack([linear(each) for each in directions]), scanned

    batched, linear, scanned = products(objective, image, directions)
    size = np.abs(batched).max()
    assert np.isfinite(batched).all() and size > 0
    np.testing.assert_allclose(linear, batched, atol=1e-4 * size)
    np.testing.assert_allclose(scanned, batched, atol=1e-4 * size)


def test_normalised_gradients_have_the_norm_of_their_weights(x64, network, pictures):
    """At its layer a term's gradient is divided by its L1 norm, in forward mode too."""
    recipe = Recipe(content=Term(ContentLoss("input"), 3.0), style=(), normalize_gradients=True)
    objective = make_objective(network, pictures[0], [], recipe)
    gradient = jax.grad(lambda image: objective(image)[0])(pictures[1])
    assert float(jnp.abs(gradient).sum()) == pytest.approx(3.0, rel=1e-5)
    slope = jax.jvp(lambda image: objective(image)[0], (pictures[1],), (pictures[2],))[1]
    assert float(slope) == pytest.approx(float(jnp.vdot(gradient, pictures[2])), rel=1e-5)


def test_second_derivatives_of_the_root_trace(x64):
    random = np.random.default_rng(1)
    first, second, change = (jnp.asarray(random.normal(size=(5, 5))) for _ in range(3))
    positive = lambda matrix: matrix @ matrix.T + jnp.eye(5)  # noqa: E731
    trace = lambda x: root_trace(positive(first + x * change), positive(second), jnp.asarray(1.0))  # noqa: E731
    check_grads(jax.jit(trace), (jnp.asarray(0.3),), order=2, modes=["fwd", "rev"])
