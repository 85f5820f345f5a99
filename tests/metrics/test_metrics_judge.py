"""The judge: what it gives, that a batch changes nothing, and what it refuses."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metric_networks import pictures

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.metrics import METRICS, Judge, cfsd, chroma_distance, edge_agreement, ssim, stack_targets
from jaxstyle.metrics import judge as judge_module
from jaxstyle.metrics.similarity import sampled_columns
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.weights.random_features import random_weights

CONTENTS = [jnp.asarray(each) for each in pictures(2, 32, 32)]
STYLES = [jnp.asarray(pictures(1, height, 32, seed=1)[0]) for height in (32, 40)]
IMAGES = jnp.asarray(pictures(4, 32, 32, seed=2))
RECIPE = Recipe(content=(Term(ContentLoss("relu2_1")),), style=(Term(GramLoss("relu1_1")),))
PAIRS = ((0, 0), (0, 1), (1, 0), (1, 1))


@pytest.fixture(scope="module")
def model():
    """The embedded network to relu3_1: less to compile."""
    weights = random_weights()
    return VGG19(replace(weights, arrays={key: x for key, x in weights.arrays.items() if key < "conv3_2"}))


@pytest.fixture(scope="module")
def judge(model):
    return Judge.of(model, RECIPE, (32, 32, 3), style_shapes=[each.shape for each in STYLES], samples=40)


@pytest.fixture(scope="module")
def targets(judge):
    return [judge.content_target(each) for each in CONTENTS], [judge.style_target(each) for each in STYLES]


def stacked(targets, pairs):
    return stack_targets([targets[0][i] for i, _ in pairs]), stack_targets([targets[1][i] for _, i in pairs])


@pytest.fixture(scope="module")
def values(judge, targets):
    return judge(IMAGES, *stacked(targets, PAIRS))


def test_names_shapes_and_types(values):
    assert list(values) == list(METRICS)
    assert all(each.shape == (4,) and each.dtype == jnp.float32 and np.isfinite(each).all() for each in values.values())
    for name, metric in METRICS.items():
        assert metric.better == ("higher" if name in ("ssim", "edge_agreement") else "lower")
        assert metric.compares in ("content", "style") and len(metric.description) < 100


def relative(loss, found, of):
    target, nothing = loss.target(of), jnp.zeros_like(found)
    return loss(found, target) / loss(nothing, target)


@jax.jit
def expected(judge, image, content, style):
    layers = {*judge.content_layers, *judge.style_layers, judge.similarity_layer}
    f, p, s = (judge.model.features(each, layers) for each in (image, content, style))
    return {
        "ssim": ssim(image, content),
        "edge_agreement": edge_agreement(image, content),
        "chroma_distance": chroma_distance(image, style),
        "content_distance": sum(relative(ContentLoss(n), f[n], p[n]) for n in judge.content_layers),
        "style_distance": sum(relative(GramLoss(n), f[n], s[n]) for n in judge.style_layers) / len(judge.style_layers),
        "cfsd": cfsd(*(sampled_columns(each[judge.similarity_layer], 40) for each in (f, p))),
    }


def test_each_number_is_its_metrics(judge, values):
    for i, c in ((0, 0), (2, 1)):
        for name, number in expected(judge, IMAGES[i], CONTENTS[c], STYLES[0]).items():
            np.testing.assert_allclose(values[name][i], number, rtol=2e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kept", [(1,), (2, 3, 0)])
@pytest.mark.users_compiler
def test_a_batch_changes_nothing(judge, targets, values, kept):
    found = judge(IMAGES[np.array(kept)], *stacked(targets, [PAIRS[i] for i in kept]))
    for name in METRICS:
        np.testing.assert_array_equal(found[name], values[name][np.array(kept)], err_msg=name)


def test_the_content_and_the_style_themselves(judge, targets):
    found = judge(jnp.stack([CONTENTS[0], STYLES[0]]), *stacked(targets, [(0, 0), (0, 0)]))
    for name, metric in METRICS.items():
        own, other = (found[name] if metric.compares == "content" else found[name][::-1]).tolist()
        ideal = 1 if metric.better == "higher" else 0
        assert abs(own - ideal) < 1e-5 < abs(other - ideal), name


def test_a_diverged_picture_spoils_only_itself(judge, targets, values):
    found = judge(IMAGES.at[1].set(jnp.nan), *stacked(targets, PAIRS))
    for name in METRICS:
        assert np.isnan(found[name][1]) and np.array_equal(np.delete(found[name], 1), np.delete(values[name], 1)), name


def test_one_trace_for_equal_judges(judge, targets, model):
    again = Judge.of(model, RECIPE, (32, 32), style_shapes=[(32, 32), (40, 32)], samples=40)
    assert jax.tree.structure(again) == jax.tree.structure(judge)
    assert hash(jax.tree.structure(again)) == hash(jax.tree.structure(judge))
    judge(IMAGES, *stacked(targets, PAIRS))
    before = judge_module._judge._cache_size()
    again(IMAGES, *stacked(targets, PAIRS))
    assert judge_module._judge._cache_size() == before


def test_the_network_is_no_constant_of_the_program(judge, targets):
    program = jax.make_jaxpr(judge_module._judge)(judge, IMAGES, *stacked(targets, PAIRS))
    assert sum(np.size(each) for each in program.consts) < 1000
    assert len(program.in_avals) > len(jax.tree.leaves(judge.model))


def test_targets_have_one_shape_for_all_styles(targets):
    shapes = [jax.tree.map(jnp.shape, target) for target in targets[1]]
    assert shapes[0] == shapes[1]


def test_wrong_batches(judge, targets, unchecked):
    contents, styles = stacked(targets, PAIRS)
    with pytest.raises(ImageError, match=r"images: got shape \(32, 32, 3\), expected \(batch, height, width, 3\)"):
        judge(IMAGES[0], contents, styles)
    with pytest.raises(ImageError, match=r"images: got shape \(3, 32, 32, 3\).*stack_targets"):
        judge(IMAGES[:3], contents, styles)
    with pytest.raises(ImageError, match=r"styles: got targets of shape \(3, 64, 64\) for 4 images"):
        judge(IMAGES, contents, targets[1][0])
    with pytest.raises(SettingError, match="targets: got none"):
        stack_targets([])


def test_wrong_pictures_and_settings(judge, model, unchecked):
    with pytest.raises(ImageError, match=r"style: image: got 7x7 pixels; relu3_1 needs at least 8 .*style_shapes"):
        judge.style_target(STYLES[0][:7, :7])
    with pytest.raises(ImageError, match="style: got float32"):
        judge.style_target(STYLES[0][0])
    with pytest.raises(ImageError, match="content: got 10x10 pixels; SSIM"):
        judge.content_target(CONTENTS[0][:10, :10])
    with pytest.raises(ImageError, match="content: values run to 255"):
        judge.content_target(CONTENTS[0].at[0, 0, 0].set(255.0))
    with pytest.raises(ImageError, match=r"shape: got \(8, 40\), expected"):
        Judge.of(model, RECIPE, (8, 40))
    with pytest.raises(SettingError, match="model: got str, expected a VGG19"):
        Judge.of("embedded", RECIPE, (64, 64))
    with pytest.raises(SettingError, match="samples: got 0"):
        Judge.of(model, RECIPE, (64, 64), samples=0)
