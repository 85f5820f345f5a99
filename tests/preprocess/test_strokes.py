import numpy as np

from jaxstyle.preprocess.strokes import GARDEN, follow, paint_strokes, smooth_noise


def test_strokes_are_a_picture_of_many_colours_and_the_same_each_time():
    first, second = (paint_strokes(96, seed=5, strokes=400) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (96, 96, 3) and first.min() >= 0 and first.max() <= 1 and first.std() > 0.1
    assert not np.array_equal(first, paint_strokes(96, seed=6, strokes=400))
    assert paint_strokes(32, palette=GARDEN, strokes=50).shape == (32, 32, 3)


def test_noise_is_even_and_paths_follow_the_field():
    noise = smooth_noise(np.random.default_rng(0), 64, 4)
    assert noise.min() == 0 and noise.max() == 1
    np.testing.assert_allclose(np.histogram(noise, 4)[0] / noise.size, 0.25, atol=0.01)
    starts = np.array([[3.0, 4.0], [19.5, 18.0]])  # angle 0 leads along the row, and out of the picture
    paths = follow(np.zeros((20, 20)), starts, 4)
    np.testing.assert_array_equal(paths, starts[:, None] + [[0, 2 * i] for i in range(5)])
    angle = np.zeros((20, 20))
    angle[3, 6] = np.pi / 2  # one step on, it turns down the column
    np.testing.assert_allclose(follow(angle, starts[:1], 3)[0], [[3, 4], [3, 6], [5, 6], [5, 8]])


def test_the_colours_are_the_palettes_a_little_varied():
    white = paint_strokes(64, palette=("#ffffff", "#ffffff"), strokes=200)
    assert 0.7 < white.min() < 0.95 and np.median(white) > 0.98
    red = paint_strokes(64, palette=("#ff0000", "#ff0000"), strokes=200).mean((0, 1))
    assert red[0] > 0.95 and red[1:].max() < 0.1


def test_a_further_stroke_covers_a_small_part():
    lone = [paint_strokes(128, palette=("#000000", "#000000", "#ffffff"), strokes=n) for n in (1, 2)]
    changed = np.abs(lone[1] - lone[0]).max(-1) > 0.02
    assert not np.array_equal(*lone) and changed.mean() < 0.2
