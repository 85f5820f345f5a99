"""Parametrizations: exact both ways, their derivatives, and the same pictures by every way of running them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxstyle import optimize, stylize
from jaxstyle.errors import SettingError
from jaxstyle.networks.resize import bilinear
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import LBFGS, SGD, Adam, RMSprop
from jaxstyle.optimize.parametrization import (
    PARAMETRIZATIONS,
    Fourier,
    LaplacianPyramid,
    Parametrization,
    Pixels,
)
from jaxstyle.optimize.pyramid import Pyramid, highest_frequencies

pytestmark = pytest.mark.usefixtures("unchecked")

ALL = [Pixels(), LaplacianPyramid(3), LaplacianPyramid(12, corners=True), Fourier(), Fourier(0.0)]
SIZES = [(12, 10), (13, 9), (1, 7)]


def picture(size, seed=0, dtype=None):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.1, 0.9, (*size, 3)), dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ALL, ids=str)
def test_a_picture_is_the_image_of_its_parameters(kind, size, x64):
    image = picture(size)
    parameters = kind.parameters(image)
    found = kind.image(parameters, image.shape)
    np.testing.assert_allclose(found, image, atol=1e-12)
    again = jax.tree.leaves(kind.parameters(found))
    for one, other in zip(jax.tree.leaves(parameters), again, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-10 * max(1.0, np.abs(one).max()))


def test_a_laplacian_pyramid_is_what_enlarging_lacks(x64):
    image = picture((9, 8))
    parts = LaplacianPyramid(2).parameters(image)
    assert [part.shape[:2] for part in parts] == [(9, 8), (4, 4), (2, 2)]
    small = bilinear(image, (4, 4))
    np.testing.assert_allclose(parts[0], image - bilinear(small, (9, 8)), atol=1e-14)
    np.testing.assert_allclose(parts[0], highest_frequencies(image), atol=1e-14)
    np.testing.assert_allclose(parts[1], small - bilinear(parts[2], (4, 4)), atol=1e-14)
    np.testing.assert_allclose(parts[2], bilinear(small, (2, 2)), atol=1e-14)


def test_a_number_of_the_smallest_level_moves_a_whole_area(x64):
    kind, image = LaplacianPyramid(3), jnp.zeros((16, 16, 3))
    *rest, last = kind.parameters(image)
    moved = kind.image((*rest, last.at[0, 0, 1].set(1.0)), image.shape)
    assert (np.asarray(moved[..., 1]) > 0).sum() > 60 and not np.asarray(moved[..., [0, 2]]).any()
    assert float(moved[0, 0, 1]) == 1.0


def test_fourier_is_lucids(x64):
    """Against NumPy, from the constants of lucid's `param/spatial.py` and `param/color.py`."""
    height, width = 6, 8
    random = np.random.default_rng(0)
    parameters = random.normal(0, 0.01, (2, height, width // 2 + 1, 3))
    frequency = np.sqrt(np.fft.fftfreq(height)[:, None] ** 2 + np.fft.fftfreq(width)[: width // 2 + 1] ** 2)
    scale = np.sqrt(width * height) / np.maximum(frequency, 1 / max(width, height))
    spectrum = (parameters[0] + 1j * parameters[1]) * scale[..., None]
    plain = np.fft.irfft2(spectrum, axes=(0, 1)) / 4
    root = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    colours = plain.reshape(-1, 3) @ (root / max(np.linalg.norm(root, axis=0))).T
    expected = 1 / (1 + np.exp(-colours.reshape(height, width, 3)))
    found = Fourier().image(jnp.asarray(parameters), (height, width, 3))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_fourier_moves_only_pixels_that_no_sigmoid_reaches(x64):
    image = jnp.asarray([[[0.0, 0.5, 1.0], [0.001, 0.999, 0.25]]])
    kind = Fourier()
    found = kind.image(kind.parameters(image), image.shape)
    np.testing.assert_allclose(found, jnp.clip(image, 0.001, 0.999), atol=1e-12)


@pytest.mark.parametrize("kind", ALL, ids=str)
def test_derivatives(kind, x64):
    image = picture((6, 5))
    target, parameters = picture((6, 5), 1), kind.parameters(image)
    check_grads(
        jax.jit(lambda p: jnp.sum((kind.image(p, image.shape) - target) ** 3)),
        (parameters,),
        2,
        ["fwd", "rev"],
        rtol=1e-3,
    )
    check_grads(jax.jit(lambda x: jax.tree.map(jnp.sin, kind.parameters(x))), (image,), 1, ["fwd", "rev"], rtol=1e-3)


@pytest.mark.parametrize("kind", ALL, ids=str)
def test_vmap_equals_loop_and_float32_stays(kind):
    images = jnp.stack([picture((10, 12), seed, jnp.float32) for seed in range(3)])
    batched = jax.vmap(lambda image: kind.image(kind.parameters(image), (10, 12, 3)))(images)
    assert batched.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(kind.parameters(images[0]))} == {jnp.dtype("float32")}
    for image, found in zip(images, batched, strict=True):
        np.testing.assert_allclose(found, kind.image(kind.parameters(image), image.shape), atol=1e-6)


@pytest.mark.parametrize("kind", ALL, ids=str)
def test_under_jaxs_strict_promotion(kind):
    with jax.numpy_dtype_promotion("strict"), jax.debug_nans(True):
        image = picture((6, 5), 0, jnp.float32)
        value = jax.jit(lambda p: jnp.sum(kind.image(p, image.shape) ** 2))
        gradient = jax.grad(value)(kind.parameters(image))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("kind", ALL, ids=str)
def test_it_is_a_static_setting(kind):
    assert isinstance(kind, Parametrization) and type(kind) is PARAMETRIZATIONS[kind.kind]
    assert hash(kind) == hash(dataclasses.replace(kind)) and kind == dataclasses.replace(kind)


@pytest.mark.parametrize(
    "optimizer", [Adam(0.05), RMSprop(0.05), SGD(0.001, momentum=0.5), LBFGS()], ids=lambda o: o.kind
)
@pytest.mark.parametrize("kind", ALL[1:4], ids=str)
def test_every_optimiser_changes_the_parameters(kind, optimizer):
    goal = picture((8, 8), 1, jnp.float32)
    if kind == Fourier() and isinstance(optimizer, SGD):
        optimizer = dataclasses.replace(optimizer, learning_rate=0.1)
    objective = jax.tree_util.Partial(lambda goal, x: (jnp.sum((x - goal) ** 2), {}), goal)
    state = optimize.init(picture((8, 8), 0, jnp.float32), optimizer, parametrization=kind)
    begin = float(objective(state.average)[0])
    end, info = optimize.run(state, objective, optimizer, 60, clip=False, parametrization=kind)
    assert bool(end.finite) and float(info.total[0]) == pytest.approx(begin, rel=1e-4)
    assert float(objective(end.average)[0]) < 0.8 * begin
    np.testing.assert_allclose(end.average, kind.image(end.parameters, (8, 8, 3)), atol=1e-6)


def recipe(kind, **changes):
    from test_pyramid import QUICK

    changes = {"average": 0.0, "clip": False, "parametrization": kind} | changes
    return dataclasses.replace(QUICK, **changes)


@pytest.mark.parametrize("kind", ALL[1:4], ids=str)
@pytest.mark.parametrize("init", ["content", "detail", "noise"])
def test_pictures_through_levels_and_saved_recipes(kind, init, embedded, pictures):
    content = jax.image.resize(pictures[0], (56, 64, 3), "linear")
    pyramid = Pyramid(32, steps=0.5, growing="detail" if init == "detail" else "bicubic", last_rate=0.5)
    chosen = recipe(kind, init=init, pyramid=pyramid)
    assert Recipe.from_dict(chosen.to_dict()) == chosen
    result = stylize(content, pictures[1], model=embedded, recipe=chosen, seed=3)
    assert result.status == "done" and result.image.shape == (56, 64, 3)
    assert result.settings["recipe"]["parametrization"]["name"] == kind.kind
    again = stylize(content, pictures[1], model=embedded, recipe=Recipe.from_dict(result.settings["recipe"]), seed=3)
    np.testing.assert_array_equal(again.image, result.image)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: LaplacianPyramid(0), "levels: got 0"),
        (lambda: LaplacianPyramid(2.5), "levels: got 2.5"),
        (lambda: LaplacianPyramid(17), "levels: got 17"),
        (lambda: Fourier(-1), "decay: got -1"),
        (lambda: Fourier(4.1), "decay: got 4.1"),
        (lambda: Fourier("1"), "decay: got '1'"),
        (lambda: recipe(Fourier(), clip=True), "clip: fourier parameters are no pixels"),
        (lambda: recipe(Fourier), "parametrization: got <class"),
        (lambda: recipe("pixels"), "parametrization: got 'pixels'"),
        (lambda: Recipe.from_dict(recipe(Fourier()).to_dict() | {"parametrization": {"name": "fuorier"}}), "'fourier'"),
        (lambda: Recipe.from_dict(recipe(Fourier()).to_dict() | {"parametrization": 3}), "expected a dict"),
        (
            lambda: Recipe.from_dict(
                recipe(Fourier()).to_dict() | {"parametrization": {"name": "fourier", "dekay": 1}}
            ),
            "did you mean 'decay'",
        ),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(SettingError, match=message):
        change()


def test_another_optimiser_by_name_keeps_the_parametrization(embedded, pictures):
    chosen = dataclasses.replace(recipe(LaplacianPyramid(2)), optimizer=LBFGS(line_search=False), pyramid=None)
    result = stylize(*pictures[:2], model=embedded, recipe=chosen, optimizer="adam", steps=2)
    kept = Recipe.from_dict(result.settings["recipe"])
    assert kept.optimizer == Adam() and not kept.clip and kept.parametrization == LaplacianPyramid(2)
