"""L-BFGS without a line search: step by step what PyTorch's does, also batched, resumed and in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxstyle import optimize
from jaxstyle.optimize.optimizers import LBFGS
from jaxstyle.optimize.quasi_newton import lbfgs

pytestmark = pytest.mark.device


def wells(x):
    """Two minima in each coordinate, a maximum between them: curvature is negative at the start."""
    return jnp.sum((x**2 - 1) ** 2)


def valley(x):
    """Rosenbrock's."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def two_loops(gradient, start, steps, memory, unit=1.0):
    """The iterates of torch.optim.LBFGS (no line search, learning rate 1), from its documentation, in NumPy float64."""
    x, pairs, scale, iterates = np.array(start, np.float64), [], 1.0, []
    before = update = None
    for i in range(steps):
        g = gradient(x)
        if i:
            y = g - before
            if y @ update > 1e-10:
                pairs = [*pairs, (update, y)][-memory:]
                scale = y @ update / (y @ y)
        q, alphas = -g, []
        for s, y in reversed(pairs):
            alphas.append(s @ q / (y @ s))
            q = q - alphas[-1] * y
        d = q * scale
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            d = d + s * (alpha - y @ d / (y @ s))
        update = d * (min(1, unit / np.abs(g).sum()) / unit**2 if i == 0 else 1)
        before, x = g, x + update
        iterates.append(x)
    return np.array(iterates)


def run(function, start, steps, memory, **options):
    """Ours."""
    transform = lbfgs(1.0, memory, **options)

    @jax.jit
    def step(x, state):
        update, state = transform.update(jax.grad(function)(x), state, x)
        return optax.apply_updates(x, update), state

    x, iterates = jnp.asarray(start), []
    state = transform.init(x)
    for _ in range(steps):
        x, state = step(x, state)
        iterates.append(np.asarray(x))
    return np.array(iterates), state


START = np.random.default_rng(0).normal(0, 0.05, 12)


@pytest.mark.parametrize("memory", [1, 3, 100])
@pytest.mark.parametrize(("function", "unit"), [(wells, 1.0), (valley, 1.0), (wells, 255.0)])
def test_every_iterate_is_torchs(x64, function, memory, unit):
    gradient = jax.grad(function)
    expected = two_loops(lambda x: np.asarray(gradient(x)), START, 25, memory, unit)
    got, _ = run(function, START, 25, memory, unit=unit)
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("function", [wells, valley])
def test_the_oracle_is_torch(x64, function):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which no environment of jaxstyle's installs")
    x = torch.tensor(START, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], lr=1, max_iter=1, history_size=3, tolerance_change=-1, tolerance_grad=-1)
    of_torch = {
        wells: lambda x: torch.sum((x**2 - 1) ** 2),
        valley: lambda x: torch.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    }[function]

    def closure():
        optimizer.zero_grad()
        value = of_torch(x)
        value.backward()
        return value

    iterates = [x.detach().numpy().copy() for _ in range(25) if optimizer.step(closure) is not None]
    gradient = jax.grad(function)
    np.testing.assert_allclose(two_loops(lambda x: np.asarray(gradient(x)), START, 25, 3), iterates, rtol=1e-8)


def test_it_leaves_a_maximum_where_optax_stays(x64):
    """sum((x^2 - 1)^2) from near 0: pairs of negative curvature must be dropped."""
    start = np.random.default_rng(1).normal(0, 0.05, 764)
    ours, state = run(wells, start, 60, 100)
    assert wells(start) > 760 and wells(ours[-1]) < 1e-6
    assert state.kept < 59  # some pairs were dropped


def test_float32_reaches_the_minimum_too():
    ours, _ = run(wells, START.astype(np.float32), 60, 10, unit=255.0)
    assert ours.dtype == np.float32 and wells(ours[-1]) < 1e-5


def test_a_batch_is_its_runs(x64):
    starts = np.random.default_rng(2).normal(0, 0.05, (3, 12))
    transform = lbfgs(1.0, 4)

    @jax.jit
    @jax.vmap
    def step(x, state):
        update, state = transform.update(jax.grad(wells)(x), state, x)
        return x + update, state

    x = jnp.asarray(starts)
    state = jax.vmap(transform.init)(x)
    for _ in range(20):
        x, state = step(x, state)
    for i, start in enumerate(starts):
        np.testing.assert_allclose(x[i], run(wells, start, 20, 4)[0][-1], rtol=1e-9, atol=1e-12)


def test_two_runs_after_each_other_are_one_long_run():
    optimizer = LBFGS(memory=4, line_search=False)
    image = jnp.asarray(np.random.default_rng(3).uniform(0, 1, (6, 5, 3)), jnp.float32)

    objective = jax.tree_util.Partial(lambda x: (jnp.sum((x - 0.25) ** 4), {}))
    whole, _ = optimize.run(optimize.init(image, optimizer), objective, optimizer, 9, clip=False)
    half, _ = optimize.run(optimize.init(image, optimizer), objective, optimizer, 4, clip=False)
    both, _ = optimize.run(half, objective, optimizer, 5, clip=False)
    np.testing.assert_array_equal(whole.parameters, both.parameters)
    assert objective(whole.parameters)[0] < objective(image)[0] / 100


def test_nothing_to_do_is_no_step():
    update, state = lbfgs(1.0, 3).update(jnp.zeros(4), lbfgs(1.0, 3).init(jnp.zeros(4)))
    np.testing.assert_array_equal(update, np.zeros(4))
    assert state.steps == 1 and state.kept == 0
