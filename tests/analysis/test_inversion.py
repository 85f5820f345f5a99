"""Inversion: the pictures come to have the activations, each from its own noise, and numbers say how nearly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from jaxstyle import stylize
from jaxstyle.analysis import MahendranVedaldi, NoPrior, invert, invert_layers
from jaxstyle.errors import SettingError
from jaxstyle.losses import AlphaNorm, ContentLoss, TotalVariation
from jaxstyle.metrics import ssim
from jaxstyle.networks.model import features_of
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import Adam

LAYERS = ("relu1_1", "relu3_1")


@pytest.fixture(scope="module")
def photograph(pictures):
    return np.asarray(pictures[0])


@pytest.fixture(scope="module")
def found(embedded, photograph, pictures):
    return invert_layers(embedded, photograph, LAYERS, restarts=2, steps=60, seed=3, others=pictures)


def test_pictures_of_each_layer_from_noise_of_their_own(found):
    for layer, made in found.items():
        assert made.layer == layer and made.pictures.shape == (2, 32, 32, 3)
        assert made.pictures.min() >= 0 and made.pictures.max() <= 1
        assert not np.array_equal(*made.pictures)
    assert found["relu1_1"].psnr.min() > 18 > found["relu3_1"].psnr.max()
    assert found["relu1_1"].variance.mean() < 0.5 * found["relu3_1"].variance.mean()
    assert found["relu3_1"].code_error.max() < 0.5


def test_the_numbers_are_what_they_say(found, embedded, photograph, pictures):
    for layer, made in found.items():
        code = lambda picture, layer=layer: np.asarray(features_of(embedded, jnp.asarray(picture), {layer})[layer])  # noqa: E731
        wanted = code(photograph)
        distances = [np.linalg.norm(code(picture) - wanted) for picture in made.pictures]
        np.testing.assert_allclose(made.code_error, distances / np.linalg.norm(wanted), rtol=1e-4)
        a, b, c = map(code, pictures)
        mean = np.mean([np.linalg.norm(a - b), np.linalg.norm(a - c), np.linalg.norm(b - c)])
        np.testing.assert_allclose(made.normalized_error, distances / mean, rtol=1e-4)
        psnr = [peak_signal_noise_ratio(photograph, picture, data_range=1) for picture in made.pictures]
        np.testing.assert_allclose(made.psnr, psnr, rtol=1e-4)
        np.testing.assert_allclose(
            made.ssim, [ssim(jnp.asarray(each), pictures[0]) for each in made.pictures], rtol=1e-4
        )
        np.testing.assert_allclose(made.variance, np.var(made.pictures, axis=0).mean(-1), atol=1e-7)


def test_a_layer_among_others_and_alone_is_a_run_of_stylize(embedded, photograph):
    """Terms of weight 0 change nothing but rounding."""
    alone = invert(embedded, photograph, "relu1_1", prior=NoPrior(), steps=5, seed=7)
    among = invert_layers(embedded, photograph, LAYERS, prior=NoPrior(), steps=5, seed=7)["relu1_1"]
    recipe = Recipe(
        content=Term(ContentLoss("relu1_1")), style=(), optimizer=Adam(0.02), steps=5, average=0.0, init="noise"
    )
    expected = stylize(photograph, None, model=embedded, recipe=recipe, seed=7).image
    np.testing.assert_allclose(alone.pictures[0], expected, atol=1e-5)
    np.testing.assert_allclose(among.pictures[0], expected, atol=1e-3)
    assert alone.normalized_error is None


def test_the_priors_are_the_published_formula(photograph):
    """In pixels of 0 to 255 minus the mean, and s the norm of a usual picture of that size."""
    x = 255 * (photograph.astype(float) - 0.45)
    s = 255 * 0.25 * np.sqrt(photograph.size)
    dx, dy = np.diff(x, axis=1)[:-1], np.diff(x, axis=0)[:, :-1]
    for depth, weight in ((0.0, 1), (0.4, 10), (0.99, 100), (1.0, 100)):
        tv, alpha = MahendranVedaldi().terms(depth, photograph.shape)
        assert tv.loss == TotalVariation(form="corner") and alpha.loss == AlphaNorm()
        with jax.enable_x64(True):
            wide = jnp.asarray(photograph, jnp.float64)
            assert tv.weight * float(tv.loss(wide)) == pytest.approx(weight / 2 * np.sum(dx**2 + dy**2) / s**2)
            expected = 8e-10 / 2 * np.sum(x**6) / s**2
            assert alpha.weight * float(alpha.loss(wide)) == pytest.approx(expected, rel=1e-6)
    assert MahendranVedaldi(tv=3.0).terms(0.9, (2, 2, 3))[0].weight == pytest.approx(3 / (0.25**2 * 12))
    assert not (MahendranVedaldi().terms(0.5, (4, 4, 3))[0].relative or NoPrior().terms(0.5, (4, 4, 3)))


def test_any_network_of_twelve_lines(photograph):
    @jax.tree_util.register_static
    class Blurs:
        layers, name = ("half", "quarter"), "blurs"

        def geometry(self, layer):
            return {"half": (2, 0), "quarter": (4, 0)}[layer]

        def features(self, image, layers):
            h, w, _ = image.shape
            sizes = {name: self.geometry(name)[0] for name in layers}
            return {name: jax.image.resize(image, (h // s, w // s, 3), "linear") for name, s in sizes.items()}

    with pytest.raises(SettingError, match="no layer 'eighth'"):
        invert_layers(Blurs(), photograph, ("half", "eighth"))
    assert invert(Blurs(), photograph, "input", steps=60).psnr[0] > 15
    found = invert_layers(Blurs(), photograph, ("half", "quarter"), steps=60)
    assert found["half"].code_error[0] < 0.2 and found["half"].psnr[0] > found["quarter"].psnr[0]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"layers": "relu1_1"}, "layers: got 'relu1_1', expected a tuple of layer names"),
        ({"layers": ()}, "layers: got"),
        ({"layers": ("relu9_1",)}, "no layer 'relu9_1'"),
        ({"prior": 3}, "prior: got 3, expected MahendranVedaldi"),
        ({"restarts": 0}, "restarts: got 0"),
        ({"restarts": 65}, "restarts: got 65"),
        ({"steps": 0}, "steps: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"others": [np.zeros((32, 32, 3))]}, "others: got one picture, expected at least two"),
    ],
)
def test_what_is_refused(embedded, photograph, options, error):
    with pytest.raises(SettingError, match=error):
        invert_layers(embedded, photograph, **{"layers": LAYERS} | options)
    with pytest.raises(SettingError, match="tv: got -1"):
        MahendranVedaldi(tv=-1)
