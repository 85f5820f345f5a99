"""Pictures in bands of rows: the whole picture's value, gradient and targets, whatever the edges and strides."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle import optimize
from jaxstyle.errors import SettingError
from jaxstyle.losses import (
    ContentLoss,
    GaussianWassersteinLoss,
    GramLoss,
    LaplacianLoss,
    LuminanceLoss,
    MMDLoss,
    MomentLoss,
    SlicedWassersteinLoss,
    TotalVariation,
)
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective import presets
from jaxstyle.objective.banded import cut
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.weights.layout import CONVOLUTIONS, UNIT, Weights
from jaxstyle.weights.random_features import dead_leaves

EVERY = Recipe(
    content=(Term(ContentLoss("relu3_2")), Term(LaplacianLoss(pool=4)), Term(LuminanceLoss(), relative=False)),
    style=(
        Term(GramLoss("relu1_1", per_channel=True)),
        Term(GramLoss("pool2")),
        Term(MomentLoss("relu2_1")),
        Term(MomentLoss("relu3_1", covariance=True)),
        Term(GaussianWassersteinLoss("relu2_2"), relative=False),
        Term(MMDLoss("relu1_2", "linear")),
        Term(MMDLoss("relu2_1_aux", "polynomial")),
    ),
    prior=(Term(TotalVariation(form="replicate"), relative=False),),
)
GRAMS = presets.default(content_layers=("relu2_2",), style_layers=("relu1_1", "relu2_1", "relu3_1"))


def network(padding="zero", pooling="max", ceil_mode=False) -> VGG19:
    """A narrow VGG19 of random weights, with an auxiliary layer."""
    random, arrays, width = np.random.default_rng(0), {}, 3
    for name in CONVOLUTIONS:
        new = 4 + int(name[4])
        arrays[f"{name}/kernel"] = random.standard_normal((3, 3, width, new)) * (2 / 9 / width) ** 0.5
        arrays[f"{name}/bias"] = random.uniform(-0.1, 0.1, new)
        width = new
    arrays["conv2_1_aux/kernel"] = random.standard_normal((1, 1, 6, 5))
    arrays["conv2_1_aux/bias"] = random.uniform(-0.1, 0.1, 5)
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return VGG19(Weights(arrays, UNIT, padding=padding, pooling=pooling, ceil_mode=ceil_mode))


def pictures(*sizes, dtype=np.float32):
    random = np.random.default_rng(5)
    return [jnp.asarray(random.uniform(size=(*size, 3)), dtype) for size in sizes]


def wide(model):
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), model)


evaluate = jax.jit(lambda objective, image: jax.value_and_grad(lambda x: objective(x), has_aux=True)(image))


def assert_same(blocks: Objective, plain: Objective, image, rtol):
    """Values, gradient and targets."""
    assert cut(blocks.model, image.shape[0], blocks.rows, blocks.layers) is not None and plain.rows is None
    (total, values), gradient = evaluate(blocks, image)
    (expected, expected_values), expected_gradient = evaluate(plain, image)
    np.testing.assert_allclose(total, expected, rtol=rtol)
    for name, value in expected_values.items():
        np.testing.assert_allclose(values[name], value, rtol=rtol, atol=rtol / 100, err_msg=name)
    difference = np.linalg.norm(np.asarray(gradient - expected_gradient))
    assert difference <= rtol * np.linalg.norm(np.asarray(expected_gradient))
    for got, wanted in zip(jax.tree.leaves(blocks.targets), jax.tree.leaves(plain.targets), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * float(np.abs(wanted).max()))


def both(*arguments, rows=48, **options):
    return make_objective(*arguments, **options, plan=Plan(rows=rows)), make_objective(*arguments, **options)


@pytest.mark.parametrize(
    ("padding", "pooling", "ceil_mode", "rows"),
    [("zero", "max", False, 48), ("reflect", "average", True, 16)],
)
def test_every_additive_loss_at_an_odd_size(x64, padding, pooling, ceil_mode, rows):
    model = wide(network(padding, pooling, ceil_mode))
    image, content, style = pictures((157, 21), (157, 21), (139, 30), dtype=np.float64)
    assert_same(*both(model, content, style, EVERY, rows=rows), image, 1e-10)


@pytest.mark.slow
def test_the_deepest_layers(x64):
    model = wide(network("reflect", "average", ceil_mode=True))
    recipe = presets.default(content_layers=("relu4_2",), style_layers=("relu1_1", "relu5_1"))
    image, content, style = pictures((341, 35), (341, 35), (37, 33), dtype=np.float64)
    assert_same(*both(model, content, style, recipe, rows=32), image, 1e-10)


@pytest.mark.parametrize(("pool", "form"), [(1, "squared"), (3, "absolute"), (5, "corner")])
def test_laplacians_of_any_square_and_every_total_variation(x64, pool, form):
    prior = (Term(TotalVariation(form=form), relative=False),)
    recipe = Recipe(content=(Term(LaplacianLoss(pool=pool)),), style=(), prior=prior)
    image, content = pictures((331, 20), (331, 20), dtype=np.float64)
    assert_same(*both(wide(network()), content, content, recipe), image, 1e-10)


def test_one_row_less_of_halo_would_show():
    """The halo is what it must be: the network's made-up edge reaches exactly as far as the network says."""
    model = network("zero", "max")
    (picture,) = pictures((256, 40))
    layers = [name for name in model.layers if name != "input"]
    full, part = model.features(picture, layers), model.features(picture[64:], layers)
    for layer in layers:
        stride, halo, _ = model.geometry(layer)
        rows = -(-halo // stride)
        expected, got = full[layer][64 // stride :], part[layer]
        np.testing.assert_allclose(got[rows:], expected[rows:], rtol=1e-4, atol=1e-5)
        assert np.abs(got[rows - 1] - expected[rows - 1]).max() > 1e-4, layer


@pytest.mark.parametrize("height", [96, 100, 157, 240, 255, 1000])
@pytest.mark.parametrize("rows", [16, 48, 128])
@pytest.mark.parametrize("losses", [EVERY.content, EVERY.style, EVERY.prior, (Term(GramLoss("pool5")),)])
def test_bands_partition_the_rows(height, rows, losses):
    named = tuple((term.name, term.loss) for term in losses)
    bands = cut(network(), height, rows, named)
    if bands is None:
        return
    counted = np.zeros(height, int)
    for start, low, high in zip(bands.starts, bands.edges[:-1], bands.edges[1:], strict=True):
        counted[low:high] += 1
        assert 0 <= start <= height - bands.height
        assert start <= low and min(high, height) <= start + bands.height
    assert (counted == 1).all() and bands.starts[-1] + bands.height == height
    assert len(bands.starts) == 1 or bands.starts[-2] + bands.height < height


def test_a_constant_channel_and_a_mean_far_from_the_styles_in_float32():
    model = network()
    recipe = Recipe(
        content=(),
        style=tuple(
            Term(loss, relative=False)
            for loss in (MomentLoss("relu1_1"), MomentLoss("relu1_2", True), GaussianWassersteinLoss("relu2_1"))
        ),
    )
    image, content, style = pictures((150, 32), (150, 32), (40, 40))
    blocks, plain = both(model, content, style * 0.1, recipe, rows=32)
    assert_same(blocks, plain, 0.5 + 0.5 * image, 1e-4)
    flat = jnp.full_like(image, 0.7)
    (total, _), gradient = evaluate(blocks, flat)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(total, evaluate(plain, flat)[0][0], rtol=1e-3)


def test_masks_and_several_styles(x64):
    image, content, *styles = pictures((134, 20), (134, 20), (130, 20), (150, 24), dtype=np.float64)
    masks = {"left": jnp.zeros((134, 20)).at[:, :13].set(1.0), "top": jnp.zeros((134, 20)).at[:90].set(1.0)}
    style = tuple(map(Term, (GramLoss("relu2_1"), MomentLoss("relu1_1"))))
    mix = Recipe(content=(), style=style, blending="losses")
    assert_same(*both(wide(network()), content, styles, mix, rows=32, blend=(1, 3), content_masks=masks), image, 1e-10)


@pytest.mark.slow
def test_the_real_network(imagenet):
    random = np.random.default_rng(1)
    image, content, style = (jnp.asarray(dead_leaves(random, 160), jnp.float32)[:157, :97] for _ in range(3))
    assert_same(*both(imagenet, content, style, GRAMS), image, 1e-4)


@pytest.mark.parametrize("optimizer", [Adam(0.02), LBFGS()])
def test_a_run(optimizer):
    image, content, style = pictures((120, 24), (120, 24), (30, 30))
    ends = [
        optimize.run(optimize.init(image, optimizer), objective, optimizer, 3, capacity=3, clip=False)
        for objective in both(network(), content, style, GRAMS, rows=32)
    ]
    # Adam divides by the gradient's size: a pixel without one may go either way.
    assert np.abs(ends[0][0].parameters - ends[1][0].parameters).mean() < 1e-5
    np.testing.assert_allclose(ends[0][1].total, ends[1][1].total, rtol=1e-4)


def test_vmap_over_pictures_and_weights():
    *images, content, style = pictures(*[(120, 24)] * 4)
    blocks, plain = both(network(), content, style, GRAMS, rows=32)
    weights = jax.tree.map(lambda leaf: leaf * jnp.arange(1.0, 3.0), dict(blocks.weights))

    def gradients(objective):
        gradient = jax.grad(lambda w, x: dataclasses.replace(objective, weights=w)(x)[0], argnums=(0, 1))
        return jax.jit(jax.vmap(gradient))(weights, jnp.stack(images[:2]))

    for got, wanted in zip(*map(jax.tree.leaves, map(gradients, (blocks, plain))), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max()))


def test_memory_is_a_bands():
    """Loops keep it on CPU too, where XLA undoes rematerialisation."""
    _, content, style = pictures(*[(512, 64)] * 3)
    need = [
        jax.jit(jax.grad(lambda x, o=objective: o(x)[0])).lower(content).compile().memory_analysis().temp_size_in_bytes
        for objective in both(network(), content, style, GRAMS, rows=32)
    ]
    assert need[0] < need[1] / 4


def test_a_network_can_be_trained_through_it():
    image, content, style = pictures((120, 24), (120, 24), (30, 30))
    objective = make_objective(network(), content, style, GRAMS, plan=Plan(rows=32, conv="exact"))

    @partial(jax.jit, static_argnames="rows")
    def gradient(objective, rows):
        value = lambda model: dataclasses.replace(objective, model=model, rows=rows)(image)[0]  # noqa: E731
        return jax.grad(value)(objective.model)

    banded, whole = gradient(objective, 32), gradient(objective, None)
    for found, expected in zip(jax.tree.leaves(banded), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_picture_of_one_band_is_computed_as_without():
    image, content, style = pictures(*[(64, 24)] * 3)
    blocks, plain = both(network(), content, style, GRAMS, rows=64)
    assert evaluate(blocks, image)[0][0] == evaluate(plain, image)[0][0]


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (40, {}, "rows: got 40, expected a multiple of 16"),
        (0, {}, "rows: got 0"),
        (32, {"normalize_gradients": True}, "rows: normalize_gradients"),
        (32, {"style": (Term(SlicedWassersteinLoss("relu1_1")),)}, "rows: sliced_wasserstein/relu1_1 needs the whole"),
        (32, {"style": (Term(MMDLoss("relu1_1")),)}, "rows: mmd/relu1_1 .* leave rows out"),
    ],
)
def test_what_cannot_be_is_refused(rows, changes, message):
    recipe, picture = dataclasses.replace(GRAMS, **changes), pictures((64, 64))[0]
    with pytest.raises(SettingError, match=message):
        make_objective(network(), picture, picture, recipe, plan=Plan(rows=rows))
