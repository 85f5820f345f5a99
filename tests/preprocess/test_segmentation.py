"""Superpixels: closed forms, scikit-image and SciPy, merging, masks in a transfer, degenerate pictures, errors."""

import numpy as np
import pytest

from jaxstyle import stylize
from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image import load_image
from jaxstyle.losses import GramLoss
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.preprocess import Segmentation, abstract, draw_boundaries, merge_regions, superpixels
from jaxstyle.preprocess.merge import adjacent

LABELS = np.array([[1, 1, 2], [1, 0, 2], [3, 3, 2]])
VALUES = np.arange(9).reshape(3, 3) / 10
GREYS = np.repeat(VALUES[..., None], 3, 2).astype(np.float32)


@pytest.fixture(scope="module")
def cat():
    return load_image(pytest.importorskip("skimage.data").chelsea()[::2, ::2])


@pytest.fixture(scope="module")
def cut(cat):
    return superpixels(cat, 60)


def grey(*levels):
    """Regions side by side, each 2 pixels wide, of CIE lightness `levels`."""
    color = pytest.importorskip("skimage.color")
    lab = np.array([[[level, 0, 0] for level in levels]], np.float64)
    image = np.repeat(np.repeat(color.lab2rgb(lab), 2, axis=1), 2, axis=0)
    labels = np.repeat(np.arange(1, len(levels) + 1)[None], 2, axis=0).repeat(2, axis=1)
    return Segmentation(labels, np.clip(image[0, ::2], 0, 1).astype(np.float32))


def test_two_halves():
    image = np.zeros((16, 32, 3), np.float32)
    image[:, 16:] = [1, 0, 0]
    found = superpixels(image, 2, compactness=1)
    np.testing.assert_array_equal(found.labels, np.repeat([[1, 2]], 16, axis=1).repeat(16, axis=0))
    np.testing.assert_allclose(found.colors, [[0, 0, 0], [1, 0, 0]], atol=1e-6)
    np.testing.assert_array_equal(found.sizes, [256, 256])
    np.testing.assert_array_equal(found.boundaries, np.broadcast_to(np.arange(32) == 15, (16, 32)))
    np.testing.assert_array_equal(abstract(image, found), image)


@pytest.mark.parametrize("n_segments, compactness", [(1, 10.0), (30, 10.0), (400, 1.0), (100, 50.0)])
def test_the_labels_are_scikit_images(cat, n_segments, compactness):
    segmentation = pytest.importorskip("skimage.segmentation")
    found = superpixels(cat, n_segments, compactness=compactness)
    expected = segmentation.slic(cat, n_segments, compactness)
    np.testing.assert_array_equal(found.labels, expected)
    assert len(found) == expected.max() == len(np.unique(expected))


def test_the_labels_in_a_mask_are_scikit_images(cat):
    segmentation = pytest.importorskip("skimage.segmentation")
    y, x = np.mgrid[: cat.shape[0], : cat.shape[1]]
    inside = (y - 70) ** 2 + (x - 110) ** 2 < 50**2
    found = superpixels(cat, 25, mask=inside)
    np.testing.assert_array_equal(found.labels, segmentation.slic(cat, 25, 10.0, mask=inside))
    assert (found.labels[~inside] == 0).all() and (found.labels[inside] > 0).mean() > 0.99
    np.testing.assert_array_equal(superpixels(cat, 25, mask=inside.astype(np.float32)).labels, found.labels)
    np.testing.assert_array_equal(abstract(cat, found)[~inside], cat[~inside])


def test_the_picture_of_a_file_or_array_is_the_same(cat):
    eight = np.round(cat * 255).astype(np.uint8)
    np.testing.assert_array_equal(superpixels(eight, 40).labels, superpixels(cat, 40).labels)


def test_regions_by_hand():
    """Region 1 has 0, 0.1, 0.3; region 2 has 0.2, 0.5, 0.8; region 3 has 0.6, 0.7; 0.4 is in none."""
    found = Segmentation(LABELS, np.zeros((3, 3), np.float32))
    np.testing.assert_array_equal(found.sizes, [3, 3, 2])
    np.testing.assert_array_equal(found.boundaries, [[False, True, False], [True, True, False], [False, True, False]])
    mean, median = (abstract(GREYS, found, statistic=statistic)[..., 0] for statistic in ("mean", "median"))
    np.testing.assert_allclose(mean, np.array([0.4, 0.4 / 3, 0.5, 0.65])[LABELS], rtol=1e-6)
    np.testing.assert_allclose(median, np.array([0.4, 0.1, 0.5, 0.65])[LABELS], rtol=1e-6)
    red = draw_boundaries(GREYS, found, color=(1, 0, 0))
    np.testing.assert_array_equal(red, np.where(found.boundaries[..., None], np.float32([1, 0, 0]), GREYS))


