import dataclasses
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

import jaxstyle
from jaxstyle.errors import SettingError
from jaxstyle.losses import (
    ContextualLoss,
    GramLoss,
    MMDLoss,
    NearestNeighbourLoss,
    PaletteLoss,
    RelaxedEMDLoss,
    SlicedWassersteinLoss,
    gram_matrix,
)
from jaxstyle.losses.positions import positions_inside
from jaxstyle.networks.model import Geometry
from jaxstyle.objective import presets
from jaxstyle.objective.blend import Summed, blend_targets, blended
from jaxstyle.objective.guidance import Guided, propagate
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.transfer.api import with_optimizer

QUICK = with_optimizer(presets.default(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1")), "adam")


def halves(h, w):
    left = jnp.zeros((h, w)).at[:, : w // 2].set(1.0)
    return {"left": left, "right": 1 - left}


def test_guided_gram_closed_form():
    """With T scaled so that mean(T^2) = 1, the guided Gram matrix is the Gram matrix of the region alone."""
    random = np.random.default_rng(0)
    features = jnp.asarray(random.random((4, 6, 3)), jnp.float32)
    guide = halves(4, 6)["left"] * 2**0.5
    loss = GramLoss("relu1_1")
    target = ((guide,), (loss.target(features * guide[..., None]),))
    np.testing.assert_allclose(target[1][0], gram_matrix(features[:, :3]), rtol=1e-5)
    assert float(Guided(loss)(features, target)) == 0.0
    other = features.at[:, 3:].set(9.0)  # outside the region
    assert float(Guided(loss)(other, target)) == 0.0
    assert float(Guided(loss)(features.at[0, 0].set(9.0), target)) > 0


def test_one_region_that_is_everything_changes_nothing(embedded, pictures):
    everything = {"all": jnp.ones((32, 32))}
    plain = make_objective(embedded, pictures[0], pictures[1], QUICK)
    guided = make_objective(embedded, pictures[0], pictures[1], QUICK, content_masks=everything, style_masks=everything)
    for name, value in plain(pictures[2])[1].items():
        np.testing.assert_allclose(guided(pictures[2])[1][name], value, rtol=1e-5)


@pytest.fixture(scope="module")
def two_colours() -> np.ndarray:
    """Red noise on the left, blue noise on the right."""
    noise = np.random.default_rng(0).uniform(0.3, 0.9, (32, 32, 1))
    colour = np.where(np.arange(32)[None, :, None] < 16, [1.0, 0.1, 0.1], [0.1, 0.1, 1.0])
    return (noise * colour).astype(np.float32)


def test_swapped_style_masks_swap_the_styles_in_the_result(embedded, two_colours):
    content = np.full((32, 32, 3), 0.5, np.float32)
    own = halves(32, 32)
    swapped = {"left": own["right"], "right": own["left"]}
    redness = []
    for masks in (own, swapped):
        result = jaxstyle.stylize(
            content, two_colours, model=embedded, recipe=QUICK, steps=60, learning_rate=0.05, content_weight=0.0,
            content_masks=own, style_masks=masks,
        )  # fmt: skip
        red = result.image[..., 0] - result.image[..., 2]
        redness.append((red[:, 2:14].mean(), red[:, 18:30].mean()))
    (left, right), (left_swapped, right_swapped) = redness
    assert left > 0.1 > -0.1 > right
    assert left_swapped < -0.1 < 0.1 < right_swapped


def test_each_region_may_take_another_style(embedded, pictures, two_colours):
    red, blue = two_colours[:, :16], two_colours[:, 16:]
    result = jaxstyle.stylize(
        np.full((32, 32, 3), 0.5, np.float32), [red, blue], model=embedded, recipe=QUICK, steps=60, learning_rate=0.05,
        content_weight=0.0, content_masks=halves(32, 32),
        style_masks=[{"left": np.ones((32, 16))}, {"right": np.ones((32, 16))}],
    )  # fmt: skip
    redness = result.image[..., 0] - result.image[..., 2]
    assert redness[:, 2:14].mean() > 0.1 and redness[:, 18:30].mean() < -0.1
    assert result.settings["masks"] == ["left", "right"]


def test_propagation():
    mask = jnp.zeros((16, 16)).at[4:12, 4:12].set(1.0)
    relu1, pool1, relu2 = Geometry(1, 1), Geometry(2, 2), Geometry(2, 4)
    layers = {"relu1_1": (relu1, (16, 16, 1)), "pool1": (pool1, (8, 8, 1)), "relu2_1": (relu2, (8, 8, 1))}
    simple, inside, all_ = (propagate(mask, layers, how) for how in ("simple", "inside", "all"))
    np.testing.assert_array_equal(simple["relu1_1"], mask)
    assert simple["relu2_1"].sum() == 16
    assert (inside["relu1_1"].sum(), all_["relu1_1"].sum()) == (36, 100)
    assert (inside["relu2_1"] <= simple["relu2_1"]).all() and (simple["relu2_1"] <= all_["relu2_1"]).all()
    # relu2_1 sees conv1_1, conv1_2, pool1, conv2_1: 2 pixels, then 1 block of 2 further
    assert (inside["relu2_1"].sum(), all_["relu2_1"].sum()) == (0, 64)
    assert propagate(jnp.ones((15, 15)), {"relu2_1": (relu2, (8, 8, 1))}, "simple")["relu2_1"].shape == (8, 8)


@pytest.mark.parametrize("shape", [(48, 80), (45, 83)])
def test_a_position_has_the_extreme_of_all_that_it_sees(imagenet, shape):
    """What geometry says is what the network's own convolutions and poolings would spread."""
    mask = np.random.default_rng(0).random(shape).astype(np.float32)
    wanted = {name: imagenet.geometry(name) for name in imagenet.layers[1:]}
    sizes = {name: tuple(size // geometry.stride for size in shape) for name, geometry in wanted.items()}
    layers = {name: (geometry, sizes[name]) for name, geometry in wanted.items()}
    spread = jax.jit(lambda mask: [propagate(mask, layers, how) for how in ("inside", "all", "simple")])
    inside, all_, simple = spread(jnp.asarray(mask))
    low = high = mean = mask
    for name in imagenet.layers[1:]:
        if name.startswith("pool"):
            rows, columns = sizes[name]
            low, high, mean = (x[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2) for x in (low, high, mean))
            low, high, mean = low.min((1, 3)), high.max((1, 3)), mean.mean((1, 3))
        elif name.startswith("conv"):
            low, high = minimum_filter(low, 3, mode="nearest"), maximum_filter(high, 3, mode="nearest")
        np.testing.assert_array_equal(inside[name], low, err_msg=name)
        np.testing.assert_array_equal(all_[name], high, err_msg=name)
        np.testing.assert_allclose(simple[name], mean, rtol=1e-6, err_msg=name)


def test_a_halo_that_does_not_reach_a_rest_of_rows():
    mask = jnp.ones((11, 4)).at[9:].set(0.0)  # the last two rows belong to no position of stride 3
    found = propagate(mask, {"own": (Geometry(3, 0), (3, 1))}, "inside")["own"]
    np.testing.assert_array_equal(found, jnp.ones((3, 1)))
    found = propagate(mask, {"own": (Geometry(3, 1), (3, 1))}, "inside")["own"]
    np.testing.assert_array_equal(found[:, 0], [1, 1, 0])


@pytest.mark.parametrize(
    ("content", "style", "message"),
    [
        ({"sky": np.zeros((32, 32))}, {"sky": np.ones((32, 32))}, "content_masks: region 'sky' is empty"),
        ({"sky": np.ones((32, 32))}, {"sky": np.zeros((32, 32))}, r"style_masks\[0\]: region 'sky' is empty"),
        (
            {"sky": np.ones((32, 30))},
            {"sky": np.ones((32, 32))},
            r"mask 'sky' has shape \(32, 30\), expected \(32, 32\)",
        ),
        ({"sky": np.full((32, 32), 2.0)}, {"sky": np.ones((32, 32))}, r"mask 'sky' has values outside \[0, 1\]"),
        ({"sky": np.ones((32, 32))}, {"sly": np.ones((32, 32))}, "no style has the region 'sky'"),
        ({}, {"sky": np.ones((32, 32))}, "region 'sky' of style_masks is missing"),
    ],
)
def test_bad_masks_name_the_region(embedded, pictures, content, style, message):
    with pytest.raises(SettingError, match=message):
        make_objective(embedded, pictures[0], pictures[1], QUICK, content_masks=content, style_masks=style)


def test_a_region_that_vanishes_on_the_way_is_named(embedded, pictures):
    recipe = dataclasses.replace(QUICK, propagation="inside")
    small = {"dot": jnp.zeros((32, 32)).at[3:8, 3:8].set(1.0)}
    with pytest.raises(SettingError, match="nothing of region 'dot' is left at relu2_1"):
        make_objective(embedded, pictures[0], pictures[1], recipe, content_masks=small, style_masks=small)


def test_summed_losses_and_averaged_targets(embedded, pictures):
    averaged = make_objective(embedded, pictures[0], list(pictures[1:]), QUICK, blend=(1, 3))
    summed = make_objective(
        embedded, pictures[0], list(pictures[1:]), dataclasses.replace(QUICK, blending="losses"), blend=(1, 3)
    )
    alone = [make_objective(embedded, pictures[0], p, QUICK) for p in pictures[1:]]
    name = "gram/relu1_1"
    single = [o(pictures[0])[1][name] / o.scales[name] for o in alone]
    np.testing.assert_allclose(
        summed(pictures[0])[1][name] / summed.scales[name], 0.25 * single[0] + 0.75 * single[1], rtol=1e-4
    )
    assert averaged(pictures[0])[1][name] / averaged.scales[name] < summed(pictures[0])[1][name] / summed.scales[name]


def test_what_has_no_mean_is_summed_or_refused():
    class Sampled(GramLoss):
        blendable = False

    assert isinstance(blended(Sampled("relu1_1"), "targets", 2), Summed)
    assert not isinstance(blended(Sampled("relu1_1"), "targets", 1), Summed)
    loss = SlicedWassersteinLoss("relu1_1")
    targets = [loss.target(jnp.ones((n, 4, 2))) for n in (4, 5)]
    with pytest.raises(SettingError, match="targets of sliced_wasserstein have no mean"):
        blend_targets(loss, targets, (0.5, 0.5))


def test_normalized_gradients_have_the_strength_of_their_weight(embedded, pictures):
    """At its layer each term's gradient has L1 norm 1 times its weight, whatever its formula's scale."""
    recipe = dataclasses.replace(
        presets.default(content_layers=("input",), style_layers=()),
        normalize_gradients=True,
        prior=(),
        content_weight=7.0,
    )
    for picture in pictures[1:]:
        objective = make_objective(embedded, pictures[0], pictures[1], recipe)
        gradient = jax.grad(lambda x, o=objective: o(x)[0])(picture + 0.01)
        np.testing.assert_allclose(jnp.abs(gradient).sum(), 7.0, rtol=1e-3)
    plain = make_objective(embedded, pictures[0], pictures[1], dataclasses.replace(recipe, normalize_gradients=False))
    np.testing.assert_allclose(objective(pictures[2])[0], plain(pictures[2])[0], rtol=1e-6)


@pytest.mark.parametrize("color", ["luminance", "cholesky", "pca", "symmetric", "histogram"])
def test_colour_control_keeps_the_contents_colours(embedded, two_colours, color):
    green = np.stack([np.full((32, 32), v) for v in (0.3, 0.6, 0.35)], -1) + two_colours.mean(-1, keepdims=True) * 0.2
    free = jaxstyle.stylize(green, two_colours, model=embedded, recipe=QUICK, steps=25)
    kept = jaxstyle.stylize(green, two_colours, model=embedded, recipe=QUICK, steps=25, color=color)
    far = np.abs(free.image.mean((0, 1)) - green.mean((0, 1))).max()
    near = np.abs(kept.image.mean((0, 1)) - green.mean((0, 1))).max()
    assert near < 0.5 * far
    assert kept.settings["recipe"]["color"] == color


def test_luminance_only_has_the_contents_chroma(embedded, pictures):
    result = jaxstyle.stylize(
        pictures[0] * 0.4 + 0.3, pictures[1], model=embedded, recipe=QUICK, steps=3, color="luminance"
    )
    content = np.asarray(pictures[0] * 0.4 + 0.3)
    chroma = lambda image: image - image @ np.array([0.299, 0.587, 0.114], np.float32)[:, None]  # noqa: E731
    np.testing.assert_allclose(chroma(result.image), chroma(content), atol=0.02)


SAMPLING = {
    "remd": lambda: RelaxedEMDLoss(("relu1_1",), samples=60),
    "palette": lambda: PaletteLoss(samples=60),
    "nearest_neighbour": lambda: NearestNeighbourLoss(("relu1_1",), samples=60),
    "contextual": lambda: ContextualLoss("relu1_1", samples=60),
    "mmd": lambda: MMDLoss("relu1_1", samples=60),
}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("kind", SAMPLING)
def test_what_compares_samples_takes_them_from_the_region_alone(kind, fresh, embedded, pictures):
    """What is outside of the region, in the picture or in the style, changes nothing."""
    recipe = Recipe(content=(), style=Term(replace(SAMPLING[kind](), fresh=fresh), relative=False), average=0.0)
    left = np.zeros((32, 32), np.float32)
    left[:, :12] = 1
    masks = {"content_masks": {"a": left}, "style_masks": {"a": left[:, ::-1].copy()}}
    objective = make_objective(embedded, *pictures[:2], recipe, **masks)
    outside = pictures[2].at[:, 15:].set(0.5)  # beyond what relu1_1 sees of the region
    assert float(objective(outside)[0]) == pytest.approx(float(objective(pictures[2])[0]), rel=1e-5)
    inside = pictures[2].at[:, :12].set(0.5)
    assert float(objective(inside)[0]) != pytest.approx(float(objective(pictures[2])[0]), rel=1e-2)
    gradient = np.abs(jax.grad(lambda image: objective(image)[0])(pictures[2])).sum(-1)
    assert gradient[:, :12].any() and not gradient[:, 14:].any()
    style = pictures[1].at[:, :15].set(0.5)
    other = make_objective(embedded, pictures[0], style, recipe, **masks)
    assert float(other(pictures[2])[0]) == pytest.approx(float(objective(pictures[2])[0]), rel=1e-5)


def test_positions_inside_follow_the_guide():
    guide = jnp.asarray([[0.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
    for seed in (0, 1, jax.random.key(2)):
        at = np.asarray(positions_inside(guide, 6, seed)).tolist()
        assert at.count([0.0, 1.0]) in (1, 2) and at.count([1.0, 0.0]) == 6 - at.count([0.0, 1.0])
    many = np.asarray(positions_inside(jnp.ones((40, 50)).at[:, 25:].set(0), 300, jax.random.key(0)))
    assert len(np.unique(many, axis=0)) > 250 and many[:, 1].max() == 24 and set(many[:, 0]) == set(range(40))