def test_means_and_medians_of_a_picture(cat, cut):
    ndimage, color = pytest.importorskip("scipy.ndimage"), pytest.importorskip("skimage.color")
    np.testing.assert_allclose(abstract(cat, cut), color.label2rgb(cut.labels, cat, kind="avg"), atol=1e-5)
    np.testing.assert_allclose(cut.colors[cut.labels - 1], abstract(cat, cut), atol=1e-6)
    numbers = np.arange(1, len(cut) + 1)
    medians = np.stack([ndimage.median(cat[..., c], cut.labels, numbers) for c in range(3)], -1)
    np.testing.assert_allclose(abstract(cat, cut, statistic="median"), medians[cut.labels - 1], atol=1e-6)


def test_boundaries_lie_on_scikit_images(cut):
    """Those are two pixels wide."""
    thick = pytest.importorskip("skimage.segmentation").find_boundaries(cut.labels)
    assert (thick | ~cut.boundaries).all()
    below, right = np.roll(cut.boundaries, 1, 0), np.roll(cut.boundaries, 1, 1)
    assert (cut.boundaries | below | right | ~thick).all()


def test_masks_share_the_picture_out(cut):
    masks = cut.masks()
    assert list(masks) == [str(number) for number in range(1, len(cut) + 1)]
    np.testing.assert_array_equal(sum(masks.values()), np.ones(cut.labels.shape))
    np.testing.assert_array_equal(cut.masks({"both": (1, 3)})["both"], np.isin(cut.labels, (1, 3)))
    assert all(mask.dtype == np.float32 for mask in masks.values())


def test_masks_guide_a_transfer(embedded, pictures):
    """One region takes its own style, the other the other's."""
    content, *styles = map(np.asarray, pictures)
    found = superpixels(content, 6)
    half = len(found) // 2
    masks = found.masks({"one": range(1, half + 1), "rest": range(half + 1, len(found) + 1)})
    whole = np.ones((32, 32), np.float32)
    style_masks = [{"one": whole}, {"rest": whole}]
    style = Term(GramLoss("relu1_1"), 1.0)
    recipe = Recipe(content=(), style=(style,), optimizer=Adam(0.02), steps=1)
    result = stylize(content, styles, model=embedded, recipe=recipe, content_masks=masks, style_masks=style_masks)
    assert result.settings["masks"] == ["one", "rest"] and np.isfinite(result.image).all()


def test_neighbours():
    assert list(adjacent(LABELS)) == [(1, 2), (1, 3), (2, 3)]
    assert list(adjacent(np.array([[1, 2], [2, 1]]))) == [(1, 2)]
    assert list(adjacent(np.array([[1, 0, 2]]))) == []


def test_merging_is_by_the_means():
    """20 and 24 become 22, which is 7 from 29; 40 is 11 from there and 15.5 from the mean of all three."""
    row = grey(20, 24, 29, 40)
    np.testing.assert_array_equal(merge_regions(row, 3).labels, row.labels)
    np.testing.assert_array_equal(merge_regions(row, 4.5).labels[0, ::2], [1, 1, 2, 3])
    np.testing.assert_array_equal(merge_regions(row, 8).labels[0, ::2], [1, 1, 1, 2])
    np.testing.assert_array_equal(merge_regions(row, 14).labels[0, ::2], [1, 1, 1, 2])
    np.testing.assert_array_equal(merge_regions(row, 20).labels[0, ::2], [1, 1, 1, 1])
    pair = merge_regions(row, 4.5)
    np.testing.assert_allclose(pair.colors[0], row.colors[:2].mean(0), atol=1e-6)
    np.testing.assert_allclose(pair.colors[1:], row.colors[2:], atol=1e-6)


def test_regions_apart_stay_apart_however_alike():
    np.testing.assert_array_equal(merge_regions(grey(20, 80, 20), 10).labels[0, ::2], [1, 2, 3])


def test_no_neighbours_are_left_below_the_threshold(cat, cut):
    color = pytest.importorskip("skimage.color")
    merged = merge_regions(cut, 12)
    assert 1 < len(merged) < len(cut)
    lab = color.rgb2lab(merged.colors.astype(np.float64))
    assert min(np.linalg.norm(lab[a - 1] - lab[b - 1]) for a, b in adjacent(merged.labels)) >= 12 - 1e-3
    np.testing.assert_allclose(merged.colors[merged.labels - 1], abstract(cat, merged), atol=1e-5)
    np.testing.assert_array_equal(np.unique(merged.labels), np.arange(1, len(merged) + 1))
    parts = {(old, new) for old, new in zip(cut.labels.ravel().tolist(), merged.labels.ravel().tolist(), strict=True)}
    assert len(parts) == len(cut)


def test_merging_as_scikit_image_does(cat, cut):
    """Its graph, with distances between mean colours in L*a*b* as here."""
    graph, color = pytest.importorskip("skimage.graph"), pytest.importorskip("skimage.color")

    def distance(graph, a, b):
        lab = color.rgb2lab(np.stack([graph.nodes[n]["total color"] / graph.nodes[n]["pixel count"] for n in (a, b)]))
        return {"weight": np.linalg.norm(lab[0] - lab[1])}

    def add(graph, src, dst):
        for what in ("total color", "pixel count"):
            graph.nodes[dst][what] = graph.nodes[dst][what] + graph.nodes[src][what]

    rag = graph.rag_mean_color(cat.astype(np.float64), cut.labels, connectivity=1)
    for a, b in rag.edges:
        rag.edges[a, b].update(distance(rag, a, b))
    theirs = graph.merge_hierarchical(
        cut.labels, rag, thresh=12, rag_copy=False, in_place_merge=True, merge_func=add,
        weight_func=lambda graph, src, dst, n: distance(graph, dst, n),
    )  # fmt: skip
    ours = merge_regions(cut, 12).labels
    assert len({*zip(ours.ravel().tolist(), theirs.ravel().tolist(), strict=True)}) == ours.max() == theirs.max() + 1


def test_everything_merges_into_one(cut):
    found = merge_regions(cut, 1000)
    assert len(found) == 1 and (found.labels == 1).all()
    np.testing.assert_array_equal(merge_regions(cut, 0).labels, cut.labels)


def test_what_is_outside_stays_outside(cat):
    inside = np.zeros(cat.shape[:2], bool)
    inside[20:90, 30:120] = True
    merged = merge_regions(superpixels(cat, 20, mask=inside), 1000)
    np.testing.assert_array_equal(merged.labels == 0, superpixels(cat, 20, mask=inside).labels == 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 40), (3, 3)])
@pytest.mark.parametrize("n_segments", [1, 2, 1000])
def test_small_pictures(shape, n_segments):
    image = np.random.default_rng(0).uniform(size=(*shape, 3))
    found = superpixels(image, n_segments)
    assert 1 <= len(found) <= shape[0] * shape[1] and found.labels.min() >= 1
    assert abstract(image, found).shape == (*shape, 3)
    assert len(merge_regions(found, 1000)) == 1


def test_flat_and_grey_pictures_and_alpha():
    flat = np.full((20, 20, 3), [0.2, 0.4, 0.6], np.float32)
    found = superpixels(flat, 4)
    assert len(found) == 4
    np.testing.assert_allclose(abstract(flat, found, statistic="median"), flat, atol=1e-6)
    assert len(merge_regions(found, 1)) == 1
    assert superpixels(np.linspace(0, 1, 400).reshape(20, 20), 4).labels.shape == (20, 20)
    assert superpixels(np.zeros((8, 8, 4), np.uint8), 2).colors.shape[1] == 3


def test_a_mask_of_one_pixel():
    """SLIC finds no region in it."""
    mask = np.zeros((5, 5), bool)
    mask[2, 3] = True
    image = np.random.default_rng(0).uniform(size=(5, 5, 3)).astype(np.float32)
    found = merge_regions(superpixels(image, 10, mask=mask), 10)
    assert len(found) == 0 and found.masks() == {}
    for statistic in ("mean", "median"):
        np.testing.assert_array_equal(abstract(image, found, statistic=statistic), image)


@pytest.mark.parametrize("n", [0, -3, 2.5, True, None])
def test_wrong_numbers_of_segments(n):
    with pytest.raises(SettingError, match=r"n_segments: got .*, expected a whole number from 1"):
        superpixels(GREYS, n)


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "10", True])
def test_wrong_amounts(bad, cut):
    with pytest.raises(SettingError, match=r"compactness: got .*, expected a number from 0.001 to 1e\+06, such as 10"):
        superpixels(GREYS, 2, compactness=bad)
    with pytest.raises(SettingError, match="threshold: got"):
        merge_regions(cut, bad)


def test_wrong_masks():
    with pytest.raises(ImageError, match="mask: got 4 x 2 pixels, expected the aspect ratio of its picture of 3 x 3"):
        superpixels(GREYS, 2, mask=np.ones((2, 4), bool))
    with pytest.raises(SettingError, match="mask: is empty"):
        superpixels(GREYS, 2, mask=np.zeros((3, 3)))
    with pytest.raises(ImageError, match=r"^mask: got floats from 0 to 255"):
        superpixels(GREYS, 2, mask=VALUES / 0.8 * 255)


def test_wrong_arguments():
    found = Segmentation(LABELS, np.zeros((3, 3), np.float32))
    with pytest.raises(SettingError, match="statistic: got 'mode'"):
        abstract(GREYS, found, statistic="mode")
    with pytest.raises(SettingError, match=r"image: got \(2, 2\), expected \(3, 3\)"):
        abstract(np.zeros((2, 2, 3)), found)
    with pytest.raises(SettingError, match="color: got"):
        draw_boundaries(GREYS, found, color=(255, 0, 0))
    for numbers in ((0,), (4,), (), (1.5,)):
        with pytest.raises(SettingError, match=r"groups: got .* in 'a', expected region numbers from 1 to 3"):
            found.masks({"a": numbers})
    with pytest.raises(ImageError, match=r"^image: "):
        superpixels(np.zeros((3, 8, 8)), 2)
